"""Millions of strings in temporary files: which are equal, and where each stands in alphabetical order."""

import heapq
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of
from textrnn.dedup.word_sets import Ints, runs
from textrnn.partitions.digests import Digests, as_digests, first_occurrence

N = TypeVar("N", bound=np.generic)

Narrow = NDArray[np.int32]  # numbers of messages: memory does not hold two thousand million of them


class Strings(NamedTuple):
    """Distinct strings in alphabetical order."""

    letters: NDArray[np.uint8]  # UTF-8, one string after the other
    lengths: Ints  # in bytes
    hashes: Digests  # the first 16 bytes of a seeded SHA-256: groups are dealt to the sides in this order
    rows: Narrow  # for each row, the index of its string


def strings(encoded: list[bytes], rows: Narrow, seed: int) -> Strings:
    """Return the strings, which must be distinct and sorted, for these rows."""
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    hashes = as_digests(b"".join(sha256(b"%d\t%s" % (seed, key)).digest()[:16] for key in encoded))
    return Strings(np.frombuffer(b"".join(encoded), np.uint8), lengths, hashes, rows)


class StringFiles:
    """The strings of all parts. Four files hold the four arrays of Strings, one part after the other."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self.files = files
        self.ends = [0]  # where the strings of each part end, after a 0

    def append(self, part: Strings) -> None:
        """Add the strings and the rows of a part."""
        append(self.files, *part._replace(rows=part.rows + np.int32(self.ends[-1])))
        self.ends.append(self.ends[-1] + len(part.lengths))

    def ranked(self) -> tuple[Narrow, Narrow, Digests]:
        """Merge the sorted parts and number the distinct strings in alphabetical order, with few in memory at a time.

        Returns the number of each string of each part, the number of each row's string, and the hashes of each number.
        """
        _, _, hashes, rows = self.files
        read = self._reader()
        parts = (((read(index), index) for index in range(start, end)) for start, end in pairwise(self.ends))
        ranks = np.empty(self.ends[-1], np.int32)
        rank, before = -1, None
        for string, index in heapq.merge(*parts):
            if string != before:
                rank, before = rank + 1, string
            ranks[index] = rank
        by_rank = np.empty((rank + 1, 2), np.uint64)
        by_rank[ranks] = digest_column(hashes)
        return ranks, ranks[column(rows, np.int32)], by_rank

    def make_unique(self, seed: int) -> None:
        """Give each row a string of its own: the final 1 becomes the row's number among the rows with that string."""
        _, _, hashes, of_rows = self.files
        rows = column(of_rows, np.int32).copy()
        first = first_occurrence(digest_column(hashes))[rows]
        order = np.argsort(first, kind="stable")
        starts, counts = runs(first[order])
        number = np.empty_like(first)
        number[order] = np.arange(1, len(order) + 1) - np.repeat(starts, counts)
        again = np.flatnonzero(number > 1)
        read = self._reader()
        more = sorted((read(first[row])[:-1] + b"%d" % number[row], int(row)) for row in again)
        rows[[row for _, row in more]] = self.ends[-1] + np.arange(len(more), dtype=np.int32)
        of_rows.truncate(0)
        append(self.files, *strings([string for string, _ in more], rows, seed))
        self.ends.append(self.ends[-1] + len(more))

    def _reader(self) -> Callable[[int], bytes]:
        """Return a function that reads the string of an index."""
        letters, lengths, _, _ = self.files
        size = letters.seek(0, 2)  # which writes what is buffered
        content = mmap(letters.fileno(), size, access=ACCESS_READ) if size else b""
        ends = offsets_of(column(lengths, np.int64))
        return lambda index: bytes(content[ends[index] : ends[index + 1]])


@contextmanager
def files(folder: Path, count: int) -> Iterator[list[IO[bytes]]]:
    """Open `count` unnamed temporary files in `folder`, and close them when the block ends."""
    with ExitStack() as stack:
        yield [stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(count)]


def append(files: Sequence[IO[bytes]], *arrays: NDArray[Any]) -> None:
    """Write each array at the end of its file."""
    for file, array in zip(files, arrays, strict=True):
        file.seek(0, 2)
        file.write(array.tobytes())


def column(file: IO[bytes], kind: type[N]) -> NDArray[N]:
    """Read the array that a file holds."""
    file.seek(0)
    return np.frombuffer(file.read(), kind)


def digest_column(file: IO[bytes]) -> Digests:
    """Read the digests that a file holds."""
    return column(file, np.uint64).reshape(-1, 2)
