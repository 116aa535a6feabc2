"""The corpus as it was downloaded, in batches of rows: in TSV lines yet to be parsed, which may be done elsewhere."""

import codecs
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from textrnn.blocks import BLOCK, blocks
from textrnn.errors import UserError
from textrnn.rows import Row, csv_rows, tsv_rows


class Batch(NamedTuple):
    """Some rows of the corpus: lines of TSV, numbered from `first`, or rows that a CSV was parsed into."""

    first: int = 0
    lines: bytes = b""
    rows: tuple[Row, ...] = ()


def as_utf8(corpus: io.BufferedReader) -> io.BufferedReader:
    """Return the corpus without a byte order mark, and in UTF-8 if the mark says UTF-16, as spreadsheets write it."""
    mark = corpus.peek(3)[:3]
    if mark == codecs.BOM_UTF8:
        corpus.read(3)
    if not mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return corpus
    try:  # as a whole: a spreadsheet has a million rows at most
        return as_file(corpus.read().decode("utf-16").encode("utf-8"))
    except UnicodeError as error:
        raise UserError(f"data/raw/corpus: expected UTF-16, as its first two bytes say, found none: {error}") from None


def as_file(raw: bytes) -> io.BufferedReader:
    """Return an open file which holds `raw`."""
    return io.BufferedReader(io.BytesIO(raw))


def batches(
    corpus: io.BufferedReader, file_format: str, label_column: int | str, text_column: int | str
) -> Iterator[Batch]:
    """Yield the rows of a corpus, csv or tsv, some at a time."""
    corpus = as_utf8(corpus)
    if label_column == text_column:
        raise UserError(
            f"params.yaml: expected two columns, found {label_column!r} for clean.label_column and text_column"
        )
    if file_format == "csv":
        yield from csv_batches(csv_rows(corpus, label_column, text_column))
    elif isinstance(label_column, int) and isinstance(text_column, int):
        first = 1
        for block in blocks(corpus):
            yield Batch(first, block)
            first += block.count(b"\n")
    else:
        raise UserError("params.yaml: expected clean.label_column and clean.text_column as positions for format tsv")


def rows_of(batch: Batch, label_column: int | str, text_column: int | str) -> Iterable[Row]:
    """Return the rows of a batch."""
    if batch.lines and isinstance(label_column, int) and isinstance(text_column, int):
        return tsv_rows(batch.lines, label_column, text_column, batch.first)
    return batch.rows


def csv_batches(rows: Iterator[Row]) -> Iterator[Batch]:
    """Yield the rows, as many at a time as BLOCK characters of text make."""
    some: list[Row] = []
    length = 0
    for row in rows:
        some.append(row)
        length += len(row.text) + 100  # for what else a row takes
        if length >= BLOCK:
            yield Batch(rows=tuple(some))
            some, length = [], 0
    yield Batch(rows=tuple(some))
