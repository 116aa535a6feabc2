"""download: the corpus, verified: the SMS Spam Collection from whichever source answers, or your own.

Verified bytes are kept in a cache outside the workspace (TEXTRNN_CACHE, else the user's cache
directory), since `dvc exp run --queue` works in temporary copies and must not download again.

Reads   section `download` of params.yaml; of several files of yours, clean.label_column and clean.text_column too
Writes  data/raw/corpus
Run     python -m stages.download
"""

import os
import sys
from pathlib import Path

import platformdirs
from pydantic import Field

from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.escape import printable
from textrnn.core.files import replacing
from textrnn.core.params import Section
from textrnn.corpus import local_files, sms_spam
from textrnn.corpus.http import fetch
from textrnn.corpus.sms_spam import verified

MOST_BYTES = 1 << 30  # of a user's own corpus


class Download(Section):
    """Section `download` of params.yaml."""

    source: str = Field(min_length=1)
    sha256: str | None = Field(pattern=r"^[0-9a-fA-F]{64}$")
    connect_timeout: float = Field(gt=0, le=600)


class Columns(Section):
    """The keys of section `clean` that say whether files have a header line."""

    label_column: int | str
    text_column: int | str


def sms_spam_collection(connect_timeout: float) -> bytes:
    """Return the SMS Spam Collection from the first source that has the right bytes.

    Prints why a source failed, and then which one was used. Raises UserError if all fail.
    """
    failure = ""
    for name, source in sms_spam.SOURCES.items():
        if failure:
            print(printable(f"source failed: {failure}; trying {name}"), file=sys.stderr, flush=True)
        try:
            content = verified(source(connect_timeout), sms_spam.SHA256)
            if failure:
                print(f"downloaded from {name}", file=sys.stderr)
            return content
        except UserError as error:
            failure = f"{name}: {error}"
    raise UserError(
        f"last source failed: {failure}. Check the network, or put the file {sms_spam.ARCHIVE_MEMBER} with sha256 "
        f"{sms_spam.SHA256} (from {sms_spam.ARCHIVE_URL}) at {cached(sms_spam.SHA256)}"
    )


def own_corpus(source: str, checksum: str | None, connect_timeout: float) -> bytes:
    """Return a user's own corpus, from a URL or from the files at a path relative to the repository."""
    columns = params.load("clean", Columns, part=True)
    header = isinstance(columns.label_column, str) or isinstance(columns.text_column, str)
    try:
        if source.startswith(("http://", "https://")):
            content = fetch(source, MOST_BYTES, connect_timeout)
        else:
            path = source if "://" in source else str(paths.ROOT / Path(source).expanduser())
            content = local_files.read(path, MOST_BYTES, header)
        if not content:
            raise UserError("expected a corpus, found an empty file")
        return verified(content, checksum) if checksum else content
    except (UserError, RuntimeError) as error:  # RuntimeError: no home directory
        raise UserError(f"download.source {source}: {error}") from None


def cached(checksum: str) -> Path:
    """Return where the content with this checksum is kept between runs. Raises OSError if no home is known."""
    directory = os.environ.get("TEXTRNN_CACHE") or platformdirs.user_cache_dir("textrnn")
    try:
        return Path(directory).expanduser() / checksum.lower()
    except RuntimeError:
        raise FileNotFoundError(f"no home directory is known for the ~ of {directory}") from None


def from_cache(checksum: str) -> bytes | None:
    """Return the content with this checksum, or None if the cache lacks it or, which is printed, has other bytes."""
    try:
        path = cached(checksum)
        if (size := path.stat().st_size) > MOST_BYTES:
            raise UserError(f"expected at most {MOST_BYTES:,} bytes, found {size:,}")
        return verified(path.read_bytes(), checksum)
    except OSError:
        return None
    except UserError as error:
        print(printable(f"cache not used: {path}: {error}"), file=sys.stderr, flush=True)
        return None


def keep(content: bytes, checksum: str) -> None:
    """Put verified content into the cache. If that fails, print why and go on."""
    try:
        with replacing(cached(checksum)) as file:
            file.write(content)
    except OSError as error:
        print(printable(f"not cached: {error}"), file=sys.stderr)


def main() -> None:
    """Run the stage."""
    settings = params.load("download", Download)
    source, timeout = settings.source, settings.connect_timeout
    own = source != "sms-spam"
    checksum = settings.sha256 if own else sms_spam.SHA256
    if not own and settings.sha256 and settings.sha256.lower() != checksum:
        raise UserError(f"params.yaml: expected download.sha256 null for sms-spam, found {settings.sha256}")
    content = from_cache(checksum) if checksum else None
    if content is None:
        content = own_corpus(source, checksum, timeout) if own else sms_spam_collection(timeout)
        if checksum:
            keep(content, checksum)
    with replacing(paths.CORPUS) as file:
        file.write(content)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
