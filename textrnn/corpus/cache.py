"""Corpora with a known checksum are kept between runs, in TEXTRNN_CACHE or in the user's cache folder."""

import os
import shutil
from pathlib import Path
from typing import IO

import platformdirs

from textrnn.core.errors import UserError, say
from textrnn.core.files import replacing
from textrnn.corpus import file_list
from textrnn.corpus.archives import MOST_BYTES
from textrnn.corpus.sms_spam import verified


def path(checksum: str) -> Path:
    """Return where the content with this checksum is kept between runs. Raises OSError if no home is known."""
    directory = os.environ.get("TEXTRNN_CACHE") or platformdirs.user_cache_dir("textrnn")
    try:
        return Path(directory).expanduser() / checksum.lower()
    except RuntimeError:
        raise FileNotFoundError(f"no home directory is known for the ~ of {directory}") from None


def read(checksum: str) -> bytes | None:
    """Return the content with this checksum, or None if the cache lacks it or, which is printed, has other bytes."""
    try:
        kept = path(checksum)
        if not kept.is_file():
            return None
        if (size := kept.stat().st_size) > MOST_BYTES:
            raise UserError(f"expected at most {MOST_BYTES:,} bytes, found {size:,}")
        return verified(kept.read_bytes(), checksum)
    except OSError:
        return None
    except UserError as error:
        say(f"cache not used: {kept}: {error}")
        return None


def keep(file: IO[bytes], checksum: str) -> None:
    """Put a verified file into the cache. If that fails, print why and go on."""
    file.seek(0)
    if file.read(len(file_list.MARK)) == file_list.MARK:  # the files stay where they are
        return
    file.seek(0)
    try:
        with replacing(path(checksum)) as copy:
            shutil.copyfileobj(file, copy)
    except OSError as error:
        say(f"not cached: {error}")
