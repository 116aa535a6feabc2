r"""Python's view of characters, for a browser: its regular expressions and its mappings of case, written out.

A browser knows other characters as letters than Python does, and each release of both knows more. So each class of
characters, such as `\w`, becomes the list of those that Python finds in it.
"""

import re
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

# Characters that Unicode 15.0 and 15.1 added, and some that became lower case then. Python 3.12 knows them, Python 3.11
# does not, and the page has the same bytes with both: it reads them as 3.11 does.
LATER = (
    "cf3 ece 2ffc-2fff 31ef 10efd-10eff 1123f-11241 11b00-11b09 11f00-11f10 11f12-11f3a 11f3e-11f59 1342f 13439-13455 "
    "1b132 1b155 1d2c0-1d2d3 1df25-1df2a 1e030-1e06d 1e08f 1e4d0-1e4f9 1f6dc 1f774-1f776 1f77b-1f77f 1f7d9 1fa75-1fa77 "
    "1fa87-1fa88 1faad-1faaf 1fabb-1fabd 1fabf 1face-1facf 1fada-1fadb 1fae8 1faf7-1faf8 2b739 2ebf0-2ee5d 31350-323af"
)
LATER_LOWER = "\u10fc\ua7f2\ua7f3\ua7f4\uab69"
# Where letters with case are, and what may stand between them and belongs to no word.
CASED = range(0x20000), range(0xE0000, 0xE1000)
NEVER = 0xFDD0  # a code point that no version gives a character, and that stands for those of LATER

# The parts of a regular expression that both languages write alike, but for classes and single characters.
PART = re.compile(
    r"(?P<kind>\[\^?\]?(?:\\.|[^\[\]\\])*\]|\\[wWdDsS]|\.)"
    r"|(?P<bound>\\[bB])"
    r"|(?P<flag>\(\?i\))"
    r"|(?P<open>\(\?i:|\((?:\?(?::|=|!|<=|<!))?(?!\?))"
    r"|(?P<close>\))"
    r"|(?P<same>(?:[*+?]|\{\d+(?:,\d*)?\})\??(?![+*?{])|[|^$]|\\[1-9](?!\d))"
    r"|(?P<letter>\\[^\w\s]|[^\\\[\](){}*+?|^$.])",
    re.DOTALL,
)


class UnknownError(ValueError):
    """A part of a regular expression that has no counterpart here."""


@cache
def every(library: Any = re) -> str:
    """Return all characters in the order of their numbers. The library regex knows the same ones with each Python."""
    codes = np.arange(0x110000, dtype="<u4")
    for first, _, last in (part.partition("-") for part in LATER.split() if library is re):
        codes[int(first, 16) : int(last or first, 16) + 1] = NEVER
    return codes.tobytes().decode("utf-32-le", "surrogatepass")


def ranges(codes: Iterable[int]) -> str:
    """Return the class of the characters of these numbers, which rise."""
    runs = ([code for _, code in run] for _, run in groupby(enumerate(codes), lambda pair: pair[1] - pair[0]))
    return "[" + "".join(f"\\u{{{run[0]:x}}}-\\u{{{run[-1]:x}}}" for run in runs) + "]"


@cache
def listed(kind: str, library: Any = re) -> str:
    """Return a class of characters, or a single one, as the list of what it finds."""
    spans = (match.span() for match in library.finditer(f"(?:{kind})+", every(library)))
    return "[" + "".join(f"\\u{{{start:x}}}-\\u{{{end - 1:x}}}" for start, end in spans) + "]"


def javascript(pattern: str, library: Any = re) -> str:
    """Return a regular expression of `library`, re or regex, as JavaScript reads it with the flag u.

    Raises UnknownError for what only some languages have, such as named groups and possessive repetitions.
    """
    result, place, folds = "", 0, [False]
    while place < len(pattern):
        if not (part := PART.match(pattern, place)):
            raise UnknownError(pattern[place : place + 20])
        kind, text, place = part.lastgroup, part.group(), part.end()
        if kind == "flag":
            folds[-1] = True
        elif kind == "open":
            folds.append(folds[-1] or text == "(?i:")
            text = text.replace("(?i:", "(?:")
        elif kind == "close":
            folds.pop()
        elif kind == "bound":
            text = bound(text, library)
        elif kind in ("kind", "letter"):
            text = f"(?i:{text})" if folds[-1] else text
            text = single(text) if kind == "letter" and not folds[-1] else listed(text, library)
        elif text[0] == "\\" and folds[-1]:
            raise UnknownError(f"{text} that ignores case")
        result += text * (kind != "flag")
    return result


def single(text: str) -> str:
    """Return one character as a pattern that finds it and nothing else."""
    return f"\\u{{{ord(text[-1]):x}}}"


def bound(text: str, library: Any) -> str:
    r"""Return what `\b` finds, the edge of a word, or `\B`, all but that."""
    word = listed(r"\w", library)
    edge = f"(?<={word})(?!{word})|(?<!{word})(?={word})"
    return f"(?:{edge})" if text == r"\b" else f"(?!{edge})"


@cache
def cases() -> dict[str, Any]:
    """Return how Python changes the case of characters, and which have one.

    `lower` and `folded` hold each character that lower() and casefold() change, and what it becomes. `capital` and
    `small` are the classes that isupper() asks for. A capital sigma is the letter that ends a word where `sigma`
    finds it.
    """
    letters = {code: every()[code] for places in CASED for code in places}
    small = [code for code, one in letters.items() if one.islower() or (one.istitle() and not one.isupper())]
    return {
        "lower": {one: one.lower() for one in letters.values() if one.lower() != one},
        "folded": {one: one.casefold() for one in letters.values() if one.casefold() != one},
        "capital": ranges(code for code, one in letters.items() if one.isupper()),
        "small": ranges(code for code in small if chr(code) not in LATER_LOWER),
        "sigma": sigma(letters),
    }


def sigma(letters: dict[int, str]) -> str:
    """Return the pattern of a capital sigma at the end of a word: after a letter with case, and not before one.

    Python keeps these properties to itself, so it is asked what becomes of a sigma behind each character.
    """
    ends = {code: f"{one}\u03a3".lower().endswith("\u03c2") for code, one in letters.items()}
    skipped = (code for code, one in letters.items() if not ends[code] and f"a{one}\u03a3".lower().endswith("\u03c2"))
    cased, between = ranges(code for code, found in ends.items() if found), ranges(skipped)
    return f"(?<={cased}{between}*)\u03a3(?!{between}*{cased})"
