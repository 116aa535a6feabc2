"""A message as a bag of n-grams, and by its size: what the linear branch of the model reads."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

LONGEST = 5  # characters of an n-gram
MOST = 5000  # characters of a message that are read: each of them begins up to five n-grams in memory
LONG = 160  # characters of an SMS: a message longer than that is no more likely to be spam (docs/experiments.md)

_SPACE = re.compile(r"\s\s+|[^\S ]")  # white space which is not one space already
_WORD = re.compile(r"\w\w+")
# What a byte does to the register of a CRC-32 (all ones before the first byte, and inverted after the last).
_TABLE = np.array([crc32(bytes([byte ^ 0xFF])) ^ 0xFF000000 for byte in range(256)], np.uint32)

Hashes = NDArray[np.uint32]
Numbers = NDArray[np.int64]


class Bags(NamedTuple):
    """The n-grams of several texts, those of the first text first."""

    hashes: Hashes  # of each distinct n-gram of a text, in order
    owners: Numbers  # the number of the text that the n-gram is from


def bags(texts: Sequence[str]) -> Bags:
    """Return the distinct hashes of the n-grams of each text: 1 to 5 characters, and 1 or 2 words.

    In lower case; white space of any length is one character. Word n-grams are kept apart from those of characters
    by `1<TAB>` or `2<TAB>` before them. A hash is the CRC-32 of the n-gram in UTF-8.
    """
    texts = [_SPACE.sub(" ", text[:MOST].lower()) for text in texts]
    hashes, owners = _character_grams(texts)
    words = [_word_grams(text) for text in texts]
    word_hashes = np.array([gram for grams in words for gram in grams], np.uint32)
    word_owners = np.repeat(np.arange(len(texts)), [len(grams) for grams in words])
    return _distinct(np.concatenate([hashes, word_hashes]), np.concatenate([owners, word_owners]))


def _word_grams(text: str) -> list[int]:
    """Return the hashes of the words of two characters or more, and of the pairs of neighbours among them."""
    words = _WORD.findall(text)
    singles = [crc32(f"1\t{word}".encode()) for word in words]
    return singles + [crc32(f"2\t{one} {two}".encode()) for one, two in pairwise(words)]


def _character_grams(texts: Sequence[str]) -> tuple[Hashes, Numbers]:
    """Return the hashes of all n-grams of characters, and for each the number of its text.

    All texts are hashed at once: the register of each n-gram takes a character, then that of each longer one the next.
    zlib.crc32 on each n-gram gives the same hashes, and takes three times as long.
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    owners = np.repeat(np.arange(len(texts)), lengths)
    ends = np.repeat(np.cumsum(lengths) - 1, lengths)  # of the text that each character is in
    utf8 = np.frombuffer("".join(f"{text}\n" for text in texts).encode(), np.uint8)
    first = np.flatnonzero((utf8 & 0xC0) != 0x80)  # the byte with which each character begins
    sizes = np.diff(first, append=len(utf8))

    starts = np.arange(len(owners))
    registers = np.full(len(starts), 0xFFFFFFFF, np.uint32)
    found = []
    for length in range(LONGEST):
        inside = starts + length < ends[starts]
        starts, registers = starts[inside], registers[inside]
        places = starts + length
        registers = _next(registers, utf8[first[places]])
        for byte in range(1, int(sizes[places].max(initial=1))):
            some = np.flatnonzero(sizes[places] > byte)
            registers[some] = _next(registers[some], utf8[first[places[some]] + byte])
        found.append((~registers, owners[starts]))
    hashes, numbers = zip(*found, strict=True)
    return np.concatenate(hashes), np.concatenate(numbers)


def _next(registers: Hashes, taken: NDArray[np.uint8]) -> Hashes:
    following: Hashes = _TABLE[(registers ^ taken) & 0xFF] ^ (registers >> np.uint32(8))
    return following


def _distinct(hashes: Hashes, owners: Numbers) -> Bags:
    """Return each hash of a text once."""
    # Sorted here, since np.unique hashes, and takes five times as long.
    ordered = np.sort(owners.astype(np.uint64) << np.uint64(32) | hashes)
    distinct = ordered[np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))]
    return Bags(distinct.astype(np.uint32), (distinct >> np.uint64(32)).astype(np.int64))


def ngrams(text: str) -> Hashes:
    """Return the distinct hashes, in order, of the n-grams of `text`, as `bags` does."""
    return bags([text]).hashes


def places(known: Hashes, hashes: Hashes) -> Numbers:
    """Return where each hash stands among the known ones, which are in order; -1 for one that is not known."""
    places = np.searchsorted(known, hashes)
    with_end = np.append(known, np.uint64(1 << 32))  # which is no hash, so that every place holds something
    return np.where(with_end[places] == hashes, places, -1)


def lookup(known: Hashes, bag: Hashes) -> Numbers:
    """Return where the known ones of a bag's n-grams stand among all known ones, which are in order."""
    found = places(known, bag)
    return found[found >= 0]


def size(text: str) -> float:
    """Return log(1 + characters), at most that of LONG: the scaled bag of n-grams holds no trace of the length."""
    return math.log1p(min(len(text), LONG))
