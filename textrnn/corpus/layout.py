"""How a file of text is laid out: its format, and for separated fields the separator, the quotes and the header.

The first SAMPLE characters decide. Every dialect that the sample could be is parsed, and the one wins in which the
largest share of the rows has one number of fields.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import Any, NamedTuple

from textrnn.core.errors import UserError

SAMPLE = 1 << 18  # bytes
SEPARATORS = "\t;|,"  # a tab first: where two are as consistent, the one that sentences lack
FASTTEXT = "__label__"
COLUMN_WORDS = frozenset((
    "label", "labels", "text", "texts", "message", "messages", "category", "class", "target", "v1", "v2", "comment",
    "comments", "content", "sentiment", "intent", "topic", "tag", "tags", "review", "sentence", "utterance", "question",
    "tweet", "body", "subject", "title", "y", "x", "description", "document", "feedback", "query", "type", "rating",
))  # fmt: skip
HEADER_WORDS = 3  # a text of more words is no column's name
BROKEN, QUOTED = 0.9, 0.2  # what quotes in the wrong place take from a dialect, and what quotes around fields add
FEW_ROWS = 4  # with fewer rows, that the first row's label comes once says nothing


class Layout(NamedTuple):
    """How to read a file: `format` is csv, tsv, jsonl, json or fasttext; the rest is of csv, and of tsv the header."""

    format: str
    separator: str = ","
    quote: str = '"'
    escape: str | None = None  # the character before a quote that is text
    blank: bool = False  # a blank stands after each separator
    first: int = 0  # lines before the header or the rows: Excel's `sep=;`
    header: tuple[str, ...] = ()  # the names of the columns, if the file has them

    def parser(self, lines: Iterable[str], strict: bool = True) -> Any:
        """Return a reader of CSV."""
        return csv.reader(
            lines, delimiter=self.separator, quotechar=self.quote, escapechar=self.escape,
            doublequote=self.escape is None, skipinitialspace=self.blank, strict=strict,
        )  # fmt: skip


def of(sample: str, whole: bool, wanted: str, named: bool, header: bool | None, name: str) -> Layout:
    """Return the layout of a file that begins with `sample`, or that is the `whole`.

    `wanted` is a format or auto. The file has a header if its columns are `named`, or if `header` says so; None: if the
    first row looks like one. Raises UserError if no layout fits.
    """
    text = sample.lstrip("\ufeff")
    if wanted == "auto":
        wanted = _format(text)
    if wanted in ("jsonl", "json", "fasttext"):
        return Layout(wanted, header=("label", "text") if wanted == "fasttext" else ())
    first = 1 if (said := re.match(r'"?sep=(.)"?\r?\n', text)) else 0
    text = text[said.end() :] if said else text
    separators = {"tsv": "\t", "auto": said[1] if said else SEPARATORS}.get(wanted, said[1] if said else SEPARATORS)
    if wanted == "tsv" and not first:
        layout = Layout("tsv", "\t")
        rows = [line.split("\t") for line in lines_of(text)]
    else:
        layout, rows = _dialect(text, whole, separators, wanted == "csv", name)
    rows = [row for row in rows if row]
    if header is None:
        header = named or (len(rows) > 1 and looks_like_header(rows))
    return layout._replace(first=first, header=tuple(rows[0]) if header and rows else ())


def _format(text: str) -> str:
    """Return jsonl, json or fasttext if the text begins so, else auto: separated fields."""
    begin, _, rest = text.lstrip().partition("\n")
    if begin.startswith(("{", "[")):
        try:
            value = json.loads(begin)
        except (ValueError, RecursionError):
            return "json"
        many = isinstance(value, list) and any(isinstance(one, list | dict) for one in value)
        return "json" if many or (not rest.strip() and isinstance(value, dict) and _lists(value)) else "jsonl"
    lines = [line for line in text.splitlines() if line.strip()]
    marked = sum(line.startswith(FASTTEXT) for line in lines)
    return "fasttext" if lines and marked >= 0.9 * len(lines) else "auto"


def _lists(value: dict[str, object]) -> bool:
    return any(isinstance(one, list) for one in value.values())


def _dialect(text: str, whole: bool, separators: str, forced: bool, name: str) -> tuple[Layout, list[list[str]]]:
    """Return the dialect in which most rows of the text have one number of fields, and the rows."""
    best, best_layout, best_rows, quoted = 0.0, Layout("csv"), list[list[str]](), False
    for separator, quote, escape in product(separators, "\"'", [None, "\\"] if '\\"' in text else [None]):
        layout = Layout("csv", separator, quote, escape, f"{separator} {quote}" in text)
        around = _quoted(text, layout)
        if quote == "'" and not around:  # an apostrophe
            continue
        rows, clean = _parsed(layout, text, whole)
        found = consistency(rows, least=2) * (1 if clean else BROKEN) + QUOTED * around
        if found > best + 1e-9:
            best, best_layout, best_rows, quoted = found, layout, rows, clean and around
    # Quotes beside tabs are text, unless they are right everywhere and hold tabs, line ends or doubled quotes.
    lines = [line.split("\t") for line in lines_of(text) if line]
    plain = consistency(lines, least=2, at_least=True) if "\t" in separators and not forced else 0.0
    if plain >= 0.9 and not (quoted and (best_layout.separator != "\t" or _needed(best_rows, lines))):
        return Layout("tsv", "\t"), lines
    if best < 0.5 and not forced:
        raise UserError(
            f"{name}: expected labels and texts with a comma, a semicolon, a tab or | between, or JSON, found none of "
            "them: set clean.format, or save the file as CSV, JSON Lines, Parquet or xlsx"
        )
    return best_layout, best_rows or _parsed(best_layout, text, whole)[0]


def _parsed(layout: Layout, text: str, whole: bool) -> tuple[list[list[str]], bool]:
    """Return the rows of a sample, and whether its quotes are right. The last row of a part may be cut off."""
    rows = [row for row in layout.parser(io.StringIO(text, newline=""), strict=False) if row]
    try:
        for _ in layout.parser(io.StringIO(text, newline="")):
            pass
        clean = True
    except csv.Error as error:
        clean = not whole and "unexpected end of data" in str(error)
    return rows if whole or len(rows) < 2 else rows[:-1], clean


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, which end in one of the two ways of a file; str.splitlines knows ten ways."""
    return text.replace("\r\n", "\n").split("\n")


