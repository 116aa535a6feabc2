r"""Scripts written without blanks, whose words no regular expression finds, and the marks that belong to a letter.

UNSPACED and MARKS are ranges for the inside of a character class. CLUSTER is the pattern of what stands for a word in
those scripts: a letter with its marks, the letters below it, and the vowels that are written before and after it. So
one token is a Chinese character, or about a syllable's half in Thai. Korean words have blanks between them, and Tibetan
syllables a mark.
"""

import unicodedata
from itertools import chain, groupby

# Those in use that Unicode's line breaking (UAX 14) parts at any letter, or with a dictionary.
UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    "\u1a00-\u1a1f\u1b00-\u1b7f\u1bc0-\u1bff\ua980-\ua9df"  # Buginese, Balinese, Batak, Javanese
    "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f\U0001b000-\U0001b16f"  # Hiragana and Katakana
    "\u3105-\u312f\u31a0-\u31bf\ua000-\ua4cf"  # Bopomofo, Yi
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
# Where the accents and vowel signs of today's scripts are; those of symbols and of emoji lie elsewhere.
_BLOCKS = range(0x0300, 0x1E00), range(0x2DE0, 0x3100), range(0xA66F, 0xAC00)
_CODES = (code for code in chain(*_BLOCKS) if unicodedata.category(chr(code))[0] == "M")
_RUNS = ([code for _, code in run] for _, run in groupby(enumerate(_CODES), lambda pair: pair[1] - pair[0]))
MARKS = "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in _RUNS)

_LETTER = rf"(?![\W\d])[{UNSPACED}]"
_BEFORE, _AFTER = "\u0e40-\u0e44\u0ec0-\u0ec4", "\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3\uff9e\uff9f"
_JOINERS = "\u17d2\u1039\u1a60\u1b44\ua9c0"  # the next letter is written below
CLUSTER = rf"[{_BEFORE}]*{_LETTER}(?:[{MARKS}]|(?<=[{_JOINERS}]){_LETTER})*[{_AFTER}]*"
# Words of two characters or more, as scikit-learn has them, and clusters.
WORDS = rf"[^\W{UNSPACED}](?:[^\W{UNSPACED}]+|[{MARKS}]+)+|{CLUSTER}"
