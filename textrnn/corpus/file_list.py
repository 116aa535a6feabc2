"""A corpus too large to be copied: data/raw/corpus lists its files, which stay where they are, for workers to read.

Each file is read by one worker, and must hash to what the list says.
"""

import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from typing import NamedTuple

from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.stores import explained, is_address, store
from textrnn.corpus import credentials
from textrnn.corpus.archives import damage_told, unpacking

MARK = b"\0textrnn reads these files, which stay where they are:\n"  # no text begins so


class File(NamedTuple):
    """A file of a corpus."""

    address: str  # a path, in the repository or absolute, or an address, in which variables stand for secrets
    name: str  # in tables and messages; nothing for the only file
    size: int  # bytes
    sha256: str


def written(files: Sequence[File]) -> bytes:
    """Return the list as data/raw/corpus has it."""
    return MARK + b"".join(json.dumps(file, ensure_ascii=False).encode() + b"\n" for file in files)


def read(corpus: Path) -> list[File] | None:
    """Return the files that a corpus lists, or None if it is no list. Paths are absolute."""
    with corpus.open("rb") as file:
        if file.read(len(MARK)) != MARK:
            return None
        return [_absolute(File(*json.loads(line))) for line in file]


def size(corpus: Path) -> int:
    """Return how many bytes a corpus has, those of the files that it lists included."""
    return corpus.stat().st_size + sum(file.size for file in read(corpus) or ())


def _absolute(file: File) -> File:
    return file if is_address(file.address) else file._replace(address=str(paths.ROOT / file.address))


def checksum(files: Sequence[File]) -> str:
    """Return the SHA-256 of a corpus: a file's own, or of several that of what `sha256sum` prints of them."""
    if [file.name for file in files] == [""]:
        return files[0].sha256
    return sha256("".join(f"{file.sha256}  {file.name}\n" for file in files).encode()).hexdigest()


def digest(address: str) -> tuple[int, str]:
    """Return how many bytes a file has, and their SHA-256. Raises UserError."""
    with here(address) as path, path.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
        return file.tell(), found


@contextmanager
def here(address: str) -> Iterator[Path]:
    """Yield the path of a file, or of a copy if it is in a store. Raises UserError."""
    if not is_address(address):
        if not Path(address).is_file():
            with explained(f"read {address}"):
                Path(address).stat()
            raise UserError(f"expected a file, found a pipe or a device at {address}")
        yield Path(address)
        return
    with tempfile.TemporaryDirectory(prefix="textrnn-") as folder:
        copy = Path(folder) / "copy"
        with explained(f"read {credentials.hidden(address, address)}"):
            filled = credentials.filled(address)
            store(filled).get_file(filled, str(copy))
        yield copy


@contextmanager
def opened(file: File) -> Iterator[io.BufferedReader]:
    """Yield a file, unpacked. Raises UserError unless it is what it was when it was listed."""
    with ExitStack() as stack:
        raw = stack.enter_context(stack.enter_context(here(file.address)).open("rb"))
        if (found := file_digest(raw, "sha256").hexdigest()) != file.sha256:
            raise UserError(
                f"{file.name}: expected sha256 {file.sha256} ({file.size:,} bytes), found {found} ({raw.tell():,} "
                "bytes): it has changed since it was listed; run `dvc repro --force download`, then `dvc repro`"
            )
        raw.seek(0)
        content = unpacking(raw)
        if content is raw:
            yield raw
            return
        with tempfile.TemporaryFile() as copy:
            with damage_told():
                shutil.copyfileobj(content, copy, 1 << 20)
            copy.seek(0)
            yield io.BufferedReader(copy)
