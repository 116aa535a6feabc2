"""Arrays that workers leave for other workers, in a folder that all of them reach.

Each worker cuts its arrays by key, a slice for each bucket, and another one reads the slices of one bucket from all
files. Each try of a worker writes a file of its own, so work that is done twice, since a worker was killed, changes
nothing.
"""

import os
import platform
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.core.errors import UserError
from textrnn.core.files import alive
from textrnn.core.process_pool import together

N = TypeVar("N", bound=np.generic)


class Left(NamedTuple):
    """A file with a slice for each bucket: slice i is its bytes from `ends[i]` to `ends[i + 1]`."""

    path: str  # which is pickled faster than a Path
    ends: NDArray[np.int64]


Slice = tuple[str, int, int]  # a file, and where in it a slice begins and ends


@contextmanager
def shared(folder: Path) -> Iterator[Path]:
    """Make a folder for such files in `folder`, and remove it in the end, and now those that killed processes left.

    The local processes of the loops in the block are the same.
    """
    place = folder.resolve() / f".exchange.{os.getpid()}.tmp"
    for left in place.parent.glob(".exchange.*.tmp"):
        number = left.name.split(".")[2]
        if left == place or (number.isdecimal() and not alive(int(number))):
            remove(left)
    place.mkdir(parents=True)
    try:
        with together():
            yield place
    finally:
        remove(place)


def remove(place: Path) -> None:
    """Remove a folder of such files. A worker that lives on may add one meanwhile: the next process removes it."""
    with suppress(OSError):
        for file in place.iterdir():
            file.unlink(missing_ok=True)
        place.rmdir()


def leave(folder: Path, slices: Iterable[NDArray[Any]]) -> Left:
    """Write the slices of all buckets to a new file. Raises UserError if the folder cannot be reached."""
    path = folder / secrets.token_hex(8)
    try:
        with path.open("xb") as file:
            ends = np.cumsum([0, *(file.write(array.tobytes()) for array in slices)])
    except FileNotFoundError:
        raise UserError(
            f"expected {platform.node()} to reach {folder}, found no such folder: share the disk that holds data/ with "
            "all Dask workers, under one path"
        ) from None
    return Left(str(path), ends)


def slices_of(files: Sequence[Left], bucket: int) -> list[Slice]:
    """Return where the slices of a bucket are, those that are empty included."""
    return [(file.path, *file.ends[bucket : bucket + 2].tolist()) for file in files]


def read(some: Slice, kind: type[N]) -> NDArray[N]:
    """Read a slice."""
    path, start, end = some
    return np.fromfile(path, kind, (end - start) // np.dtype(kind).itemsize, offset=start)
