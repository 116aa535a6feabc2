"""A user's own corpus as files: one or, by a pattern, several; plain or compressed; here or in an object store.

fsspec finds, fetches and decompresses them: DVC needs it too.
"""

import glob
from pathlib import Path
from typing import Any

from textrnn.core.errors import UserError, one_line
from textrnn.corpus.encoding import as_file, as_utf8


def read(source: str, most_bytes: int, header: bool) -> bytes:
    """Return the content of the files at `source`, of at most so many bytes, one after another in order of their names.

    `source` is a path or an address such as s3://…, in which *, ? and [ ] stand for names. With `header` each file
    begins with a line that names the columns, of which one is kept. Raises UserError.
    """
    contents: list[tuple[str, bytes]] = []
    for file in files_at(source):
        left = most_bytes - sum(len(content) for _, content in contents)
        name = file.full_name if "://" in source else file.path
        try:
            with file as opened:
                content = opened.read(left + 1)
        except FileNotFoundError:
            raise UserError(f"{missing(source)}, found no file at {name}") from None
        except Exception as error:  # noqa: BLE001  # each compression and each store has classes of its own
            raise UserError(f"{name}: expected a file that can be read, found {one_line(error)}") from None
        if len(content) > left:
            raise UserError(f"{source}: expected at most {most_bytes:,} bytes, found more")
        contents.append((name, content))
    return contents[0][1] if len(contents) == 1 else joined(contents, header)


def files_at(source: str) -> list[Any]:
    """Return the files, not yet open, one at least."""
    import fsspec  # noqa: PLC0415  # a sixth of a second, and no use for the default corpus

    one = not glob.has_magic(source) or Path(source).is_file()
    try:
        found = fsspec.open_files([source] if one else source, "rb", compression="infer", expand=not one)
    except Exception as error:  # noqa: BLE001  # as above; ImportError says which package the store needs
        raise UserError(f"{source}: {one_line(error)}") from None
    if not found:
        raise UserError(f"{missing(source)}, found no file like {source}")
    return list(found)


def missing(source: str) -> str:
    """Return how a message begins that tells of no file."""
    kind = "an address that is there" if "://" in source else "a file"
    return f"params.yaml: expected download.source to be sms-spam, a URL or {kind}"


def joined(contents: list[tuple[str, bytes]], header: bool) -> bytes:
    """Return the files' lines in UTF-8, each file's last one ended. Raises UserError where headers differ."""
    lines: list[bytes] = []
    first = b""
    for name, content in contents:
        text = as_utf8(as_file(content), name).read()
        if header:
            begins, _, rest = text.partition(b"\n")
            first = first or begins.rstrip(b"\r")
            if begins.rstrip(b"\r") != first:
                raise UserError(
                    f"{name}: expected the header line of {contents[0][0]}, {_shown(first)}, found {_shown(begins)}"
                )
            text = rest if lines else text
        lines.append(text if text.endswith(b"\n") or not text else text + b"\n")
    return b"".join(lines)


def _shown(line: bytes) -> str:
    return repr(line[:80].decode("utf-8", "replace").rstrip("\r"))
