"""What the columns of a corpus hold, and which of them look like the label, the text and the part."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import regex

from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.corpus import rows
from textrnn.corpus.readers import Batch, Seen
from textrnn.corpus.rows import MISSING, moment_of, part_of

LABELS = ("label", "labels", "category", "class", "intent", "sentiment", "target", "topic", "v1", "tag", "type", "y")
TEXTS = (
    "text", "message", "messages", "comment", "review", "sentence", "tweet", "utterance", "v2", "body", "content",
    "question", "description", "feedback", "query",
)  # fmt: skip
NEITHER = ("id", "index", "lang", "language", "source", "count", "number", "date")  # seldom what a person is after
GROUPS, TIMES = ("author", "user", "group", "thread", "conversation"), ("date", "time", "timestamp", "created")
MOST = 50_000  # distinct values of a column that are counted; further ones are left out
LOOKED_AT = 2_000  # distinct values by which a column is judged
MANY = 20  # numbers: a column of more than so many is no label, unless it is called one
LONG = 5.0  # words: longer values are no labels
TELLING = 3.0  # how many times as long a text's words count in a column that is called text
WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}]|[^\s\p{Han}\p{Hiragana}\p{Katakana}]+")


class Column(NamedTuple):
    """A column: its values with how often they come, and how many rows have none. `name` is "" without a header."""

    place: int
    name: str
    counts: Counter[str]
    missing: int

    @property
    def words(self) -> float:
        """The mean number of words of the values."""
        values = list(islice(self.counts, LOOKED_AT))
        return sum(len(WORD.findall(value[:10_000])) for value in values) / max(len(values), 1)

    @property
    def distinct(self) -> float:
        """The share of the values that are the first of their kind."""
        return len(self.counts) / max(self.counts.total(), 1)

    def called(self, names: Sequence[str]) -> bool:
        """Return whether the column's name, or its last word, is one of these."""
        name = self.name.strip().casefold()
        return name in names or regex.split(r"[\W_]+", name)[-1] in names

    def all(self, kind: str) -> bool:
        """Return whether all values are numbers, or of the kinds time and part."""
        values = islice(self.counts, LOOKED_AT)
        if kind == "part":
            return all(part_of(value) >= 0 for value in values)
        return all((moment_of(value) == moment_of(value)) and (kind == "time") != _number(value) for value in values)


class Choice(NamedTuple):
    """The columns of the corpus that are taken, and those that might have been taken as well."""

    label: Column
    text: Column
    part: Column | None
    labels: list[Column]  # other likely labels


def profile(batches: Iterable[Batch], seen: Sequence[Seen]) -> list[Column]:
    """Return the columns of rows that were read for their fields alone. `seen` has the file once they are read."""
    counts: list[Counter[str]] = []
    widths = Counter[int]()
    for batch in batches:
        for row in batch():
            widths[len(row.fields)] += 1
            counts += [Counter() for _ in range(len(counts), min(len(row.fields), 1_000))]
            for column, value in zip(counts, map(str.strip, row.fields), strict=False):
                if len(column) < MOST or value in column:
                    column[value] += 1
    del widths[0]  # of rows that could not be read
    names = seen[0].header if seen else ()
    width = len(names) or max(widths, key=widths.__getitem__, default=0)
    return [_column(place, (*names, *[""] * width)[place], one) for place, one in enumerate(counts[:width])]


def _column(place: int, name: str, seen: Counter[str]) -> Column:
    known = Counter({value: count for value, count in seen.items() if value not in MISSING})
    return Column(place, name, known, seen.total() - known.total())


def _number(value: str) -> bool:
    return regex.fullmatch(r"[-+]?[\d.,]+(e[-+]?\d+)?", value, regex.IGNORECASE) is not None


def named(columns: Sequence[Column], wanted: str, option: str) -> Column:
    """Return the column of that name or, if none is called so, at that position. Raises UserError."""
    names = [column.name for column in columns]
    if wanted.isdecimal() and wanted not in names and int(wanted) < len(columns):
        return columns[int(wanted)]
    if not any(names) or wanted.isdecimal():
        raise UserError(
            f"expected a position from 0 to {len(columns) - 1} for {option}"
            + (f", or one of {listed(names)}" if any(names) else ", as the file does not name its columns")
            + f", found {wanted!r}"
        )
    return columns[rows.position(names, wanted, f"give {option} one of these, or a position, from 0", f"{option}: ")]


def spelt(column: Column, columns: Sequence[Column]) -> str | int:
    """Return a column as params.yaml names it: by its name if no other is called so, else by its position."""
    alone = sum(other.name.strip().casefold() == column.name.strip().casefold() for other in columns) == 1
    return column.name if column.name.strip() and alone else column.place


def choose(columns: list[Column], label: str | None, text: str | None, part: str | None) -> Choice:
    """Return which column is which; the last three are the names that the user gave. Raises UserError."""
    if len(columns) < 2:
        raise UserError(f"expected a column of labels and one of texts, found {len(columns)} column")
    of_label, of_text, of_part = (
        named(columns, given, option) if given is not None else None
        for given, option in ((label, "--label"), (text, "--text"), (part, "--part"))
    )
    free = [one for one in columns if len(one.counts) > 1 and one not in (of_label, of_text, of_part)]
    if of_text is None:
        of_text = max(free, key=_like_text, default=None)
    free = [one for one in free if one is not of_text]
    if of_part is None and (of_label or len(free) > 1):
        of_part = next((one for one in free if len(one.counts) <= 10 and one.all("part")), None)
    others = sorted((one for one in free if one is not of_part and _may_be_label(one)), key=_unlike_label)
    of_label = of_label or (others[0] if others else None)
    if of_text is None or of_label is None:
        raise _lacking(columns, of_text)
    return Choice(of_label, of_text, of_part, [one for one in others if one is not of_label])


def _lacking(columns: list[Column], text: Column | None) -> UserError:
    """Return what to say of columns of which none is a label."""
    constant = [one for one in columns if len(one.counts) == 1 and one is not text and next(iter(one.counts))]
    for one in sorted(constant, key=_unlike_label)[:1]:
        if one.called(LABELS) or len(columns) == 2:
            label = next(iter(one.counts))
            return UserError(f"expected two labels or more, found {label!r} in every row: add rows of another label")
    names = listed([one.name or str(one.place) for one in columns])
    return UserError(
        f"found no column whose values repeat, as labels do, beside one of texts, among {names}: name them by --label "
        "and --text"
    )


def _like_text(column: Column) -> float:
    return column.words * math.sqrt(column.distinct) * (TELLING if column.called(TEXTS) else 1)


def _may_be_label(column: Column) -> bool:
    """Return whether values repeat, and are neither sentences nor, unless the name says label, quantities or times."""
    if column.distinct > 0.5 or column.words > LONG:
        return False
    quantity = column.all("number") and (len(column.counts) > MANY or any("." in value for value in column.counts))
    return column.called(LABELS) or not (quantity or column.all("time"))


def _unlike_label(column: Column) -> tuple[int, bool, bool, int, int]:
    """Return a key by which the likeliest label comes first: by its name, then words before numbers."""
    rank = next((place for place, name in enumerate(LABELS) if column.called([name])), len(LABELS))
    return rank, column.called((*NEITHER, *GROUPS)), column.all("number"), column.missing, column.place
