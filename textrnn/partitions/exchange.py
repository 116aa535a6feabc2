"""Arrays that workers leave for other workers, in a folder or a bucket that all of them reach.

Each worker cuts its arrays by key, a slice for each bucket, and another one reads the slices of one bucket from all
files. Each try of a worker writes a file of its own, so work that is done twice, since a worker was killed, changes
nothing.

The folder is one below data/, or in the folder or bucket that the environment variable TEXTRNN_SHARED names.
"""

import os
import platform
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.core.errors import UserError
from textrnn.core.files import alive
from textrnn.core.process_pool import together
from textrnn.core.stores import explained, is_address, store

N = TypeVar("N", bound=np.generic)

SHARED = "TEXTRNN_SHARED"


class Left(NamedTuple):
    """A file with a slice for each bucket: slice i is its bytes from `ends[i]` to `ends[i + 1]`."""

    path: str  # which is pickled faster than a Path
    ends: NDArray[np.int64]


Slice = tuple[str, int, int]  # a file, and where in it a slice begins and ends


@contextmanager
def shared(folder: Path) -> Iterator[str]:
    """Make a folder for such files in `folder`, and remove it in the end, and now those that killed processes left.

    The local processes of the loops in the block are the same. Raises UserError if a bucket cannot be reached.
    """
    base, node = os.environ.get(SHARED, "").rstrip("/") or str(folder.resolve()), platform.node()
    place = f"{base}/.exchange.{os.getpid()}.{node}.tmp"
    for left in inside(base):
        _, name, number, *rest = f"{left.rpartition('/')[2]}...".split(".", 3)
        ours = name == "exchange" and rest == [f"{node}.tmp..."] and number.isdecimal()
        if ours and (int(number) == os.getpid() or not alive(int(number))):
            remove(left)
    if not is_address(base):
        Path(place).mkdir(parents=True)
    try:
        with together():
            yield place
    finally:
        remove(place)


def inside(folder: str) -> list[str]:
    """Return the paths of what is in a folder, nothing if there is none."""
    if not is_address(folder):
        return [path.as_posix() for path in Path(folder).glob("*")]
    with explained(f"list {folder}, as {SHARED} says"), suppress(FileNotFoundError):
        of = store(folder)
        return [of.unstrip_protocol(path.rstrip("/")) for path in of.ls(folder, detail=False, refresh=True)]
    return []


def remove(place: str) -> None:
    """Remove a folder of such files. A worker that lives on may add one meanwhile: the next process removes it."""
    with suppress(Exception if is_address(place) else OSError):  # the work is done, or has failed for a reason
        remove_files(inside(place))
        Path(place).rmdir()


def remove_files(some: list[str]) -> None:
    """Remove files that nobody will read again."""
    if some and is_address(some[0]):
        store(some[0]).rm(some)
        return
    for file in some:
        Path(file).unlink(missing_ok=True)


def leave(folder: str, slices: Iterable[NDArray[Any]]) -> Left:
    """Write the slices of all buckets to a new file. Raises UserError if the folder cannot be reached."""
    path = f"{folder}/{secrets.token_hex(8)}"
    try:
        with explained(f"write to {folder}") if is_address(path) else nullcontext(), created(path) as file:
            ends = np.cumsum([0, *(file.write(array.tobytes()) for array in slices)])
    except FileNotFoundError:
        raise UserError(
            f"expected {platform.node()} to reach {folder}, found no such folder: share the disk that holds data/ with "
            f"all Dask workers, under one path, or set {SHARED} to a bucket"
        ) from None
    return Left(path, ends)


def created(path: str) -> Any:
    """Open a new file for writing."""
    return store(path).open(path, "wb") if is_address(path) else Path(path).open("xb")


def slices_of(files: Sequence[Left], bucket: int) -> list[Slice]:
    """Return where the slices of a bucket are, those that are empty included."""
    return [(file.path, *file.ends[bucket : bucket + 2].tolist()) for file in files]


def read(some: Slice, kind: type[N]) -> NDArray[N]:
    """Read a slice. Raises UserError if a bucket fails."""
    path, start, end = some
    if not is_address(path):
        return np.fromfile(path, kind, (end - start) // np.dtype(kind).itemsize, offset=start)
    with explained(f"read {path}"):  # a store refuses to send nothing
        return np.frombuffer(store(path).cat_file(path, start=start, end=end) if start < end else b"", kind)


def kept(some: Slice, kind: type[N]) -> NDArray[N]:
    """Read a slice that is read often: of a folder only what is needed of it, from a bucket once."""
    path, start, end = some
    if not is_address(path) and start < end:
        return np.memmap(path, kind, "r", start, (end - start) // np.dtype(kind).itemsize)
    found: NDArray[N] = _kept(some, kind)
    return found


_kept: Any = lru_cache(1)(read)
