"""Compressed files, and zips of several: unpacked within a limit, whatever their headers say."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from typing import Any

from textrnn.core.errors import UserError, one_line
from textrnn.corpus.sources import short_names

MOST_BYTES = 1 << 30  # of a user's own corpus, unpacked
COMPRESSED: dict[bytes, Any] = {  # by their first bytes
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}


def unpacked(content: bytes, most_bytes: int) -> bytes:
    """Return the content of a file of gzip, bzip2 or xz, cut off after one byte more than allowed, or `content`.

    Raises UserError if it is damaged.
    """
    for mark, opener in COMPRESSED.items():
        if content.startswith(mark):
            try:
                unpacked: bytes = opener(io.BytesIO(content)).read(most_bytes + 1)
                return unpacked
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise UserError(f"expected a whole compressed file, found a damaged one: {one_line(error)}") from None
    return content


def zipped(contents: list[tuple[str, bytes]]) -> bytes:
    """Return a zip of the files in order, the same bytes whenever it is written."""
    result = io.BytesIO()
    names = short_names([name for name, _ in contents])
    with zipfile.ZipFile(result, "w") as archive:
        for name, (_, content) in zip(names, contents, strict=True):
            archive.writestr(zipfile.ZipInfo(name), content)
    return result.getvalue()


def inflated(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """Return a member of a zip, cut off after so many bytes. Raises NotImplementedError if zipfile knows no bound."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError("neither stored nor deflated")
    with archive.open(member) as file:
        return file.read(most_bytes)
