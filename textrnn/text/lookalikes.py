r"""Letters that look Latin and are not, and characters that nobody sees: both hide a word from a classifier.

The rule, which needs no library:

1. A word is a run of WORD: Latin letters, letters of the FOREIGN blocks (Greek, Cyrillic, Armenian), accents and
   invisible characters. It is genuine if it has a foreign letter that LATIN does not name; it is mixed if it is not
   genuine and has both a Latin letter and a look-alike.
2. If a text has more mixed words than genuine ones, each look-alike outside its genuine words becomes its Latin letter.
   So a Russian text stays as it is, with a brand in Latin letters or a word such as "нет" beside "VIPа".
3. Then each run of INVISIBLE characters beside a Latin letter or a digit goes. Elsewhere they stay, as scripts such as
   Persian and Khmer and families of emoji need them, and so do those of a keycap such as 1️⃣.
"""

import re

_LETTERS = "A-Za-z\u00c0-\u024f\u1e00-\u1eff"
FOREIGN = "\u0251\u0261\u0370-\u03ff\u0400-\u052f\u0531-\u0587\u1f00-\u1fff\ua640-\ua69f"
# Those of Unicode's Default_Ignorable_Code_Point that are no letters.
INVISIBLE = (
    "\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff"
)
WORD = f"[{_LETTERS}{FOREIGN}{INVISIBLE}\u0300-\u036f]+"
# Letters of those blocks that Unicode's confusables.txt (UTS 39) takes for one ASCII letter. Three are read otherwise:
# a capital iota as I, not as l; a small palochka as l; and a final sigma as c, for NFKC makes one of a lunate sigma.
LOOKALIKES = {
    "A": "\u0410\u0391",
    "B": "\u0412\u0392",
    "C": "\u0421\u03f9",
    "E": "\u0415\u0395",
    "F": "\u03dc",
    "G": "\u050c",
    "H": "\u041d\u0397",
    "I": "\u0406\u04c0\u0399",
    "J": "\u0408\u037f",
    "K": "\u041a\u039a",
    "M": "\u041c\u039c\u03fa",
    "N": "\u039d",
    "O": "\u041e\u039f\u0555",
    "P": "\u0420\u03a1",
    "S": "\u0405\u054f",
    "T": "\u0422\u03a4",
    "U": "\u054d",
    "V": "\u0474",
    "W": "\u051c",
    "X": "\u0425\u03a7",
    "Y": "\u0423\u04ae\u03a5",
    "Z": "\u0396",
    "a": "\u0430\u0251\u03b1",
    "b": "\u042c",
    "c": "\u0441\u03c2\u03f2",
    "d": "\u0501",
    "e": "\u0435\u04bd",
    "f": "\u0584",
    "g": "\u0261\u0581",
    "h": "\u04bb\u0570",
    "i": "\u0456\ua647\u03b9",
    "j": "\u0458\u03f3",
    "l": "\u04cf",
    "n": "\u0578\u057c",
    "o": "\u043e\u03bf\u03c3\u0585",
    "p": "\u0440\u03c1",
    "q": "\u051b\u0563\u0566",
    "r": "\u0433",
    "s": "\u0455",
    "u": "\u057d\u03c5",
    "v": "\u0475\u03bd",
    "w": "\u051d\u0461\u0561",
    "x": "\u0445",
    "y": "\u0443\u04af\u03b3",
}
LATIN = {ord(letter): latin for latin, letters in LOOKALIKES.items() for letter in letters}

_WORDS = re.compile(WORD)
_LATIN = re.compile(f"[{_LETTERS}]")
_LOOKALIKE = re.compile(f"[{''.join(LOOKALIKES.values())}]")
_GENUINE = re.compile(f"(?![{''.join(LOOKALIKES.values())}])[{FOREIGN}]")
_HIDDEN = re.compile(f"(?<=[{_LETTERS}0-9])[{INVISIBLE}]+(?![{INVISIBLE}\u20e3])|[{INVISIBLE}]+(?=[{_LETTERS}0-9])")
# By what textrnn/report/text.js calls them.
PATTERNS = {"alphabets": _WORDS, "latin": _LATIN, "lookalike": _LOOKALIKE, "genuine": _GENUINE, "hidden": _HIDDEN}


def folded(text: str) -> str:
    """Return `text` with Latin letters for those that look like them, and without what hides in its Latin words."""
    if text.isascii():
        return text
    if _LOOKALIKE.search(text):
        words = [word for word in _WORDS.findall(text) if not word.isascii()]
        genuine = [word for word in words if _GENUINE.search(word)]
        mixed = [word for word in words if _is_mixed(word)]
        if len(mixed) > len(genuine):
            text = _WORDS.sub(_latin, text)
    return _HIDDEN.sub("", text)


def _is_mixed(word: str) -> bool:
    return bool(_LATIN.search(word) and _LOOKALIKE.search(word)) and not _GENUINE.search(word)


def _latin(match: re.Match[str]) -> str:
    word = match.group()
    return word if _GENUINE.search(word) else word.translate(LATIN)
