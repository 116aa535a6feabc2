"""The rows of a labelled corpus, TSV or CSV: each has a label and a text, or a reason why it has none."""

import csv
import io
from collections.abc import Iterator
from typing import IO, NamedTuple

from textrnn.core.errors import UserError

MOST_CHARACTERS = 1_000_000  # of a text: longer ones are no messages, but a file read wrongly


class Row(NamedTuple):
    """A row of the corpus: where it begins, and either its label and text or why it has none."""

    line: int
    label: str = ""
    text: str = ""
    reason: str = ""


def tsv_rows(raw: bytes, label_column: int, text_column: int, first: int = 1) -> Iterator[Row]:
    """Yield the rows of `label<TAB>text` lines, in which further tabs and all quotes are text.

    Of more than two columns, the last one takes the rest of the line. The lines are numbered from `first`.
    """
    last = max(label_column, text_column)
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), start=first):
        try:
            fields = line.removesuffix(b"\r").decode("utf-8").split("\t", last)
        except UnicodeDecodeError as error:
            yield Row(number, reason=f"byte {error.start} is not UTF-8")
            continue
        yield checked_row(number, fields, label_column, text_column)


def csv_rows(file: IO[bytes], label_column: int | str, text_column: int | str) -> Iterator[Row]:
    """Yield the rows of an RFC 4180 file. It has a header line if a column is given by its name."""
    text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
    csv.field_size_limit(2**31 - 1)  # a text may be longer than the 128 KiB that csv allows at first
    reader = csv.reader(text, strict=True)
    line = 1
    try:
        if isinstance(label_column, str) or isinstance(text_column, str):
            header = next(reader, [])
            label_column, text_column = (position(header, column) for column in (label_column, text_column))
            line = reader.line_num + 1
        for fields in reader:
            if fields:
                yield checked_row(line, fields, label_column, text_column)
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"data/raw/corpus, row at line {line}: expected CSV quoted as RFC 4180, {error}") from None


def position(header: list[str], column: int | str) -> int:
    """Return where `column` stands in `header`. Raises UserError when it is not there."""
    if isinstance(column, int):
        return column
    if column not in header:
        raise UserError(f"params.yaml: expected the column {column!r} in the header of data/raw/corpus, found {header}")
    if header.count(column) > 1:
        raise UserError(
            f"params.yaml: expected the column {column!r} once in the header of data/raw/corpus, found it "
            f"{header.count(column)} times: give its position"
        )
    return header.index(column)


def checked_row(line: int, fields: list[str], label_column: int, text_column: int) -> Row:
    """Return the row that `fields` make, or one with the reason why they make none."""
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
    """Return whether a text is free of lone surrogates, which stand for bytes that are not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
