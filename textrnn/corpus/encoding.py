"""The byte order mark with which a file may begin, and the encoding that it stands for."""

import codecs
import io

from textrnn.core.errors import UserError

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # as spreadsheets write it


def as_utf8(file: io.BufferedReader, name: str) -> io.BufferedReader:
    """Return the file without its byte order mark, converted from UTF-16 if the mark says so. Raises UserError."""
    mark = file.peek(3)[:3]
    if mark == codecs.BOM_UTF8:
        file.read(3)
    if not mark.startswith(UTF_16):
        return file
    try:  # as a whole: a spreadsheet has a million rows at most
        return as_file(file.read().decode("utf-16").encode("utf-8"))
    except UnicodeError as error:
        raise UserError(f"{name}: expected UTF-16, as its byte order mark says: {error}") from None


def as_file(raw: bytes) -> io.BufferedReader:
    """Return `raw` as an open file."""
    return io.BufferedReader(io.BytesIO(raw))
