"""A user's own corpus as files: one or several, plain or compressed, here or in any store that fsspec reads."""

import glob
import io
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from textrnn.core import paths
from textrnn.core.errors import UserError, one_line
from textrnn.core.files import BLOCK
from textrnn.core.stores import is_address, options, store
from textrnn.corpus.archives import damage_told, unpacking
from textrnn.corpus.sources import short_names


def in_repository(source: str) -> str:
    """Return the path of a source in the repository, in whose own folders *, ? and [ ] stand for themselves."""
    path = Path(source).expanduser()
    is_pattern = glob.has_magic(source) and not (paths.ROOT / path).exists()
    return str((Path(glob.escape(str(paths.ROOT))) if is_pattern else paths.ROOT) / path)


def files(source: str) -> list[Any]:
    """Return the files at `source`, to be opened by fsspec: one, those in a folder, or those that match a pattern.

    `source` is a path, a folder or an address such as s3://…, in which *, ? and [ ] stand for names. Raises UserError
    for an empty folder, and the classes of fsspec's stores.
    """
    if is_folder(source):
        inside = store(source).find(source) if is_address(source) else filter(Path.is_file, Path(source).rglob("*"))
        found = sorted(str(path) for path in inside if Path(path).name[0] not in "._")
        if not found:
            raise UserError(f"expected files in the folder {source}, found none")
        if is_address(source):
            found = [store(source).unstrip_protocol(path) for path in found]
        return list(fsspec.open_files(found, "rb", expand=False, **options(source)))
    return list(fsspec.open_files([source], "rb", expand=is_pattern(source), **options(source)))


def is_folder(source: str) -> bool:
    """Return whether a source names a folder."""
    if not is_address(source):
        return Path(source).is_dir()
    return "::" not in source and not glob.has_magic(source) and bool(store(source).isdir(source))


def is_pattern(source: str) -> bool:
    """Return whether *, ? and [ ] in a source stand for names."""
    return glob.has_magic(source) and not Path(source).is_file() and not Path(source).is_dir()


def is_file(source: str) -> bool:
    """Return whether a source names one file, not a folder or a pattern."""
    return not is_pattern(source) and not is_folder(source)


class TooLargeError(UserError):
    """The files at a source have more bytes than memory should hold."""


def write(source: str, most_bytes: int, out: IO[bytes]) -> None:
    """Write the file at `source`, unpacked, of at most so many bytes, to `out`; of several, a zip of them.

    Of a folder or a pattern with one file it is a zip as well, which names that file. The same files make the same
    bytes whenever they are written. Raises UserError, and TooLargeError if they have more bytes.
    """
    left, name = most_bytes, source
    try:
        if not (found := files(source)):
            raise UserError(f"expected sms-spam, a URL or a file, found no file that matches {source}")
        paths_of = [named(file, source) for file in found]
        for file, name in zip(found, paths_of, strict=True):
            if isinstance(file.fs, LocalFileSystem) and file.fs.info(file.path)["type"] == "other":
                raise UserError(f"expected a file, found a pipe or a device at {name}")
        name = paths_of[0]
        if "::" not in source and sum(file.fs.size(file.path) or 0 for file in found) > most_bytes:
            raise TooLargeError(f"expected at most {most_bytes:,} bytes, found more")
        if len(found) == 1 and (is_file(source) or _is_zip(found[0])):  # which needs no other around
            _copied(found[0], out, left)
            return
        with zipfile.ZipFile(out, "w") as archive:
            for file, name, short in zip(found, paths_of, short_names(paths_of), strict=True):  # noqa: B007  # for messages
                with archive.open(zipfile.ZipInfo(short), "w") as member:
                    left -= _copied(file, member, left)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"expected sms-spam, a URL or a file, found no file at {name}") from None
    except Exception as error:  # noqa: BLE001  # each store has its own classes of errors
        raise UserError(f"cannot read {name}: {one_line(error)}") from None


def _is_zip(file: Any) -> bool:
    with file as opened:
        return bool(unpacking(opened).read(2) == b"PK")


def _copied(file: Any, out: IO[bytes], most_bytes: int) -> int:
    """Write a file, unpacked, and return how many bytes it has."""
    size = 0
    with file as opened:
        content = unpacking(opened)
        with damage_told() if content is not opened else nullcontext():
            while block := content.read(BLOCK):
                size += out.write(block)
                if size > most_bytes:
                    raise TooLargeError(f"expected at most {most_bytes:,} bytes, found more")
    return size


def read(source: str, most_bytes: int) -> bytes:
    """Return what `write` writes."""
    write(source, most_bytes, out := io.BytesIO())
    return out.getvalue()


def named(file: Any, source: str) -> str:
    """Return the path of a file at a source, or its address."""
    return str(file.full_name if is_address(source) else file.path)


def listed(source: str) -> list[tuple[str, str]]:
    """Return the path or address of each file at a source, and what to call it: nothing if it is the source."""
    if is_file(source):
        return [(source, "")]
    opened = [file for file in files(source) if file.fs.size(file.path) and Path(file.path).name[0] != "."]
    found = [named(file, source) for file in opened]
    if len(found) == 1 and _is_zip(opened[0]):  # here, too, all is as in `write`
        return [(found[0], "")]
    return sorted(zip(found, short_names(found), strict=True), key=lambda one: one[1])
