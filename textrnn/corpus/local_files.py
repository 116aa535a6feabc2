"""A user's own corpus as files: one or several, plain or compressed, here or in any store that fsspec reads."""

import glob
from pathlib import Path

import fsspec

from textrnn.core.errors import UserError, one_line
from textrnn.corpus.archives import unpacked, zipped


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
