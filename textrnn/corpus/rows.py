"""The rows of a labelled corpus, TSV or CSV, in UTF-8 or UTF-16: each has a label and a text, or why it has none."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import IO, NamedTuple

from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.core.files import blocks

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # the marks of UTF-16, as spreadsheets write it
MOST_CHARACTERS = 1_000_000  # of a text: a longer one is no message, but a file read wrongly
BATCH_ROWS = 2_000  # of a CSV; a TSV comes in blocks of bytes

Column = int | str  # a position from 0, or a name in the header line

csv.field_size_limit(2**31 - 1)  # a text may be longer than the 128 KiB that csv allows at first


class Row(NamedTuple):
    """A row of the corpus: the line where it begins, and either its label and text or why it has none."""

    line: int
    label: str = ""
    text: str = ""
    reason: str = ""


Batch = Callable[[], Iterator[Row]]  # returns some rows of the corpus; picklable, so that a worker may parse them


def batches(corpus: io.BufferedReader, file_format: str, label_column: Column, text_column: Column) -> Iterator[Batch]:
    """Yield the rows of a corpus, csv or tsv, some at a time. Raises UserError if it has no such columns."""
    corpus = as_utf8(corpus, "data/raw/corpus")
    if label_column == text_column:
        raise UserError(
            f"params.yaml: expected two columns, found {label_column!r} for clean.label_column and text_column"
        )
    if file_format == "csv":
        rows = csv_rows(corpus, label_column, text_column)
        while some := list(islice(rows, BATCH_ROWS)):
            yield partial(iter, some)
    elif isinstance(label_column, int) and isinstance(text_column, int):
        first = 1
        for block in blocks(corpus):
            yield partial(tsv_rows, block, label_column, text_column, first)
            first += block.count(b"\n")
    else:
        raise UserError("params.yaml: expected clean.label_column and clean.text_column as positions for format tsv")


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


def tsv_rows(raw: bytes, label_column: int, text_column: int, first: int = 1) -> Iterator[Row]:
    """Yield the rows of lines of TSV, numbered from `first`. Quotes are text, and so are tabs after the last column."""
    last = max(label_column, text_column)
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), start=first):
        try:
            fields = line.removesuffix(b"\r").decode("utf-8").split("\t", last)
        except UnicodeDecodeError as error:
            yield Row(number, reason=f"byte {error.start} is not UTF-8")
            continue
        yield checked_row(number, fields, label_column, text_column)


def csv_rows(file: IO[bytes], label_column: Column, text_column: Column) -> Iterator[Row]:
    """Yield the rows of an RFC 4180 file. It must have a header line if a column is given by its name."""
    text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
    reader = csv.reader(text, strict=True)
    line = 1
    try:
        if isinstance(label_column, str) or isinstance(text_column, str):
            header = next(reader, [])
            advice = "set clean.label_column and clean.text_column to names in it, or to positions, from 0"
            label_column, text_column = (position(header, column, advice) for column in (label_column, text_column))
            line = reader.line_num + 1
        for fields in reader:
            if fields:
                yield checked_row(line, fields, label_column, text_column)
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"data/raw/corpus, row at line {line}: expected CSV quoted as RFC 4180, {error}") from None
    except UserError as error:
        raise UserError(f"params.yaml: {error}") from None


def position(header: list[str], column: Column, advice: str) -> int:
    """Return the position of `column` in `header`. Raises UserError, with advice, unless the header has it once."""
    if isinstance(column, int):
        return column
    if header.count(column) != 1:
        raise UserError(f"expected one column {column!r} in a header line, found {listed(header)}: {advice}")
    return header.index(column)


def checked_row(line: int, fields: list[str], label_column: int, text_column: int) -> Row:
    """Return the row with the label and the text among `fields`, or with the reason why they are none."""
    wanted = max(label_column, text_column) + 1
    if len(fields) < wanted:
        return Row(line, reason=f"expected at least {wanted} columns, found {len(fields)}")
    label, text = fields[label_column].strip(), fields[text_column]
    if not (is_unicode(label) and is_unicode(text)):
        return Row(line, reason="a byte is not UTF-8")
    if not label or not text.strip():
        return Row(line, reason="the text is empty" if label else "the label is empty")
    if len(text) > MOST_CHARACTERS:
        return Row(line, reason=f"the text has {len(text):,} characters, expected at most {MOST_CHARACTERS:,}")
    if not label.isprintable():
        return Row(line, reason="the label holds a character that cannot be printed")
    return Row(line, label, text)


def is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogates, which stand for bytes that are not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