def consistency(rows: list[list[str]], least: int, at_least: bool = False) -> float:
    """Return the share of rows that have the commonest number of fields, `least` or more; `at_least`: or more."""
    counts = Counter(map(len, rows))
    common = max((count for count in counts if count >= least), key=counts.__getitem__, default=0)
    if not common:
        return 0.0
    fitting = sum(times for count, times in counts.items() if count == common or (at_least and count > common))
    return fitting / len(rows)


def _quoted(text: str, layout: Layout) -> bool:
    """Return whether fields stand in these quotes, as far as separators and line ends beside the quotes tell."""
    quote, separator = re.escape(layout.quote), re.escape(layout.separator)
    opened = len(re.findall(rf"(?m)(?:^|{separator}) ?{quote}", text))
    closed = len(re.findall(rf"(?m){quote} ?(?:$|\r$|{separator})", text))
    backslash = layout.escape is None or '""' not in text
    return opened > 1 and closed >= 0.9 * opened and backslash


def _needed(rows: list[list[str]], lines: list[list[str]]) -> bool:
    """Return whether quotes are syntax: parsed as such, rows come together, or doubled quotes become single ones."""
    return len(rows) < len(lines) - 1 or sum(map(len, rows)) < sum(map(len, lines)) or _all_quoted(lines)


def _all_quoted(lines: list[list[str]]) -> bool:
    return any('""' in field for line in lines for field in line if field.startswith('"') and field.endswith('"'))


def looks_like_header(rows: list[list[str]]) -> bool:
    """Return whether the first row names the columns.

    It does if it repeats no field, all its fields are short, and each is a usual name of a column, or one that no other
    row has in its place, in at least one place where the others repeat themselves, as labels do.
    """
    first, others = [field.strip().strip("\"'") for field in rows[0]], rows[1:]
    if any(len(field.split()) > HEADER_WORDS or len(field) > 40 or field.endswith((".", "!", "?")) for field in first):
        return False
    places = [place for place, field in enumerate(first) if field]
    columns = {place: Counter(row[place].strip() for row in others if place < len(row)) for place in places}
    if any(first[place] in columns[place] for place in places):
        return False
    usual = [first[place].casefold().replace("_", " ").split(" ")[-1] in COLUMN_WORDS for place in places]
    repeating = [
        place
        for place, seen in columns.items()
        if len(others) >= FEW_ROWS and len(seen) <= len(others) / 2 and min(seen.values(), default=0) > 1
    ]
    return any(usual) or bool(repeating)
