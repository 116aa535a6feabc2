"""Which encoding a file of text is in: what its byte order mark says, UTF-8, or else what chardet makes of it."""

import codecs
import io
import re
from typing import NamedTuple

from textrnn.core.errors import UserError
from textrnn.core.files import blocks

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # the marks of UTF-16, as spreadsheets write it
MARKS = {  # those of UTF-32 begin as those of UTF-16 do
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
} | dict.fromkeys(UTF_16, "utf-16")  # fmt: skip
SAMPLE = 1 << 20  # bytes in which the encoding is looked for
NULS = 0.2  # share of the even, or of the odd bytes that are zero in UTF-16 of most scripts, spaces and digits at least
CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x7f]")  # bytes that text has in no encoding of which one byte is ASCII
SURE = 1.0
FEW = 8  # bytes that tell nothing
COMMONEST, NEARLY = "cp1252", 0.95  # of old encodings; it wins if it is so nearly as likely: a few letters tell little


class Encoding(NamedTuple):
    """An encoding by Python's name for it, and how sure it is, 0 … 1."""

    name: str
    confidence: float = SURE


def detect(file: io.BufferedReader, wanted: str, name: str) -> Encoding:
    """Return the encoding of a file, which is at its beginning and will be there again; `wanted` is auto or a name.

    A file that is UTF-8 but for a few bytes is UTF-8: its rows with such bytes are rejected later. Raises UserError if
    there is no such encoding, or if the file is not text.
    """
    sample = file.peek(4)[:4]
    if wanted != "auto":
        return Encoding(known(wanted))
    for mark, encoding in MARKS.items():
        if sample.startswith(mark):
            return Encoding(encoding)
    sample = _suspicious(file)
    file.seek(0)
    if b"\0" in sample:
        return _of_zeros(sample, name)
    text = sample.decode("utf-8", "surrogateescape")
    wrong = len(re.findall(r"[\ud800-\udfff]", text))
    right = len(re.findall(r"[^\x00-\x7f\ud800-\udfff]", text))
    if right >= 2 * wrong:
        return Encoding("utf-8")
    if len(CONTROL.findall(sample)) > len(sample) / 100:
        raise UserError(f"{name}: expected text, found binary data")
    if wrong < FEW:
        return Encoding(COMMONEST, 0.1)
    import chardet  # noqa: PLC0415  # most files are UTF-8

    telling = b"\n".join(line for line in sample.split(b"\n") if not line.isascii())
    all_found = chardet.detect_all(telling, prefer_superset=True, compat_names=False)
    best = all_found[0]
    for found in all_found:
        if found["encoding"] == COMMONEST and found["confidence"] >= NEARLY * best["confidence"]:
            best = found
    return Encoding(known(best["encoding"] or COMMONEST), round(best["confidence"], 2))


def _suspicious(file: io.BufferedReader) -> bytes:
    """Return the first SAMPLE bytes, and with them the first block of lines that is not UTF-8 or has a zero byte."""
    sample = file.read(SAMPLE) + file.readline(SAMPLE)
    if not is_utf8(sample):
        return sample
    return sample + next((block for block in blocks(file) if b"\0" in block or not is_utf8(block)), b"")


def _of_zeros(sample: bytes, name: str) -> Encoding:
    for encoding, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if zeros.count(0) > NULS * len(zeros) > 3 * (sample.count(0) - zeros.count(0)):
            return Encoding(encoding, 0.9)
    if sample.count(0) < FEW + len(sample) / 1000:  # in some text
        return Encoding("utf-8")
    raise UserError(f"{name}: expected text, found binary data (bytes that are zero)")


def is_utf8(content: bytes) -> bool:
    """Return whether some bytes are valid UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def known(encoding: str) -> str:
    """Return Python's name of an encoding of text. Raises UserError if it knows none of that name."""
    try:
        "".encode(encoding)
        return codecs.lookup(encoding).name
    except (LookupError, ValueError, UnicodeError):
        raise UserError(
            f"params.yaml: expected clean.encoding to be auto or an encoding such as utf-8, cp1252 or utf-16, "
            f"found {encoding!r}"
        ) from None


def as_utf8(file: io.BufferedReader, encoding: str, name: str) -> io.BufferedReader:
    """Return the file in UTF-8, without its byte order mark. Bytes that UTF-8 does not have stay; rows reject them.

    Raises UserError if a file of UTF-16 or UTF-32 has others.
    """
    if encoding in ("utf-8", "utf-8-sig", "ascii"):
        if file.peek(3)[:3] == codecs.BOM_UTF8:
            file.read(3)
        return file
    # A byte that an encoding of single bytes lacks becomes one that is not UTF-8 either, and its row is rejected.
    errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    try:
        return as_file(file.read().decode(encoding, errors).removeprefix("\ufeff").encode("utf-8", "surrogatepass"))
    except (UnicodeError, LookupError) as error:
        raise UserError(
            f"{name}: expected {encoding}: {error}. Set clean.encoding to the encoding that it was saved in, or save "
            "it as UTF-8"
        ) from None


def as_file(raw: bytes) -> io.BufferedReader:
    """Return `raw` as an open file."""
    return io.BufferedReader(io.BytesIO(raw))
