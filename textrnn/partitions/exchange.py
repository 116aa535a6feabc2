"""Arrays that workers leave for other workers, in a folder that all of them reach.

Each part of some work leaves a file with a slice for each bucket, and the work on a bucket reads its slice of all
files. A file takes its name when it is whole, so work that is done twice, since a worker was killed, changes nothing.
"""

import os
import pickle
import platform
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of
from textrnn.core.errors import UserError
from textrnn.core.files import alive
from textrnn.core.process_pool import together


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


def leave(name: Path, part: int | str, slices: Sequence[NDArray[Any]]) -> None:
    """Write the slices of all buckets. Raises UserError if the folder cannot be reached."""
    bounds = 8 * (len(slices) + 1) + offsets_of(np.array([array.nbytes for array in slices], np.int64))
    whole, written = Path(f"{name}.{part}"), Path(f"{name}.{part}.{secrets.token_hex(8)}")
    try:
        written.write_bytes(b"".join([array.tobytes() for array in (bounds, *slices)]))
    except FileNotFoundError:
        raise UserError(
            f"expected {platform.node()} to reach {name.parent}, found no such folder: share the disk that holds data/ "
            "with all Dask workers, under one path"
        ) from None
    except OSError as error:
        error.filename = str(whole)  # a failed write names no file
        raise
    written.replace(whole)


def read(name: Path, part: int, bucket: int, kind: Any) -> NDArray[Any]:
    """Read the slice of a bucket that a part has left."""
    with open(f"{name}.{part}", "rb", buffering=0) as file:  # noqa: PTH123  # a Path takes as long as the reading
        file.seek(8 * bucket)
        start, end = np.frombuffer(file.read(16), np.int64).tolist()
        file.seek(start)
        return np.frombuffer(file.read(end - start), kind)


def read_all(name: Path, parts: int, bucket: int, kind: Any) -> list[NDArray[Any]]:
    """Read the slices of a bucket that all parts have left, and of which there is one at least for np.concatenate."""
    return [read(name, part, bucket, kind) for part in range(parts)] or [np.zeros(0, kind)]


def packed(*values: Any) -> NDArray[np.uint8]:
    """Return a slice of some values that are read together."""
    return np.frombuffer(pickle.dumps(values, pickle.HIGHEST_PROTOCOL), np.uint8)


def unpacked(name: Path, part: int, bucket: int) -> Any:
    """Read the values of `packed`."""
    return pickle.loads(read(name, part, bucket, np.uint8).tobytes())  # noqa: S301  # this run has written it


def shares(of: NDArray[np.uint64], buckets: int) -> NDArray[np.int64]:
    """Return the bucket of each digest: each has an equal share of all that may be, in their order."""
    return ((of[:, 0] >> np.uint64(32)) * np.uint64(buckets) >> np.uint64(32)).astype(np.int64)


def cut_at(array: NDArray[Any], of: NDArray[np.int64], buckets: int) -> list[NDArray[Any]]:
    """Return an array in slices. `of` says, in rising order, to which each entry belongs."""
    return np.split(array, np.searchsorted(of, np.arange(1, buckets))) if buckets else []


def cut_by(array: NDArray[Any], sizes: Sequence[int] | NDArray[np.int64]) -> list[NDArray[Any]]:
    """Return an array in slices of these sizes."""
    return np.split(array, np.cumsum(sizes)[:-1])
