"""A user's own corpus as files: one or several, plain or compressed, here or in any store that fsspec reads."""

import bz2
import glob
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Any

import fsspec

from textrnn.core.errors import UserError, one_line

COMPRESSED: dict[bytes, Any] = {  # by their first bytes
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}


def read(source: str, most_bytes: int) -> bytes:
    """Return the content of the file at `source`, decompressed, of at most so many bytes; of several, a zip of them.

    `source` is a path, a folder or an address such as s3://…, in which *, ? and [ ] stand for names. Raises UserError.
    """
    one = not glob.has_magic(source) or Path(source).is_file()
    if one and "://" not in source and Path(source).is_dir():
        names = sorted(str(path) for path in Path(source).rglob("*") if path.is_file() and path.name[0] not in "._")
        if not names:
            raise UserError(f"expected files in the folder {source}, found none")
    else:
        names = [source]
    contents: list[tuple[str, bytes]] = []
    left, name = most_bytes, source
    try:
        for file in fsspec.open_files(names, "rb", expand=not one):
            name = file.full_name if "://" in source else file.path
            with file as opened:
                content = unpacked(opened.read(left + 1), left)
            contents.append((name, content))
            left -= len(content)
            if left < 0:
                raise UserError(f"expected at most {most_bytes:,} bytes, found more")
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"expected sms-spam, a URL or a file, found no file at {name}") from None
    except Exception as error:  # noqa: BLE001  # each store has its own classes of errors
        raise UserError(f"cannot read {name}: {one_line(error)}") from None
    if not contents:
        raise UserError(f"expected sms-spam, a URL or a file, found no file that matches {source}")
    return contents[0][1] if len(contents) == 1 else zipped(contents)


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
    names = [Path(name).name for name, _ in contents]
    if len(set(names)) < len(names):
        names = [name.rpartition("://")[2].lstrip("/") for name, _ in contents]
    with zipfile.ZipFile(result, "w") as archive:
        for name, (_, content) in zip(names, contents, strict=True):
            archive.writestr(zipfile.ZipInfo(name), content)
    return result.getvalue()
