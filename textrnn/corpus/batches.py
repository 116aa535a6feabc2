"""The corpus as it was downloaded, in batches of rows: in TSV lines yet to be parsed, which may be done elsewhere."""

import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from textrnn.core.errors import UserError
from textrnn.core.files import BLOCK, blocks
from textrnn.corpus.encoding import as_utf8
from textrnn.corpus.rows import Row, csv_rows, tsv_rows


class Batch(NamedTuple):
    """Some rows of the corpus: lines of TSV, numbered from `first`, or rows that a CSV was parsed into."""

    first: int = 0
    lines: bytes = b""
    rows: tuple[Row, ...] = ()


def batches(
    corpus: io.BufferedReader, file_format: str, label_column: int | str, text_column: int | str
) -> Iterator[Batch]:
    """Yield the rows of a corpus, csv or tsv, some at a time."""
    corpus = as_utf8(corpus, "data/raw/corpus")
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
