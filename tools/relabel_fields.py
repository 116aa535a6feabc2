"""Where the label of each row stands in a file of text, and how a label is written there."""

import codecs
import io
import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, takewhile
from typing import NamedTuple

from textrnn.corpus.layout import FASTTEXT, Layout
from textrnn.corpus.readers import Seen
from textrnn.corpus.rows import Columns, as_text

MARKS = {  # those of UTF-32 begin as those of UTF-16 do
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be",
}  # fmt: skip
FORMATS = ("csv", "tsv", "fasttext", "jsonl", "json")  # others are no text
BLANKS = re.compile(r"[ \t\r\n]*")  # of JSON
DECODER = json.JSONDecoder()


class Text(NamedTuple):
    """A file of text: decoded, and able to become the same bytes again."""

    mark: bytes  # its byte order mark
    text: str
    encoding: str
    errors: str

    def encoded(self, text: str) -> bytes:
        """Return the bytes of the file with another text. Raises UnicodeEncodeError if its encoding lacks a letter."""
        return self.mark + text.encode(self.encoding, self.errors)


def decoded(raw: bytes, seen: Seen) -> Text | None:
    """Return the text of a file of which `seen` was found out, or None if it would not become the same bytes again."""
    encoding, mark = seen.encoding.name, b""
    if seen.format not in FORMATS:
        return None
    if encoding.startswith("utf"):
        mark, encoding = next(((mark, name) for mark, name in MARKS.items() if raw.startswith(mark)), (b"", encoding))
    errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    try:
        found = Text(mark, raw[len(mark) :].decode(encoding, errors), encoding, errors)
        return found if found.encoded(found.text) == raw else None
    except UnicodeError:
        return None


def starts(text: str, laid: Layout) -> list[int]:
    """Return where each line begins; of a list of JSON, where each of its items does."""
    if laid.format == "json":
        is_list = text[_found(BLANKS, text, 0).end()] == "["
        lists = [0] if is_list else [start for _, start, _ in members(text, 0)]
        return [start for one in lists for _, start, _ in members(text, one)]
    newline = "" if laid.format == "csv" else "\n"
    return [0, *accumulate(map(len, io.StringIO(text, newline=newline)))]


def label_span(text: str, start: int, seen: Seen, columns: Columns) -> tuple[int, int]:
    """Return where the label of a row begins and ends. The row begins at `start`, and the readers have accepted it."""
    laid, place = seen.layout, columns.label
    if laid.format in ("json", "jsonl"):
        keys = {place, *seen.header[place : place + 1]}  # of a list, and of an object
        return [(begin, end) for key, begin, end in members(text, start) if key in keys][-1]
    if laid.format == "csv":
        for _ in range(place):
            start = _found(field(laid), text, start).end() + len(laid.separator)
        return _found(field(laid), text, start).span(1)
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else None]
    if laid.format == "fasttext":
        begin = start + len(line) - len(line.lstrip())
        words = takewhile(lambda word: word.startswith(FASTTEXT), line.strip().split(" "))
        return begin, begin + len(" ".join(words))
    fields = line.removesuffix("\r").split("\t", max(columns))
    begin = start + sum(len(one) + 1 for one in fields[:place])
    return begin, begin + len(fields[place])


def written(label: str, old: str, laid: Layout) -> str:
    """Return how to write a label in the place of an old one, of which this is how it is written."""
    if laid.format == "csv":
        special = {laid.separator, laid.quote, laid.escape}
        if not old.startswith(laid.quote) and not special & {*label} and label == label.strip():
            return label
        inside = label.replace(laid.quote, laid.quote * 2)
        if laid.escape:
            inside = label.replace(laid.escape, laid.escape * 2).replace(laid.quote, laid.escape + laid.quote)
        return f"{laid.quote}{inside}{laid.quote}"
    if laid.format == "fasttext":
        return " ".join(FASTTEXT + part for part in label.split("|"))
    if laid.format == "tsv":
        return label
    return label if not old.startswith('"') and _is_value(label) else json.dumps(label, ensure_ascii=False)


def _is_value(label: str) -> bool:
    """Return whether JSON has a number or a boolean that is this label."""
    try:
        value = json.loads(label)
    except ValueError:
        return False
    return isinstance(value, bool | int | float) and as_text(value) == label


def members(text: str, start: int) -> Iterator[tuple[str | int, int, int]]:
    """Yield the key, or the place from 0, and the beginning and end of each value in an object or a list of JSON."""
    place = _found(BLANKS, text, start).end()
    is_object, number = text[place] == "{", 0
    place = _found(BLANKS, text, place + 1).end()
    while text[place] not in "}]":
        key: str | int = number
        if is_object:
            key, place = DECODER.raw_decode(text, place)
            place = _found(BLANKS, text, _found(BLANKS, text, place).end() + 1).end()  # after the colon
        _, end = DECODER.raw_decode(text, place)
        yield key, place, end
        place, number = _found(BLANKS, text, end).end(), number + 1
        if text[place] == ",":
            place = _found(BLANKS, text, place + 1).end()


@cache
def field(laid: Layout) -> re.Pattern[str]:
    """Return a pattern of a field of CSV, with its quotes in the group."""
    separator, quote, escape = (re.escape(one or "") for one in (laid.separator, laid.quote, laid.escape))
    inside = rf"(?:[^{quote}{escape}]|{escape}.)*" if escape else rf"(?:[^{quote}]|{quote}{quote})*"
    outside = rf"(?:[^{separator}{escape}\r\n]|{escape}.)*" if escape else rf"[^{separator}\r\n]*"
    return re.compile(rf"{' *' if laid.blank else ''}({quote}{inside}{quote}|{outside})", re.DOTALL)


def _found(pattern: re.Pattern[str], text: str, place: int) -> re.Match[str]:
    found = pattern.match(text, place)
    if found is None:
        raise ValueError(f"expected {pattern.pattern} at {place}")
    return found
