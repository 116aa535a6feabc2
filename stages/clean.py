"""clean: every row of the corpus is parsed, validated and normalised, or rejected with a reason.

Reads   data/raw/corpus; section `clean` and evaluate.positive_label of params.yaml
Writes  data/clean/messages.tsv (label, tab, text), data/clean/rejected.tsv (line, reason),
        metrics/clean.json
Run     python -m stages.clean
"""

import codecs
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from textrnn import params, paths
from textrnn.errors import UserError, run
from textrnn.files import write_metrics, write_text
from textrnn.labels import Positive, class_names
from textrnn.messages import write_messages
from textrnn.normalise import Normalisation, normalise
from textrnn.progress import progress
from textrnn.rows import Row, csv_rows, tsv_rows

Column = Annotated[int, Field(ge=0, lt=16_384)] | Annotated[str, Field(min_length=1)]


class Clean(Normalisation):
    """Section `clean` of params.yaml."""

    format: Literal["tsv", "csv"]
    label_column: Column
    text_column: Column
    duplicates: Literal["keep", "drop"]
    max_rejected_share: float = Field(ge=0, le=1)


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
    if rejected and len(rejected) / len(rows) > limit:  # 0.29 * 100 is less than 29, and 29 / 100 is 0.29
        first = rejected[0]
        raise UserError(
            f"expected at most {limit:.2%} of the rows of data/raw/corpus to be rejected, found {len(rejected)} of "
            f"{len(rows)}. The first is line {first.line}: {first.reason}. Mend them (data/clean/rejected.tsv "
            "lists all), set clean.format and the columns as the file has them, or raise clean.max_rejected_share"
        )


def as_utf8(raw: bytes) -> bytes:
    """Return the corpus without a byte order mark, and in UTF-8 if the mark says UTF-16, as spreadsheets write it."""
    if not raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode("utf-16").encode("utf-8")
    except UnicodeError as error:
        raise UserError(f"data/raw/corpus: expected UTF-16, as its first two bytes say, found none: {error}") from None


def rows_of(raw: bytes, settings: Clean) -> Iterator[Row]:
    """Return the rows of a corpus in the format that the settings name."""
    raw = as_utf8(raw)
    label_column, text_column = settings.label_column, settings.text_column
    if label_column == text_column:
        raise UserError(
            f"params.yaml: expected two columns, found {label_column!r} for clean.label_column and text_column"
        )
    if settings.format == "csv":
        return csv_rows(raw, label_column, text_column)
    if isinstance(label_column, int) and isinstance(text_column, int):
        return tsv_rows(raw, label_column, text_column) if raw else iter(())
    raise UserError("params.yaml: expected clean.label_column and clean.text_column as positions for format tsv")


def main() -> None:
    """Run the stage."""
    settings = params.load("clean", Clean)
    positive = params.load("evaluate", Positive, part=True)
    rows = list(progress(rows_of(paths.CORPUS.read_bytes(), settings), "read", "row"))
    if not rows:
        raise UserError("expected a row or more in data/raw/corpus, found none: check download.source")
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
