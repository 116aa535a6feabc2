"""The alphabetical order of millions of strings, which lie in a file."""

import heapq
from collections.abc import Iterator
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from typing import IO

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of

Narrow = NDArray[np.int32]  # numbers of messages: memory does not hold two thousand million of them


def alphabetical(letters: IO[bytes], lengths: NDArray[np.int64], ends: list[int]) -> Narrow:
    """Return the number of each string in alphabetical order, from 0. Equal strings have one number.

    The file holds the strings in UTF-8, of these lengths in bytes, in sorted parts: part i ends before string
    `ends[i + 1]`. Few strings are in memory at a time.
    """
    size = letters.seek(0, 2)  # which writes what is buffered
    content = mmap(letters.fileno(), size, access=ACCESS_READ) if size else b""
    offsets = offsets_of(lengths)

    def part(start: int, end: int) -> Iterator[tuple[bytes, int]]:
        for index in range(start, end):
            yield content[offsets[index] : offsets[index + 1]], index

    numbers = np.empty(len(lengths), np.int32)
    number, before = -1, None
    for string, index in heapq.merge(*(part(*bounds) for bounds in pairwise(ends))):
        if string != before:
            number, before = number + 1, string
        numbers[index] = number
    return numbers
