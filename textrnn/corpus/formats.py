"""Rows out of lines of TSV, CSV, JSON and fastText. Each function of bytes may run in a worker process."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import orjson

from textrnn.core.errors import UserError, one_line
from textrnn.corpus.layout import FASTTEXT, Layout
from textrnn.corpus.rows import Columns, Row, as_text, checked_row

csv.field_size_limit(2**31 - 1)  # a text may be longer than the 128 KiB that csv allows at first


def tsv_rows(raw: bytes, columns: Columns, first: int = 1) -> Iterator[Row]:
    """Yield the rows of lines of TSV, numbered from `first`. Quotes are text, and so are tabs after the last column."""
    last = max(columns)
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), start=first):
        try:
            fields = line.removesuffix(b"\r").decode("utf-8").split("\t", last)
        except UnicodeDecodeError as error:
            yield Row(number, reason=f"byte {error.start} is not UTF-8")
            continue
        yield checked_row(number, fields, columns)


def fasttext_rows(raw: bytes, columns: Columns, first: int) -> Iterator[Row]:
    """Yield the rows of lines that begin with one label or more, each a word after __label__."""
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), start=first):
        words = line.decode("utf-8", "surrogateescape").strip().split(" ")
        count = next((place for place, word in enumerate(words) if not word.startswith(FASTTEXT)), len(words))
        labels = "|".join(word.removeprefix(FASTTEXT).rstrip(",") for word in words[:count])
        yield checked_row(number, (labels, " ".join(words[count:])), columns)


def json_rows(raw: bytes, columns: Columns, first: int, header: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of lines of JSON, an object or a list each. Blank lines are none."""
    keys = header[: max(columns) + 1 or None]
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), start=first):
        try:
            value = decoded(line)
        except (ValueError, RecursionError) as error:
            if line.strip():
                yield Row(number, reason=f"expected JSON, found none ({one_line(error)[:80]})")
            continue
        yield json_row(number, value, columns, keys)


def decoded(raw: bytes) -> Any:
    """Return a value of JSON. Raises ValueError or RecursionError.

    Python's own decoder, which takes NaN and half of a pair of surrogates too, is asked where the fast one refuses.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw.decode("utf-8", "surrogateescape"))


def json_row(number: int, value: Any, columns: Columns, keys: tuple[str, ...]) -> Row:
    """Return the row that an object or a list of JSON is."""
    if isinstance(value, list):
        return checked_row(number, [as_text(one) for one in value], columns)
    if not isinstance(value, dict):
        return Row(number, reason="expected an object or a list of JSON, found another value")
    return checked_row(number, [as_text(value.get(key)) for key in keys], columns)


def json_keys(text: str) -> tuple[str, ...]:
    """Return the keys of the first lines of JSON, in the order in which they first occur."""
    keys: dict[str, None] = {}
    for line in text.split("\n")[:100]:
        try:
            value = decoded(line.encode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            keys |= dict.fromkeys(value)
    return tuple(keys)


def with_part(row: Any, part: str) -> Any:
    """Return an object or a list of JSON with the name of its part, under the key part or at position 2."""
    return [*row[:2], part] if isinstance(row, list) else row | {"part": part} if isinstance(row, dict) else row


def json_batch(values: list[Any], columns: Columns, first: int, header: tuple[str, ...]) -> Iterator[Row]:
    """Return the rows of some values of JSON, numbered from `first`."""
    keys = header[: max(columns) + 1 or None]
    return (json_row(number, value, columns, keys) for number, value in enumerate(values, first))


def csv_records(file: io.BufferedReader, laid: Layout, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each row of CSV after the header, and the line where it begins. Raises UserError."""
    text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
    reader = laid.parser(text)
    line, skip = laid.first + 1, bool(laid.header)
    try:
        for fields in reader:
            if fields and not skip:
                yield line, fields
            skip = skip and not fields
            line = laid.first + reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{name}, row at line {line}: expected CSV with {laid.separator!r} between and {laid.quote} around fields "
            f"(RFC 4180), {error}: mend the row, or set clean.format to tsv if quotes are text"
        ) from None
