"""download: the corpus, verified: the SMS Spam Collection from whichever source answers, or your own.

Verified bytes are kept in a cache outside the workspace (TEXTRNN_CACHE, else the user's cache
directory), since `dvc exp run --queue` works in temporary copies and must not download again.

Reads   section `download` of params.yaml; of several files of yours, clean.label_column and clean.text_column too
Writes  data/raw/corpus
Run     python -m stages.download
"""

import os
import sys
from hashlib import sha256
from pathlib import Path

import platformdirs
from pydantic import Field

from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import replacing
from textrnn.core.params import Section
from textrnn.corpus import local_files, sms_spam

MOST_BYTES = 1 << 30  # of a user's own corpus


class Download(Section):
    """Section `download` of params.yaml."""

    source: str = Field(min_length=1)
    sha256: str | None = Field(pattern=r"^[0-9a-fA-F]{64}$")
    connect_timeout: float = Field(gt=0, le=600)


def sms_spam_collection(connect_timeout: float) -> bytes:
    """Return the SMS Spam Collection from the first source that has the right bytes.

    Each failure is told in a line. Raises UserError when all fail.
    """
    for source in sms_spam.SOURCES:
        try:
            content = source(connect_timeout)
            return verified(content, sms_spam.SHA256, source.__name__.replace("_", " "))
        except UserError as failure:
            print(f"no luck: {failure}", file=sys.stderr, flush=True)
    raise UserError(
        "expected one of the sources above to answer, found none. Check the network, or put the file "
        f"SMSSpamCollection with sha256 {sms_spam.SHA256} (from {sms_spam.ARCHIVE_URL}) at {cached(sms_spam.SHA256)}"
    )


class Columns(Section):
    """The keys of section `clean` which tell whether files have a header line."""

    label_column: int | str
    text_column: int | str


def own_corpus(source: str, checksum: str | None, connect_timeout: float) -> bytes:
    """Return a user's own corpus, from a URL or from the files at a path relative to the repository."""
    if source.startswith(("http://", "https://")):
        from textrnn.corpus.http import fetch  # noqa: PLC0415  # requests: not while the corpus is in the cache

        content = fetch(source, MOST_BYTES, connect_timeout)
        if sms_spam.describe(content) == "an HTML page":
            raise UserError(f"{source}: expected a corpus, found an HTML page: give the address of the file itself")
    else:
        where = source if "://" in source else str(paths.ROOT / at_home(source))
        if Path(where).is_dir():
            raise UserError(f"{local_files.missing(source)}, found a directory at {where}: {where}/* are its files")
        columns = params.load("clean", Columns, part=True)
        header = isinstance(columns.label_column, str) or isinstance(columns.text_column, str)
        content = local_files.read(where, MOST_BYTES, header)
    return verified(content, checksum, source) if checksum else content


def read(path: Path) -> bytes:
    """Return the content of the file at `path`. Raises UserError, before memory is taken, when it is too large."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise UserError(f"{path}: expected at most {MOST_BYTES:,} bytes, found {size:,}")
    return path.read_bytes()


def verified(content: bytes, checksum: str, where: str) -> bytes:
    """Return `content`. Raises UserError when it does not hash to `checksum`."""
    if (found := sha256(content).hexdigest()) != checksum.lower():
        raise UserError(f"{where}: expected sha256 {checksum}, found {found} ({sms_spam.describe(content)})")
    return content


def cached(checksum: str) -> Path:
    """Return where the content with this checksum is kept between runs."""
    return at_home(os.environ.get("TEXTRNN_CACHE") or platformdirs.user_cache_dir("textrnn")) / checksum.lower()


def at_home(path: str) -> Path:
    """Return `path` with ~ replaced by the home directory. Raises FileNotFoundError when there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FileNotFoundError(f"expected a home directory for the ~ of {path}, found none") from None


def from_cache(checksum: str) -> bytes | None:
    """Return the content with this checksum, or None when the cache lacks it or, which is told, holds other bytes."""
    try:
        path = cached(checksum)
        return verified(read(path), checksum, str(path))
    except OSError:
        return None
    except UserError as failure:
        print(f"not used: {failure}", file=sys.stderr, flush=True)
        return None


def keep(content: bytes, checksum: str) -> None:
    """Put verified content into the cache. A cache that cannot be written is told, and is no error."""
    try:
        with replacing(cached(checksum)) as file:
            file.write(content)
    except OSError as error:
        print(f"not kept for the next time: {error}", file=sys.stderr)


def main() -> None:
    """Run the stage."""
    settings = params.load("download", Download)
    own = settings.source != "sms-spam"
    if not own and (settings.sha256 or sms_spam.SHA256).lower() != sms_spam.SHA256:
        raise UserError(f"params.yaml: expected download.sha256 null for sms-spam, found {settings.sha256}")
    checksum = settings.sha256 if own else sms_spam.SHA256
    content = from_cache(checksum) if checksum else None
    if content is None:
        timeout = settings.connect_timeout
        content = own_corpus(settings.source, checksum, timeout) if own else sms_spam_collection(timeout)
        if checksum:
            keep(content, checksum)
    if not content:
        raise UserError(f"{settings.source}: expected a corpus, found an empty file")
    with replacing(paths.CORPUS) as file:
        file.write(content)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
