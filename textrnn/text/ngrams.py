"""A message as a bag of n-grams, and by its size: what the linear branch of the model reads."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

SHORTEST, LONGEST = 1, 5  # characters of an n-gram
MOST = 5000  # characters of a message that are read: so many n-grams at most are in memory for each
LONG = 160  # characters of an SMS: that a message is longer still tells no more (docs/experiments.md)

_SPACE = re.compile(r"\s\s+|[^\S ]")  # white space which is not one space already
_ASCII_WORD = np.array([chr(code).isalnum() or chr(code) == "_" for code in range(128)])
# What a byte does to the register of a CRC-32 (all ones before the first byte, and inverted after the last).
_TABLE = np.array([crc32(bytes([byte ^ 0xFF])) ^ 0xFF000000 for byte in range(256)], np.uint32)

Hashes = NDArray[np.uint32]
Numbers = NDArray[np.int64]


class Bags(NamedTuple):
    """The n-grams of several texts, those of the first text first."""

    hashes: Hashes  # of each distinct n-gram of a text, in order
    owners: Numbers  # the number of the text which has it


class Known(NamedTuple):
    """Hashes of n-grams, so laid out that many are soon found among them."""

    hashes: Hashes  # in order
    starts: NDArray[np.int32]  # where those begin whose first bits are the number 0, 1, 2 …; their number at the end
    shift: int  # bits of a hash behind those first ones


def ngrams(text: str) -> Hashes:
    """Return the distinct hashes, in order, of the n-grams of `text`, as `bags` does."""
    return bags([text]).hashes


def bags(texts: Sequence[str]) -> Bags:
    """Return the distinct hashes of the n-grams of each text: 1 to 5 characters, and 1 or 2 words.

    In lower case; white space of any length is one character. Word n-grams are kept apart from those of characters
    by `1<TAB>` or `2<TAB>` before them. A hash is the CRC-32 of the n-gram in UTF-8.
    """
    characters = _Characters([_SPACE.sub(" ", text[:MOST].lower()) for text in texts])
    return _distinct([*characters.grams(), *characters.word_grams()])[0]


def counted(texts: Sequence[str]) -> tuple[Bags, Numbers]:
    """Return the distinct n-grams of 1 to 5 characters of each text, and how often each stands there. No line ends."""
    return _distinct(list(_Characters(texts).grams()))


def _distinct(found: list[tuple[Hashes, Numbers]]) -> tuple[Bags, Numbers]:
    """Return each hash of an owner once, and how often it was found."""
    hashes, owners = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # Sorted here, since np.unique hashes, and takes five times as long.
    ordered = np.sort(owners.astype(np.uint64) << np.uint64(32) | hashes)
    first = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    distinct = ordered[first]
    bags = Bags(distinct.astype(np.uint32), (distinct >> np.uint64(32)).astype(np.int64))
    return bags, np.diff(first, append=len(ordered))


class _Characters:
    """The characters of texts without line ends, and their bytes in UTF-8.

    All texts are hashed at once: the register of every n-gram takes a character, and of every longer one the next.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.text = text = "\n".join([*texts, ""])
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
        self.owners = np.repeat(np.arange(len(texts)), lengths)
        self.ends = np.repeat(np.cumsum(lengths) - 1, lengths)  # of the text that each character is of
        self.bytes = np.frombuffer(text.encode("utf-8"), np.uint8)
        self.codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        self.first = np.flatnonzero((self.bytes & 0xC0) != 0x80)  # where each character begins
        self.sizes = np.diff(self.first, append=len(self.bytes))

    def grams(self) -> Iterator[tuple[Hashes, Numbers]]:
        """Yield the hashes and the owners of the n-grams of each number of characters."""
        starts = np.arange(len(self.owners))
        registers = np.full(len(starts), _register(b""), np.uint32)
        for size in range(SHORTEST, LONGEST + 1):
            inside = starts + size <= self.ends[starts]
            starts, registers = starts[inside], registers[inside]
            registers = self.taken(registers, starts + size - 1)
            yield ~registers, self.owners[starts]

    def word_grams(self) -> Iterator[tuple[Hashes, Numbers]]:
        """Yield the hashes and the owners of the words, and those of the pairs of words."""
        begin, end = self.words()
        one = self.run(np.full(len(begin), _register(b"1\t"), np.uint32), begin, end)
        yield ~one, self.owners[begin]
        pairs = np.flatnonzero(self.owners[begin[:-1]] == self.owners[begin[1:]])
        two = self.run(np.full(len(pairs), _register(b"2\t"), np.uint32), begin[pairs], end[pairs])
        two = self.run(_next(two, np.uint32(ord(" "))), begin[pairs + 1], end[pairs + 1])
        yield ~two, self.owners[begin[pairs]]

    def taken(self, registers: Hashes, places: Numbers) -> Hashes:
        """Return the registers once each has taken the character at its place."""
        first, sizes = self.first[places], self.sizes[places]
        registers = _next(registers, self.bytes[first])
        for further in range(1, int(sizes.max(initial=1))):
            some = np.flatnonzero(sizes > further)
            registers[some] = _next(registers[some], self.bytes[first[some] + further])
        return registers

    def run(self, registers: Hashes, begin: Numbers, end: Numbers) -> Hashes:
        """Return the registers once each has taken the characters from its begin to its end."""
        order = np.argsort(begin - end, kind="stable")  # the longest first
        begin, lengths, taken = begin[order], (end - begin)[order], registers[order]
        for step in range(int(lengths.max(initial=0))):
            count = int(np.searchsorted(-lengths, -step))  # those which are longer
            taken[:count] = self.taken(taken[:count], begin[:count] + step)
        result = np.empty_like(registers)
        result[order] = taken
        return result

    def words(self) -> tuple[Numbers, Numbers]:
        """Return where the words of two characters or more begin and end: runs of letters, digits and _."""
        word = _ASCII_WORD[np.minimum(self.codes, 127)]
        strange = np.flatnonzero(self.codes > 127)
        word[strange] = [self.text[place].isalnum() for place in strange.tolist()]
        edges = np.flatnonzero(np.diff(word, prepend=False, append=False))
        begin, end = edges[::2], edges[1::2]
        long = end - begin > 1
        return begin[long], end[long]


