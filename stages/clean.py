"""clean: every row of the corpus is parsed, validated and normalised, or rejected with a reason.

Reads   data/raw/corpus; section `clean` and evaluate.positive_label of params.yaml
Writes  data/clean/messages.tsv (label, tab, text), data/clean/rejected.tsv (line, reason),
        metrics/clean.json
Run     python -m stages.clean
"""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from textrnn import params, paths
from textrnn.errors import UserError, run
from textrnn.files import write_metrics, write_text
from textrnn.labels import Positive, class_names
from textrnn.messages import write_messages
from textrnn.normalise import Normalisation, normalise

Column = Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)]


class Clean(Normalisation):
    """Section `clean` of params.yaml."""

    format: Literal["tsv", "csv"]
    label_column: Column
    text_column: Column
    duplicates: Literal["keep", "drop"]
    max_rejected_share: float = Field(ge=0, le=1)


class Row(NamedTuple):
    """A row of the corpus: where it begins, and either its label and text or why it has none."""

    line: int
    label: str = ""
    text: str = ""
    reason: str = ""


def tsv_rows(raw: bytes, label_column: int, text_column: int) -> Iterator[Row]:
    """Yield the rows of `label<TAB>text` lines, in which further tabs and all quotes are text.

    Of more than two columns, the last one takes the rest of the line.
    """
    last = max(label_column, text_column)
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), start=1):
        try:
            fields = line.removesuffix(b"\r").decode("utf-8").split("\t", last)
        except UnicodeDecodeError as error:
            yield Row(number, reason=f"byte {error.start} is not UTF-8")
            continue
        yield checked_row(number, fields, label_column, text_column)


def csv_rows(raw: bytes, label_column: int | str, text_column: int | str) -> Iterator[Row]:
    """Yield the rows of an RFC 4180 file. It has a header line if a column is given by its name."""
    text = raw.decode("utf-8", errors="surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    if isinstance(label_column, str) or isinstance(text_column, str):
        header = next(reader, [])
        label_column, text_column = (position(header, column) for column in (label_column, text_column))
    line = reader.line_num + 1
    try:
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
        raise UserError(f"params.yaml: expected the column {column!r} in the header, found {', '.join(header)}")
    return header.index(column)


def checked_row(line: int, fields: list[str], label_column: int, text_column: int) -> Row:
    """Return the row that `fields` make, or one with the reason why they make none."""
    wanted = max(label_column, text_column) + 1
    if len(fields) < wanted:
        return Row(line, reason=f"expected at least {wanted} columns, found {len(fields)}")
    label, text = fields[label_column].strip(), fields[text_column]
    if any("\ud800" <= letter <= "\udfff" for letter in label + text):
        return Row(line, reason="a byte is not UTF-8")
    if not label or not text.strip():
        return Row(line, reason="the text is empty" if label else "the label is empty")
    if not label.isprintable():
        return Row(line, reason="the label holds a character that cannot be printed")
    return Row(line, label, text)


def clean(rows: list[Row], settings: Clean) -> tuple[list[tuple[str, str]], list[Row], int]:
    """Return the (label, text) pairs kept, the rows rejected, and the number of duplicates dropped.

    A duplicate has the text of an earlier row, once normalised; the earlier row is the one kept.
    """
    rejected = [row for row in rows if row.reason]
    messages = [(row.label, normalise(row.text, settings)) for row in rows if not row.reason]
    kept = messages
    if settings.duplicates == "drop":
        first: dict[str, str] = {}
        for label, text in messages:
            first.setdefault(text, label)
        kept = [(label, text) for text, label in first.items()]
    return kept, rejected, len(messages) - len(kept)


def check(rows: list[Row], rejected: list[Row], limit: float) -> None:
    """Raise UserError when more than a share of `limit` of the rows was rejected."""
    if len(rejected) > limit * len(rows):
        first = rejected[0]
        raise UserError(
            f"expected at most {limit:.2%} of the rows of data/raw/corpus to be rejected, found {len(rejected)} of "
            f"{len(rows)}. The first is line {first.line}: {first.reason}. Mend them (data/clean/rejected.tsv "
            "lists all), set clean.format and the columns as the file has them, or raise clean.max_rejected_share"
        )


def main() -> None:
    """Run the stage."""
    settings = params.load("clean", Clean)
    positive = params.load("evaluate", Positive, part=True)
    raw = paths.CORPUS.read_bytes().removeprefix(b"\xef\xbb\xbf")  # a byte order mark is no text
    label_column, text_column = settings.label_column, settings.text_column
    if settings.format == "csv":
        rows = list(csv_rows(raw, label_column, text_column))
    elif isinstance(label_column, int) and isinstance(text_column, int):
        rows = list(tsv_rows(raw, label_column, text_column)) if raw else []
    else:
        raise UserError("params.yaml: expected clean.label_column and clean.text_column as positions for format tsv")
    messages, rejected, duplicates = clean(rows, settings)
    labels = Counter(label for label, _ in messages)
    write_text(paths.REJECTED, "".join(f"{row.line}\t{row.reason}\n" for row in rejected))
    check(rows, rejected, settings.max_rejected_share)
    class_names(labels, positive)
    write_messages(paths.MESSAGES, messages)
    write_metrics(
        paths.METRICS / "clean.json",
        {
            "rows": len(rows),
            "kept": len(messages),
            "duplicates": duplicates,
            "rejected": len(rejected),
            "spam_share": labels[positive.positive_label] / len(messages),
        },
    )


if __name__ == "__main__":
    sys.exit(run(main))
