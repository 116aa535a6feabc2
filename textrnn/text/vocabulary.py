r"""From a text to tokens, and the vocabulary: the known tokens, and the number of each.

No token is empty or holds white space.

`word` is the regular expression of TensorFlow's old VocabularyProcessor: runs of word characters, apostrophes and
hyphens. All other characters of a message are lost.

`rich` loses nothing but white space: links, currency signs, runs of one punctuation mark and emoticons are tokens too,
and words keep their capitals. A number becomes its shape, the digits after the first two masked once it has five
(premium-rate numbers and short codes betray themselves by how they begin and how long they are), and every digit
masked when it has two to four. Accents and vowel signs stay in their word. In a script written without blanks, such as
Chinese or Thai, each character with its marks is a token.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

from textrnn.core.files import opened, replacing
from textrnn.text.scripts import CLUSTER, MARKS, UNSPACED

UNKNOWN = 0  # the id of a token too rare to keep, and of padding

Tokenizer = Literal["word", "rich"]

_WORD = r"[A-Z]{2,}(?![a-z])|[A-Z][a-z]+(?=[A-Z])|[\'\w\-]+"
_LETTERS = rf"[^\W\d_{UNSPACED}]+"
_RICH = (
    r"(?i:https?://|www\.)\S+"
    r"|[:;=8][-o']?[()\[\]dDpP/\\|*](?!\w)"  # emoticons
    r"|\d+"
    r"|[A-Za-z]+(?=[ .,!?])"  # most words, found sooner
    rf"|{_LETTERS}(?:['\u2019]{_LETTERS}|[{MARKS}][{MARKS}\u200c\u200d]*(?:{_LETTERS})?)*"  # don't, cafe\u0301
    r"|([^\w\s])\1*|_+"  # one mark, repeated or not
    rf"|{CLUSTER}"
)
PATTERNS: dict[Tokenizer, str] = {"word": _WORD, "rich": _RICH}
_DIGIT = re.compile(r"\d")


@cache
def _pattern(tokenizer: Tokenizer) -> re.Pattern[str]:
    """Return the pattern of a token. Compiling one takes longer than many a message, and some models read none."""
    return re.compile(PATTERNS[tokenizer])


def tokenize(text: str, tokenizer: Tokenizer) -> list[str]:
    """Return the tokens of `text` in order."""
    if tokenizer == "word":
        return _pattern(tokenizer).findall(text)
    tokens = [match.group() for match in _pattern(tokenizer).finditer(text)]
    return [_shape(token) if token.isdecimal() else token for token in tokens]


def spans(text: str, tokenizer: Tokenizer) -> list[tuple[int, int]]:
    """Return where in `text` each of its tokens begins and ends."""
    return [match.span() for match in _pattern(tokenizer).finditer(text)]


def _shape(token: str) -> str:
    if len(token) == 1:
        return token
    kept = 2 if len(token) >= 5 else 0
    return token[:kept] + _DIGIT.sub("0", token[kept:])


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return the tokens with their counts, by falling count and then by token."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def write_counts(path: Path, counts: Iterable[tuple[str, int]]) -> None:
    """Write a `token<TAB>count` line for each token: its zero-based line is its id."""
    with replacing(path) as file:
        for token, count in counts:
            file.write(f"{token}\t{count}\n".encode())


def read_tokens(path: Path) -> list[str]:
    """Return the tokens of a file that `write_counts` wrote, in order."""
    with opened(path) as file:  # there may be millions, and a list of each line's fields takes ten times the memory
        return [token for token, _ in (line.decode().removesuffix("\n").split("\t") for line in file)]