def _register(taken: bytes) -> int:
    return crc32(taken) ^ 0xFFFFFFFF


def _next(registers: Hashes, taken: NDArray[np.uint8] | np.uint32) -> Hashes:
    following: Hashes = _TABLE[(registers ^ taken) & 0xFF] ^ (registers >> np.uint32(8))
    return following


def indexed(known: Hashes) -> Known:
    """Return the hashes, which are in order, as `lookup` wants them. Takes a millisecond for each 200,000."""
    shift = 32 - min(20, len(known).bit_length())
    counts = np.bincount(known >> np.uint32(shift), minlength=1 << (32 - shift))
    return Known(known, np.concatenate([[0], np.cumsum(counts)]).astype(np.int32), shift)


def places(known: Known, hashes: Hashes) -> NDArray[np.int32]:
    """Return where each of the hashes stands among the known ones, -1 where it is not known."""
    first = hashes >> np.uint32(known.shift)
    place, end = known.starts[first], known.starts[first + np.uint32(1)]
    result = np.full(len(hashes), -1, np.int32)
    left = np.flatnonzero(place < end)
    while len(left):
        hit = known.hashes[place[left]] == hashes[left]
        result[left[hit]] = place[left[hit]]
        left = left[~hit]
        place[left] += 1
        left = left[place[left] < end[left]]
    return result


def lookup(known: Hashes, bag: Hashes) -> Numbers:
    """Return where those of the n-grams that are known stand among the known ones. Both are in order."""
    places = np.searchsorted(known, bag)
    places, bag = places[places < len(known)], bag[places < len(known)]
    found: Numbers = places[known[places] == bag]
    return found


def size(text: str) -> float:
    """Return log(1 + characters), of LONG at most: a bag of n-grams, scaled to length 1, does not tell it."""
    return math.log1p(min(len(text), LONG))
