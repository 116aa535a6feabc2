"""download: the corpus, verified: the SMS Spam Collection from whichever source answers, or your own.

Verified bytes are kept in a cache outside the workspace (TEXTRNN_CACHE, else the user's cache
directory), since `dvc exp run --queue` works in temporary copies and must not download again.

Your own file becomes a dependency in dvc.yaml, so that DVC runs the stage again when the file has changed.

Reads   section `download` and split.test_source of params.yaml
Writes  data/raw/corpus, and data/raw/test (an empty line without split.test_source)
Run     python -m stages.download
"""

if __spec__ is None:
    raise SystemExit("error: stages/download.py is part of a package: run `python -m stages.download`")

import sys
from itertools import chain
from pathlib import Path
from typing import IO

from pydantic import Field

from textrnn.core import params, paths
from textrnn.core.errors import UserError, note, run, say
from textrnn.core.files import replacing
from textrnn.core.progress import progress
from textrnn.core.stores import is_address
from textrnn.corpus import cache, credentials, file_list, local_files, sms_spam, watch
from textrnn.corpus.archives import MOST_BYTES, unpacked
from textrnn.corpus.http import fetch
from textrnn.corpus.settings import Source, TestSource
from textrnn.corpus.sms_spam import check, verified
from textrnn.partitions.execute import map_ordered


class Download(Source):
    """Section `download` of params.yaml."""

    sha256: str | None = Field(pattern=r"^[0-9a-fA-F]{64}$")
    connect_timeout: float = Field(gt=0, le=600)


def sms_spam_collection(connect_timeout: float) -> bytes:
    """Return the SMS Spam Collection from the first source that has the right bytes.

    Prints why a source failed, and then which one was used. Raises UserError if all fail.
    """
    failure = ""
    for name, source in sms_spam.SOURCES.items():
        if failure:
            say(f"source failed: {failure}; trying {name}")
        try:
            content = verified(source(connect_timeout), sms_spam.SHA256)
            if failure:
                say(f"downloaded from {name}")
            return content
        except UserError as error:
            failure = f"{name}: {error}"
    raise UserError(
        f"last source failed: {failure}. Check the network, or put the file {sms_spam.ARCHIVE_MEMBER} with sha256 "
        f"{sms_spam.SHA256} (from {sms_spam.ARCHIVE_URL}) at {cache.path(sms_spam.SHA256)}"
    )


def own_corpus(key: str, source: str, checksum: str | None, connect_timeout: float, file: IO[bytes]) -> None:
    """Write a user's own corpus, from a URL or from the files at a path relative to the repository, to an empty file.

    Of files with more than MOST_BYTES only a list is written. A server of HTTP is a stranger, which may send no more.
    """
    credentials.check(key, source)
    try:
        address = credentials.filled(source)
        if address.lower().startswith(("http://", "https://")):
            file.write(unpacked(fetch(address, MOST_BYTES, connect_timeout), MOST_BYTES))
        else:
            try:
                local_files.write(place := located(address), MOST_BYTES, file)
            except local_files.TooLargeError:
                file.seek(0)
                file.truncate()
                file.write(listing(source, place, checksum))
                return
        file.seek(0)
        begin = file.read(len(file_list.MARK))
        if begin in (b"", file_list.MARK):
            raise UserError(f"expected a corpus, found {'a list that textrnn wrote' if begin else 'an empty file'}")
        if checksum:
            check(file, checksum)
    except (UserError, RuntimeError) as error:  # RuntimeError: no home directory
        raise UserError(f"{key} {source}: {credentials.hidden(str(error), source)}") from None


def located(address: str) -> str:
    """Return the address of a source, or its path on this machine."""
    return address if is_address(address) else local_files.in_repository(address)


def listing(source: str, place: str, checksum: str | None) -> bytes:
    """Return a list of the files at a source, each of which a worker has read. Raises UserError."""
    if "::" in source:
        raise UserError(f"expected at most {MOST_BYTES:,} bytes of an archive, found more: unpack it")
    found = local_files.listed(place)
    addresses = [credentials.hidden(address, source) for address, _ in found]
    with progress(desc="read", total=len(found), unit="file") as bar:
        digests = []
        for digest in map_ordered(file_list.digest, addresses, long=True):
            digests.append(digest)
            bar.update()
    files = [
        file_list.File(address if is_address(address) else paths.shown(Path(address)), name, *digest)
        for address, (_, name), digest in zip(addresses, found, digests, strict=True)
    ]
    counted = f"{len(files):,} files" if len(files) > 1 else f"{files[0].size:,} bytes"
    if checksum and (total := file_list.checksum(files)) != checksum.lower():
        raise UserError(f"expected sha256 {checksum}, found {total} ({counted})")
    note(f"{source} has more than {MOST_BYTES:,} bytes, which stay where they are: clean reads them there")
    return file_list.written(files)


def main() -> None:
    """Run the stage."""
    settings = params.load("download", Download)
    source, timeout = settings.source, settings.connect_timeout
    test = params.load("split", TestSource, part=True).test_source
    for key, one in (("download.source", source), ("split.test_source", test or "")):
        credentials.check(key, one)
    own = source != "sms-spam"
    checksum = settings.sha256 if own else sms_spam.SHA256
    if not own and settings.sha256 and settings.sha256.lower() != checksum:
        raise UserError(f"params.yaml: expected download.sha256 null for sms-spam, found {settings.sha256}")
    with replacing(paths.CORPUS) as file, replacing(paths.TEST_CORPUS) as other:
        content = cache.read(checksum) if checksum else None
        if content is None and own:
            own_corpus("download.source", source, checksum, timeout, file)
        else:
            file.write(sms_spam_collection(timeout) if content is None else content)
        if content is None and checksum:
            cache.keep(file, checksum)
        if test:
            own_corpus("split.test_source", test, None, timeout, other)
        else:
            other.write(b"\n")
    watched([one for one in (None if checksum else source, test) if one], timeout)


def watched(sources: list[str], timeout: float) -> None:
    """Let DVC watch sources whose content no checksum says, and print it if it has not yet, or cannot."""
    entries = {source: watch.entries(source, timeout) for source in sources}
    known = list(chain.from_iterable(entries.values()))
    if watch.write(paths.PIPELINE, known) and known:
        note(f"dvc.yaml: DVC now watches {', '.join(known)}")
    for source, found in entries.items():
        if not found and paths.PIPELINE.exists():
            note(f"DVC cannot watch {source}: when it has changed, run `dvc repro -f download`, then `dvc repro`")


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
