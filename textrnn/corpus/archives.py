"""Compressed files, and zips of several: unpacked within a limit, whatever their headers say."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from textrnn.core.errors import UserError, one_line

MOST_BYTES = 1 << 30  # of a user's own corpus, unpacked
COMPRESSED: dict[bytes, Any] = {  # by their first bytes
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
OTHERS = {  # that are not unpacked here
    b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"\xff\x06\x00\x00sNaPpY": "snappy", b"LZIP": "lzip",
    b"\x1f\x9d": "compress",
}  # fmt: skip
PACKED = (*COMPRESSED, *OTHERS)


def unpacked(content: bytes, most_bytes: int) -> bytes:
    """Return the content of a file of gzip, bzip2 or xz, cut off after one byte more than allowed, or `content`.

    Raises UserError if it is damaged, or packed in another way.
    """
    packed = unpacking(file := io.BytesIO(content))
    if packed is file:
        return content
    with damage_told():
        return packed.read(most_bytes + 1)


def unpacking(file: IO[bytes]) -> IO[bytes]:
    """Return a file that reads what is packed in `file`, or `file`. Raises UserError if it is packed in another way."""
    begin = file.read(10)
    file.seek(0)
    for mark, name in OTHERS.items():
        if begin.startswith(mark):
            raise UserError(f"expected a file packed by gzip, bzip2 or xz, or by nothing, found {name}: unpack it")
    return next((opener(file) for mark, opener in COMPRESSED.items() if begin.startswith(mark)), file)


@contextmanager
def damage_told() -> Iterator[None]:
    """Raise UserError if what is unpacked in the block is damaged."""
    try:
        yield
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise UserError(f"expected a whole compressed file, found a damaged one: {one_line(error)}") from None


def inflated(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """Return a member of a zip, cut off after so many bytes. Raises NotImplementedError if zipfile knows no bound."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError("neither stored nor deflated")
    with archive.open(member) as file:
        return file.read(most_bytes)
