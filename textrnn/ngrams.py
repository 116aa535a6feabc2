"""A message as a bag of n-grams, and by its size: what the linear branch of the model reads."""

import math
import re
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

SHORTEST, LONGEST = 1, 5  # characters of an n-gram
MOST = 5000  # characters of a message that are read: so many n-grams at most are in memory for each
LONG = 160  # characters of an SMS: that a message is longer still tells no more (docs/experiments.md)

_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\b\w\w+\b")


def ngrams(text: str) -> NDArray[np.uint32]:
    """Return the distinct hashes, in order, of the n-grams of `text`: 1 to 5 characters, and 1 or 2 words.

    In lower case; white space of any length is one character. Word n-grams are kept apart from those of characters.
    """
    text = _SPACE.sub(" ", text[:MOST].lower())
    words = _WORD.findall(text)
    grams = {
        text[start : start + size] for size in range(SHORTEST, LONGEST + 1) for start in range(len(text) - size + 1)
    }
    grams.update(f"1\t{word}" for word in words)
    grams.update(f"2\t{one} {other}" for one, other in pairwise(words))
    return np.unique(np.fromiter((crc32(gram.encode("utf-8")) for gram in grams), np.uint32, len(grams)))


def lookup(known: NDArray[np.uint32], bag: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return where those of the n-grams that are known stand among the known ones. Both are in order."""
    places = np.searchsorted(known, bag)
    places, bag = places[places < len(known)], bag[places < len(known)]
    found: NDArray[np.int64] = places[known[places] == bag]
    return found


def size(text: str) -> float:
    """Return log(1 + characters), of LONG at most: a bag of n-grams, scaled to length 1, does not tell it."""
    return math.log1p(min(len(text), LONG))
