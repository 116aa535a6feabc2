"""A message as bags of n-grams, of characters and of words, and by its size: what the linear branch reads."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from textrnn.text import scripts

LONGEST = 5  # characters of an n-gram
MOST = 5000  # characters of a message that are read: each of them begins up to five n-grams in memory
AT_ONCE = 256  # texts
LONG = 160  # characters of an SMS: a message longer than that is no more likely to be spam (docs/experiments.md)

SPACE = re.compile(r"\s\s+|[^\S ]")  # white space which is not one space already
_WORD, _ASCII_WORD = re.compile(scripts.WORDS), re.compile(r"\w\w+")  # the latter finds the same, in half the time
# What a byte does to the register of a CRC-32 (all ones before the first byte, and inverted after the last).
_TABLE = np.array([crc32(bytes([byte ^ 0xFF])) ^ 0xFF000000 for byte in range(256)], np.uint32)

WORDS = 1 << 32  # added to the hash of an n-gram of words, so that those of characters come first

Grams = NDArray[np.uint64]
Numbers = NDArray[np.int64]
_Hashes = NDArray[np.uint32]


class Bags(NamedTuple):
    """The n-grams of several texts, those of the first text first."""

    grams: Grams  # each distinct n-gram of a text, in order
    owners: Numbers  # the number of the text that the n-gram is from
    counts: Numbers  # how often it stands there


def bags(texts: Sequence[str]) -> Bags:
    """Return the n-grams of each text: 1 to 5 characters, and 1 or 2 words.

    In lower case; white space of any length is one character. An n-gram of characters is the CRC-32 of its UTF-8; one
    of words is WORDS and the CRC-32 of `1<TAB>` or `2<TAB>` and the words.
    """
    texts = [SPACE.sub(" ", text[:MOST].lower()) for text in texts]
    hashes, owners = _character_grams(texts)
    words = [_word_grams(text) for text in texts]
    word_grams = np.array([gram for grams in words for gram in grams], np.uint64)
    word_owners = np.repeat(np.arange(len(texts)), [len(grams) for grams in words])
    return _distinct(np.concatenate([hashes, word_grams]), np.concatenate([owners, word_owners]))


def bags_of_many(texts: Sequence[str]) -> Bags:
    """Return what `bags` does, in less memory: hashing some texts takes hundreds of bytes for each character."""
    found = [bags(texts[start : start + AT_ONCE]) for start in range(0, len(texts), AT_ONCE)]
    moved = (part._replace(owners=part.owners + number * AT_ONCE) for number, part in enumerate(found))
    return Bags(*map(np.concatenate, zip(*moved, strict=True)))


def _word_grams(text: str) -> list[int]:
    """Return the words, and the pairs of neighbours among them."""
    words: list[str] = (_ASCII_WORD if text.isascii() else _WORD).findall(text)
    singles = [WORDS + crc32(f"1\t{word}".encode()) for word in words]
    return singles + [WORDS + crc32(f"2\t{one} {two}".encode()) for one, two in pairwise(words)]


def _character_grams(texts: Sequence[str]) -> tuple[_Hashes, Numbers]:
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


def _next(registers: _Hashes, taken: NDArray[np.uint8]) -> _Hashes:
    following: _Hashes = _TABLE[(registers ^ taken) & 0xFF] ^ (registers >> np.uint32(8))
    return following


def _distinct(grams: Grams, owners: Numbers) -> Bags:
    """Return each n-gram of a text once, with its count."""
    # Sorted here, since np.unique hashes, and takes five times as long.
    ordered = np.sort(owners.astype(np.uint64) << np.uint64(33) | grams)
    first = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    distinct = ordered[first]
    counts = np.diff(first, append=len(ordered))
    return Bags(distinct & np.uint64(2 * WORDS - 1), (distinct >> np.uint64(33)).astype(np.int64), counts)


def ngrams(text: str) -> Grams:
    """Return the distinct n-grams of `text`, in order, as `bags` does."""
    return bags([text]).grams


def places(known: Grams, grams: Grams) -> Numbers:
    """Return where each n-gram stands among the known ones, which are in order; -1 for one that is not known."""
    places = np.searchsorted(known, grams)
    with_end = np.append(known, np.uint64(2 * WORDS))  # which is no n-gram, so that every place holds something
    return np.where(with_end[places] == grams, places, -1)


def take(bags: Bags, texts: NDArray[np.bool_]) -> Bags:
    """Return the n-grams of the texts that are marked, which are numbered anew."""
    some = chosen(bags, texts[bags.owners])
    return some._replace(owners=(np.cumsum(texts) - 1)[some.owners])


def split(bags: Bags) -> tuple[Bags, Bags]:
    """Return the n-grams of characters, and those of words."""
    of_words = bags.grams >= WORDS
    return chosen(bags, ~of_words), chosen(bags, of_words)


def chosen(bags: Bags, here: NDArray[np.bool_]) -> Bags:
    """Return the n-grams that are marked."""
    return Bags(bags.grams[here], bags.owners[here], bags.counts[here])


def frequencies(counts: Numbers) -> NDArray[np.float64]:
    """Return 1 + log(count), rounded: a long text repeats what it is about, and a logarithm's last bit differs."""
    return np.round(1 + np.log(counts), 6)


def size(text: str) -> float:
    """Return log(1 + characters), at most that of LONG: the scaled bag of n-grams holds no trace of the length."""
    return math.log1p(min(len(text), LONG))


def sizes(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the size of each text, (texts, 1)."""
    return np.array([size(text) for text in texts], np.float64).reshape(-1, 1)
