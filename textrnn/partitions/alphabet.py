"""The distinct strings of all parts of a corpus, joined by workers: each has a range of the alphabet.

No string holds a line end.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, count, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of, runs
from textrnn.core.files import Blocks, fill
from textrnn.partitions.exchange import leave, read, read_all
from textrnn.partitions.execute import map_ordered

Ints = NDArray[np.int64]

RANGE = 1 << 22  # bytes of messages whose strings a worker joins
PLACES, SAMPLE = 32, 1 << 13  # bytes from so many places, whose strings bound the ranges


def sample(messages: Blocks) -> tuple[str, int]:
    """Return some lines of messages.tsv, from all over it, and how many ranges the alphabet is to be divided into."""
    ranges = 1 + messages.total * messages.size // RANGE
    places = range(0, messages.total, -(-messages.total // min(ranges, PLACES)) or 1)
    return b"".join(messages.read(place)[:SAMPLE] + b"\n" for place in places).decode("utf-8", "ignore"), ranges


def bounds(strings: Iterable[str], ranges: int) -> list[bytes]:
    """Return the strings, of a sample, with which so many ranges but the first begin."""
    some = sorted(set(strings)) or [""]
    return [some[len(some) * number // ranges].encode("utf-8") for number in range(1, ranges)]


def cut(strings: Sequence[str], begins: list[bytes], counts: Ints | None = None) -> list[NDArray[Any]]:
    """Return a slice for each range of strings in alphabetical order, which is that of their bytes, and of counts."""
    encoded = [string.encode("utf-8") for string in strings]
    ends = [bisect_left(encoded, begin) for begin in begins]
    slices = [lines(encoded[start:end]) for start, end in pairwise([0, *ends, len(encoded)])]
    return slices + (np.split(counts, ends) if counts is not None else [])


def ordered(words: Sequence[str], codes: Ints, begins: list[bytes]) -> tuple[list[NDArray[Any]], NDArray[np.int32]]:
    """Return the slices of some words and of how often each is among the codes, and for each code the word's place."""
    order = np.array(sorted(range(len(words)), key=words.__getitem__), np.int64)
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order))
    counts = np.bincount(codes, minlength=len(order))[order]
    return cut([words[code] for code in order.tolist()], begins, counts), places[codes]


def lines(encoded: Iterable[bytes]) -> NDArray[np.uint8]:
    """Return strings as bytes, each with a line end."""
    return np.frombuffer(b"".join([string + b"\n" for string in encoded]), np.uint8)


def split(content: NDArray[np.uint8]) -> list[bytes]:
    """Return the strings of `lines`."""
    return content.tobytes().split(b"\n")[:-1]


def merged(name: Path, parts: int, bucket: int) -> tuple[list[bytes], list[NDArray[np.int32]]]:
    """Return the distinct strings of a range in alphabetical order, and for each part the numbers of its strings."""
    of_parts = list(map(split, read_all(name, parts, bucket, np.uint8)))
    distinct = sorted(set(chain.from_iterable(of_parts)))
    numbers = dict(zip(distinct, count(), strict=False))
    return distinct, [np.fromiter(map(numbers.__getitem__, part), np.int32, len(part)) for part in of_parts]


class Frequencies(NamedTuple):
    """How often the strings of a range occur. Three arrays of one length."""

    counts: Ints  # distinct, in falling order
    strings: Ints  # how many occur so often
    letters: Ints  # how many bytes their lines in a vocabulary have


def counted(bucket: int, name: Path, parts: int, ranges: int) -> Frequencies:
    """Join a range. Leaves the count of each string of each part, and its place among those; and the vocabulary."""
    distinct, of_parts = merged(name, parts, bucket)
    counts = np.zeros(len(distinct), np.int64)
    for numbers, some in zip(of_parts, read_all(name, parts, ranges + bucket, np.int64), strict=False):
        counts[numbers] += some
    order = np.argsort(-counts, kind="stable")
    starts, times = runs(counts[order])
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - np.repeat(starts, times)
    vocabulary = [b"%s\t%d\n" % (distinct[number], counts[number]) for number in order.tolist()]
    letters = np.fromiter(map(len, vocabulary), np.int64, len(vocabulary))
    of_letters = np.add.reduceat(letters, starts) if len(letters) else letters
    slices = [np.concatenate([counts[numbers], places[numbers]]) for numbers in of_parts[:parts]]
    leave(counted_in(name), bucket, [*slices, np.frombuffer(b"".join(vocabulary), np.uint8)])
    return Frequencies(counts[order][starts], times, of_letters)


def counted_in(name: Path) -> Path:
    """Return the name of what `counted` leaves."""
    return name.with_name(f"{name.name}-counted")


def by_frequency(name: Path, parts: int, ranges: int) -> Frequencies:
    """Put all strings in order, by falling count and then by the alphabet: a string's place is its id.

    Leaves for each range the first id of each of its counts, and where the vocabulary has their lines. Returns the
    frequencies of all ranges.
    """
    found = list(map_ordered(partial(counted, name=name, parts=parts, ranges=ranges), range(ranges)))
    of_ranges = np.repeat(np.arange(ranges), [len(one.counts) for one in found])
    every = Frequencies(*(np.concatenate(column) for column in zip(*found, strict=True)))
    order = np.lexsort((of_ranges, -every.counts))
    ids, places = np.empty_like(order), np.empty_like(order)
    ids[order], places[order] = offsets_of(every.strings[order])[:-1], offsets_of(every.letters[order])[:-1]
    table = np.stack([-every.counts, ids, places, every.letters])
    leave(counted_in(name), ranges, [table[:, of_ranges == bucket] for bucket in range(ranges)])
    return every


def ids(name: Path, part: int, ranges: int) -> Ints:
    """Return the ids of a part's strings, in alphabetical order of these, after by_frequency."""
    found = []
    for bucket in range(ranges):
        counts, places = read(counted_in(name), bucket, part, np.int64).reshape(2, -1)
        known, firsts = read(counted_in(name), ranges, bucket, np.int64).reshape(4, -1)[:2]
        found.append(firsts[np.searchsorted(known, -counts)] + places)
    return np.concatenate(found)


def write_vocabulary(bucket: int, path: str, name: Path, parts: int, ranges: int) -> None:
    """Write the `string<TAB>count` lines of a range, after by_frequency."""
    content = read(counted_in(name), bucket, parts, np.uint8)
    places, letters = read(counted_in(name), ranges, bucket, np.int64).reshape(4, -1)[2:]
    for place, some in zip(places.tolist(), np.split(content, np.cumsum(letters)), strict=False):
        fill(path, place, some.tobytes())
