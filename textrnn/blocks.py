"""A large file of lines in pieces, so that no more than a few of them are in memory at a time."""

from collections.abc import Iterator
from typing import IO

BLOCK = 1 << 20  # bytes


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of `file` in pieces of BLOCK bytes or somewhat more, each of which ends where a line ends."""
    while block := file.read(BLOCK):
        yield block + file.readline()
