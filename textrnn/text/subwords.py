"""Subwords of a token, as hashed numbers: a word never seen in training still shares some with known words."""

import math
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

SHORTEST, LONGEST = 3, 5  # letters of a character n-gram: fastText (Bojanowski et al. 2017) takes 3 to 6
MOST = 40  # features of one token; a link may have hundreds

SHAPES = ((re.compile(r"[^\W\d_]+"), "a"), (re.compile(r"\d+"), "0"))


def features(token: str, buckets: int) -> list[int]:
    """Return the hashed features of `token` as at most MOST numbers in 1 … buckets.

    They are the whole token, its case (in capitals, capitalised, or neither), its shape (which kinds of
    characters follow each other), and the character n-grams of `<token>` in lower case.
    """
    word = f"<{token.casefold()}>"
    names = (f"word {token}", f"case {case(token)}", f"shape {shape(token)}", word)
    hashes = [crc32(name.encode()) for name in names]
    sizes, room = range(SHORTEST, LONGEST + 1), MOST - len(names)
    letters: Any = word.encode() if word.isascii() else word  # ASCII is encoded once, and not gram by gram
    grams = (letters[start : start + size] for size in sizes for start in range(len(word) - size + 1))
    hashes += map(crc32, islice(grams if word.isascii() else map(str.encode, grams), room))
    return [1 + number % buckets for number in hashes]


def case(token: str) -> str:
    """Return how `token` is written: advertisements like capitals."""
    if token.isupper():
        return "upper" if len(token) > 1 else "letter"
    return "title" if token[:1].isupper() else "lower"


def shape(token: str) -> str:
    """Return `token` with each run of letters as one `a` and each run of digits as one `0`."""
    for pattern, sign in SHAPES:
        token = pattern.sub(sign, token)
    return token[:8]


class Features(NamedTuple):
    """The features of many tokens: those of token i are `flat[offsets[i]:offsets[i + 1]]`."""

    flat: NDArray[np.integer]
    offsets: NDArray[np.int64]


def of_many(tokens: list[str], buckets: int) -> Features:
    """Return the features of all tokens of a corpus, perhaps millions, in as few bytes as may be."""
    offsets = np.zeros(len(tokens) + 1, np.int64)

    def flat() -> Iterator[int]:
        for place, token in enumerate(tokens):
            found = features(token, buckets)
            offsets[place + 1] = offsets[place] + len(found)
            yield from found

    return Features(np.fromiter(flat(), np.min_scalar_type(buckets)), offsets)


def table(tokens: list[str], buckets: int, multiple: int = 1) -> NDArray[np.int32]:
    """Return the features of each token, a row each, padded to the least multiple that holds the longest."""
    rows = [features(token, buckets) for token in tokens]
    return padded(np.fromiter(chain(*rows), np.int32), np.fromiter(map(len, rows), np.int64), multiple)


def padded(flat: NDArray[Any], lengths: NDArray[np.int64], multiple: int, dtype: Any = np.int32) -> NDArray[Any]:
    """Return rows, which lie in `flat` one after another, as one array (rows, width), padded with 0.

    The width is the least multiple that holds the longest row, and not 0.
    """
    width = max(1, math.ceil(int(lengths.max(initial=0)) / multiple)) * multiple
    array = np.zeros((len(lengths), width), dtype)
    array[np.arange(width) < lengths[:, None]] = flat
    return array
