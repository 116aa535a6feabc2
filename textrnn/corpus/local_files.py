"""A user's own corpus as files: one or several, plain or compressed, here or in any store that fsspec reads."""

import glob
from pathlib import Path
from typing import Any

import fsspec

from textrnn.core.errors import UserError, one_line
from textrnn.corpus.archives import unpacked, zipped


def files(source: str) -> list[Any]:
    """Return the files at `source`, to be opened by fsspec: one, those in a folder, or those that match a pattern.

    `source` is a path, a folder or an address such as s3://…, in which *, ? and [ ] stand for names. Raises UserError
    for an empty folder, and the classes of fsspec's stores.
    """
    if "://" not in source and Path(source).is_dir():
        found = sorted(str(path) for path in Path(source).rglob("*") if path.is_file() and path.name[0] not in "._")
        if not found:
            raise UserError(f"expected files in the folder {source}, found none")
        return list(fsspec.open_files(found, "rb", expand=False))
    return list(fsspec.open_files([source], "rb", expand=not is_file(source)))


def is_file(source: str) -> bool:
    """Return whether a source names one file, not a folder or a pattern."""
    if "://" not in source and Path(source).is_dir():
        return False
    return not glob.has_magic(source) or Path(source).is_file()


def read(source: str, most_bytes: int) -> bytes:
    """Return the content of the file at `source`, decompressed, of at most so many bytes; of several, a zip of them.

    Of a folder or a pattern with one file it is a zip as well, which names that file. Raises UserError.
    """
    contents: list[tuple[str, bytes]] = []
    left, name = most_bytes, source
    try:
        for file in files(source):
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
    alone = len(contents) == 1 and (is_file(source) or contents[0][1].startswith(b"PK"))  # a zip needs no other around
    return contents[0][1] if alone else zipped(contents)
