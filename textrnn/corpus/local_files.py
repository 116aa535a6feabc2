"""A user's own corpus as files: one or several, plain or compressed, here or in any store that fsspec reads."""

import glob
from pathlib import Path

import fsspec

from textrnn.core.errors import UserError, one_line
from textrnn.corpus.rows import as_file, as_utf8


def read(source: str, most_bytes: int, header: bool) -> bytes:
    """Return the content of the files at `source`, of at most so many bytes, one after another in order of their names.

    `source` is a path or an address such as s3://…, in which *, ? and [ ] stand for names. With `header`, each file
    begins with a line that names the columns, and one of these lines is kept. Raises UserError.
    """
    one = not glob.has_magic(source) or Path(source).is_file()
    contents: list[tuple[str, bytes]] = []
    left, name = most_bytes, source
    try:
        for file in fsspec.open_files([source] if one else source, "rb", compression="infer", expand=not one):
            name = file.full_name if "://" in source else file.path
            with file as opened:
                content = opened.read(left + 1)
            contents.append((name, content))
            left -= len(content)
    except FileNotFoundError:
        raise UserError(f"expected sms-spam, a URL or a file, found no file at {name}") from None
    except IsADirectoryError:
        raise UserError(f"expected a file, found a directory: {name}/* are its files") from None
    except Exception as error:  # noqa: BLE001  # each compression and each store has its own classes of errors
        raise UserError(f"cannot read {name}: {one_line(error)}") from None
    if left < 0:
        raise UserError(f"expected at most {most_bytes:,} bytes, found more")
    if not contents:
        raise UserError(f"expected sms-spam, a URL or a file, found no file that matches {source}")
    return contents[0][1] if len(contents) == 1 else joined(contents, header)


def joined(contents: list[tuple[str, bytes]], header: bool) -> bytes:
    """Return the lines of all files in UTF-8, with a line end after each file. Raises UserError if headers differ."""
    lines: list[bytes] = []
    first = b""
    for name, content in contents:
        text = as_utf8(as_file(content), name).read()
        if header:
            begins, _, rest = text.partition(b"\n")
            first = first or begins.rstrip(b"\r")
            if begins.rstrip(b"\r") != first:
                raise UserError(f"expected the header of {contents[0][0]} in {name} too, found {begins[:80]!r}")
            text = rest if lines else text
        lines.append(text if text.endswith(b"\n") or not text else text + b"\n")
    return b"".join(lines)
