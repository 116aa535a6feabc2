"""Files in an object store, by addresses such as s3://bucket/folder/file: any store that fsspec knows.

The environment of each process, or its user's home, holds the credentials.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textrnn.core.errors import UserError, one_line

OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "max_concurrency": 1,  # else s3fs has ten pieces of 50 MB of a file in memory
        "config_kwargs": {"response_checksum_validation": "when_required"},  # rclone sends with a part that of the file
    }
}


def is_address(path: str) -> bool:
    """Return whether a path leads to a store, and not to this machine's disk."""
    return "://" in path


def store(address: str) -> Any:
    """Return fsspec's object for the store of an address. It takes addresses of files, too."""
    import fsspec  # noqa: PLC0415  # few need it, and it is slow to load

    return fsspec.url_to_fs(address, **options(address))[0]


def options(address: str) -> dict[str, dict[str, Any]]:
    """Return what fsspec is to be told when it opens an address."""
    return {name: settings for name, settings in OPTIONS.items() if f"{name}://" in address}


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn whatever a store raises in the block into a UserError that names this machine. `what` could not be done."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  # each store has its own classes of errors
        raise UserError(f"{platform.node()} could not {what}: {one_line(error)}") from None
