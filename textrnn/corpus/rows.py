"""A row of a labelled corpus: its label and text, perhaps its part, group and time, or why it has none."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

from textrnn.artifacts.messages import printed
from textrnn.core.errors import UserError
from textrnn.core.escape import is_unicode, listed

MOST_CHARACTERS = 1_000_000  # of a text: a longer one is no message, but a file read wrongly
MOST_OF_LABEL = 200  # characters: a longer one is a text
MISSING = frozenset(("", "NaN", "nan", "NULL", "null", "None", "N/A", "n/a", "NA", "#N/A", "<NA>"))
PART_WORDS = {  # what corpora call their parts: numbers are places in SIDES
    "test": 0, "testing": 0, "train": 2, "training": 2,
    "valid": 1, "validation": 1, "val": 1, "dev": 1, "development": 1,
}  # fmt: skip
PART = "the part is {!a}, expected train, validation or test"
TIME = "the time is {!a}, expected a number or ISO 8601, such as 2026-01-31 12:00"
WORDS = re.compile(r"[^\W\d_]+")


class Wanted(NamedTuple):
    """The columns that params.yaml names. The last three may be None; if all are, rows have their fields alone."""

    label: int | str | None = None
    text: int | str | None = None
    part: int | str | None = None
    group: int | str | None = None
    time: int | str | None = None


class Columns(NamedTuple):
    """The positions of the columns in a row; -1: the corpus has no such column."""

    label: int
    text: int
    part: int = -1
    group: int = -1
    time: int = -1


KEYS = Columns._make((
    "clean.label_column", "clean.text_column", "split.column", "split.group_column", "split.time_column"
))  # fmt: skip


class Row(NamedTuple):
    """A row of the corpus: the line where it begins, and either its label and text or why it has none."""

    line: int
    label: str = ""
    text: str = ""
    reason: str = ""
    part: int = -1  # an index into SIDES; -1: in none
    group: str = ""
    time: float = math.nan  # seconds since 1970, or any number that says which row is newer
    fields: tuple[str, ...] = ()  # of a row that is read for its fields alone


def resolved(wanted: Wanted, header: Sequence[str], name: str) -> tuple[Columns, list[str]]:
    """Return the columns' positions, and a sentence for each that is spelt otherwise in the header.

    Raises UserError if the header lacks a column or has it twice, or if label and text are the same one.
    """
    found: list[int] = []
    notes: list[str] = []
    for key, column in zip(KEYS, wanted, strict=True):
        if column is None or isinstance(column, int):
            found.append(-1 if column is None else column)
            continue
        place = position(
            header, column, f"set {key} to one of these, or to a position, from 0", f"params.yaml: {name}: "
        )
        if header[place] != column:
            notes.append(f"{key} {column!r} is the column {header[place]!r}")
        found.append(place)
    if found[0] == found[1] >= 0:
        raise UserError(
            f"params.yaml: expected two columns, found {wanted.label!r} for clean.label_column and "
            f"{wanted.text!r} for clean.text_column"
        )
    return Columns._make(found), notes


def position(header: Sequence[str], column: str, advice: str, begin: str = "") -> int:
    """Return the position of a column, whose blanks and capitals may differ if only one column is called so.

    Raises UserError, with advice, unless the header has it once.
    """
    names = list(header)
    if column not in names:
        names = [" ".join(one.split()).casefold() for one in names]
        column = " ".join(column.split()).casefold() if " ".join(column.split()).casefold() in names else column
    if names.count(column) != 1:
        raise UserError(
            f"{begin}expected one column {column!r} in a header line, found {listed(list(header))}: {advice}"
        )
    return names.index(column)


def checked_rows(rows: Iterable[tuple[int, Sequence[str]]], columns: Columns) -> Iterator[Row]:
    """Yield the rows of (line, fields)."""
    return (checked_row(line, fields, columns) for line, fields in rows)


def checked_row(line: int, fields: Sequence[str], columns: Columns) -> Row:
    """Return the row that stands in some fields, or the reason why they are none; all fields without columns."""
    label_at, text_at, part_at, group_at, time_at = columns
    if label_at < 0:
        return Row(line, fields=tuple(fields))
    try:
        label, text = printed(fields[label_at]), fields[text_at]
        more = None if part_at == group_at == time_at else [fields[at].strip() if at >= 0 else "" for at in columns[2:]]
    except IndexError:
        return Row(line, reason=f"expected at least {max(columns) + 1} columns, found {len(fields)}")
    fits = 0 < len(text) <= MOST_CHARACTERS and (text.isascii() or is_unicode(text))
    if not fits or text.isspace() or not is_label(label):
        return Row(line, reason=_wrong(label, text))
    return Row(line, label, text) if more is None else _with_more(line, label, text, columns, *more)


def _with_more(line: int, label: str, text: str, columns: Columns, part: str, group: str, time: str) -> Row:
    """Return the row with its part, group and time."""
    number, moment = part_of(part), moment_of(time)
    if columns.part >= 0 > number:
        return Row(line, reason=PART.format(part[:40]))
    if columns.time >= 0 and math.isnan(moment):
        return Row(line, reason=TIME.format(time[:40]))
    return Row(line, label, text, "", number, group if is_unicode(group) else "", moment)


@lru_cache(maxsize=1 << 16)
def is_label(text: str) -> bool:
    """Return whether a text may be a label."""
    return 0 < len(text) <= MOST_OF_LABEL and text.isprintable()


def _wrong(label: str, text: str) -> str:
    """Return why a label and a text are no row."""
    if not (is_unicode(label) and is_unicode(text)):
        return "a byte is not UTF-8"
    if not label or not text.strip():
        return "the text is empty" if label else "the label is empty"
    if len(text) > MOST_CHARACTERS:
        return f"the text has {len(text):,} characters, expected at most {MOST_CHARACTERS:,}"
    if len(label) > MOST_OF_LABEL:
        return f"the label has {len(label):,} characters, expected at most {MOST_OF_LABEL}"
    return "the label holds a character that cannot be printed"


def part_of(name: str) -> int:
    """Return the number of the part that a word of `name` means, such as 1 for dev or oos_val; -1 for none."""
    return next((PART_WORDS[word] for word in WORDS.findall(name.casefold()) if word in PART_WORDS), -1)


def moment_of(time: str) -> float:
    """Return a time as a number: the number that it is, or the seconds since 1970 (ISO 8601); else not a number."""
    try:
        number = float(time)
        return number if math.isfinite(number) else math.nan
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(time)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def as_text(value: object) -> str:
    """Return a value of JSON, Parquet or a spreadsheet as it would stand in CSV; "" for none."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, date):
        return value.isoformat()
    return "|".join(map(as_text, value)) if isinstance(value, list | tuple) else str(value)
