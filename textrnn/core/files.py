"""Files written whole or not at all, in the same bytes on every machine."""

import csv
import io
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from textrnn.core.errors import UserError

NPY = b"\x93NUMPY\x01\x00"  # the first bytes of a .npy file
HEADER = 128  # bytes before the numbers in the .npy file of an array of one dimension, whatever its length
# Of fractions in metrics and of probabilities: processors differ in later ones, and they are noise in a diff.
DIGITS = 6
BLOCK = 1 << 20  # bytes of a large file of lines that are in memory at a time


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file in the directory of `path`, and move it to `path` once the block has ended well.

    A block that raises, or a killed process, leaves the old file at `path` as it was. The temporary file of a
    killed process is removed by the next process that writes to `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("x+b") as file:  # never what somebody has put there, such as a link to another file
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name with no content
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write names no file
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files for `path` that killed processes have left. Files of other names are not ours."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.([1-9][0-9]{{0,9}})(\.[0-9a-f]{{16}})?\.tmp")
    for left in path.parent.glob(".*.tmp"):
        if (found := ours.fullmatch(left.name)) and not alive(int(found[1])):
            with suppress(OSError):  # a directory, another user's file, or already gone
                left.unlink()


def alive(process: int) -> bool:
    """Return whether another process may still be writing. One that was killed may be listed as a zombie."""
    import psutil  # noqa: PLC0415  # seldom needed, and every stage would wait for it

    try:
        return process != os.getpid() and psutil.Process(process).status() not in ("zombie", "dead")
    except psutil.Error as error:
        return isinstance(error, psutil.AccessDenied)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, with its line ends as they are."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` with sorted keys. A number that is not finite raises ValueError."""
    text = json.dumps(value, sort_keys=True, allow_nan=False, indent=2, ensure_ascii=False)
    write_text(path, text + "\n")


def write_metrics(path: Path, value: Mapping[str, Any]) -> None:
    """Write metrics for DVC, their fractions rounded to six digits: more is noise in every diff."""
    write_json(path, json.loads(json.dumps(value), parse_float=lambda digits: round(float(digits), DIGITS)))


def read_json(path: Path) -> Any:
    """Return the value that the JSON file at `path` holds. Raises UserError when missing, ValueError if damaged."""
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("expected JSON, found brackets nested too deeply") from None


def opened(path: Path) -> io.BufferedReader:
    """Open the file at `path` for reading. Raises UserError when it is missing, or a pipe, which may wait for ever."""
    try:
        if not path.is_dir() and not stat.S_ISREG(path.stat().st_mode):
            raise UserError(f"expected a file at {path}, found a pipe or a device")
        return path.open("rb")
    except FileNotFoundError:
        raise UserError(f"expected the file {path}, found none: run `dvc repro`, which makes it") from None


def read_text(path: Path) -> str:
    """Return the UTF-8 text at `path`, its line ends untouched. Raises UserError when it is missing."""
    with opened(path) as file:
        return file.read().decode("utf-8")


def read_array(path: Path) -> Any:
    """Return the array in the `.npy` file at `path`, mapped: a header that claims a huge array takes no memory.

    Raises UserError when it is missing, ValueError when it is damaged.
    """
    try:
        with opened(path) as file:
            # A header of the later versions may claim to be of 4 GB; write_array never writes one.
            if file.read(len(NPY)) != NPY:
                raise ValueError("expected a .npy file of version 1.0")
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # NumPy evaluates the header, and raises many kinds
        raise ValueError(str(error)) from None


def write_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write one array as a `.npy` file."""
    with replacing(path) as file:
        np.save(file, array, allow_pickle=False)


@contextmanager
def array_file(path: Path, kind: type[np.generic], count: int) -> Iterator[str]:
    """Make the `.npy` file of an array of zeros, for others to `fill`. It is moved to `path` as `replacing` does."""
    shape = {"descr": np.dtype(kind).newbyteorder("<").str, "fortran_order": False, "shape": (count,)}
    with replacing(path) as file:
        np.lib.format.write_array_header_1_0(file, shape)
        file.truncate(HEADER + count * np.dtype(kind).itemsize)
        yield file.name


def fill(path: str | Path, start: int, content: bytes | NDArray[np.generic]) -> None:
    """Write over some bytes of a file. An array's `start` is its first place in the array of an `array_file`."""
    if isinstance(content, np.ndarray):
        start, content = HEADER + start * content.itemsize, content.tobytes()
    # Not opened for reading: of a page that it has read, a client of NFS may write bytes that others have changed.
    with os.fdopen(os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0)), "wb") as file:
        file.seek(start)
        file.write(content)


def read_table(path: Path) -> list[list[str]]:
    """Return the rows of a table that this project wrote, CSV or tab-separated lines, a list of fields each."""
    text = read_text(path)
    if path.suffix == ".csv":
        return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))
    return [line.split("\t") for line in text.split("\n")[:-1]]


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of `file` in pieces of BLOCK bytes or somewhat more, each of which ends where a line ends."""
    while block := file.read(BLOCK):
        yield block + file.readline()


class Blocks(NamedTuple):
    """A file of lines in blocks: each has the lines that begin in its `size` bytes of the file."""

    path: Path
    size: int
    total: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Divide a file. Raises UserError when it is missing."""
        with opened(path) as file:
            return cls(path.resolve(), BLOCK, -(-file.seek(0, 2) // BLOCK))

    def read(self, number: int) -> bytes:
        """Return the lines of a block."""
        start = number * self.size
        with self.path.open("rb") as file:
            file.seek(max(start - 1, 0))
            skipped = len(file.readline()) - 1 if start else 0
            content = file.read(max(self.size - skipped, 0))
            return content + (file.readline() if content[-1:] not in (b"", b"\n") else b"")
