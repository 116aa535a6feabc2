"""The strings of all parts of a corpus joined and put in order by workers: each has a range of the alphabet.

No string holds a line end.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, count, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of
from textrnn.partitions.exchange import Left, Slice, leave, read, slices_of
from textrnn.partitions.execute import map_ordered

RANGES = 16  # of the words of a language


class Joined(NamedTuple):
    """The numbers of strings in alphabetical order. Equal ones have one number."""

    files: list[Left]  # of each range: the numbers of each part's strings, from 0 on, and what is told of the distinct
    starts: NDArray[np.int64]  # the first number of each range, and at last how many distinct strings there are


def bounds(sample: Sequence[str], ranges: int) -> list[bytes]:
    """Return the strings, from a sample in alphabetical order, with which so many ranges but the first begin."""
    return [sample[len(sample) * number // ranges].encode("utf-8") if sample else b"" for number in range(1, ranges)]


def by_range(strings: Sequence[str], begins: list[bytes]) -> list[NDArray[np.uint8]]:
    """Return a slice for each range. The strings are in alphabetical order, which is also that of their bytes."""
    encoded = [string.encode("utf-8") for string in strings]
    ends = [0, *(bisect_left(encoded, begin) for begin in begins), len(encoded)]
    return [lines(encoded[start:end]) for start, end in pairwise(ends)]


def lines(encoded: Sequence[bytes]) -> NDArray[np.uint8]:
    """Return strings as bytes, each with a line end."""
    return np.frombuffer(b"".join([string + b"\n" for string in encoded]), np.uint8)


def strings_in(some: Slice) -> list[bytes]:
    """Read what `lines` returned."""
    return read(some, np.uint8).tobytes().split(b"\n")[:-1]


def joined(
    parts: Sequence[Left], ranges: range, folder: str, tell: Callable[[Sequence[bytes]], NDArray[Any]] = lines
) -> Joined:
    """Join the strings of the parts, which left them in these slices. `tell` is applied to the distinct ones."""
    items = (slices_of(parts, number) for number in ranges)
    found = list(map_ordered(partial(numbered, tell=tell, folder=folder), items))
    return Joined([file for file, _ in found], offsets_of(np.array([size for _, size in found])))


def numbered(of_parts: list[Slice], tell: Callable[[Sequence[bytes]], NDArray[Any]], folder: str) -> tuple[Left, int]:
    """Join the strings of a range. Returns how many are distinct, too."""
    parts = list(map(strings_in, of_parts))
    distinct = sorted(set(chain.from_iterable(parts)))
    numbers = dict(zip(distinct, count(), strict=False))
    found = (np.fromiter(map(numbers.__getitem__, part), np.int32, len(part)) for part in parts)
    return leave(folder, chain(found, [tell(distinct)])), len(distinct)


def numbers_in(of_part: Sequence[Slice], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read the numbers of a part's strings from its slices in the files of a Joined."""
    return np.concatenate([start + read(one, np.int32) for one, start in zip(of_part, starts.tolist(), strict=False)])


def counted(parts: Sequence[Left], bucket: int, found: Joined) -> NDArray[np.int64]:
    """Return how often each string occurs. The parts left how often each of theirs does in the slice `bucket`."""
    counts = np.zeros(found.starts[-1], np.int64)
    for index, one in enumerate(slices_of(parts, bucket)):
        counts[numbers_in(slices_of(found.files, index), found.starts)] += read(one, np.int64)
    return counts


def places_of(order: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the place of each index in the order."""
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order))
    return places
