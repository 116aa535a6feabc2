"""Read the message out of a row of a file: a line, a column of TSV or of CSV, or a key of a JSON object."""

import csv
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Literal

from textrnn.core.errors import UserError
from textrnn.core.escape import characters, listed
from textrnn.corpus.rows import position

Kind = Literal["lines", "tsv", "csv", "jsonl"]
Reader = Callable[[str], str | None]

COLUMN = "text"  # of CSV and JSON lines, if no other is named
ADVICE = "say --column NAME, or --column N, from 0, if there is no header line"
POSITION = re.compile(r"[0-9]{1,9}")
NAMES = {dict: "an object", list: "a list", str: "a string", float: "a number", bool: "a boolean", type(None): "null"}


def reader(kind: Kind, column: str | None) -> Reader:
    """Return a function that takes a row and returns its message, or None for a header line and a blank one."""
    if kind == "lines":
        return lambda row: row.rstrip("\r\n")
    if kind == "tsv":
        return text_of_fields(tsv_fields, column)
    column = COLUMN if column is None else column
    return partial(text_of_json, column) if kind == "jsonl" else text_of_fields(csv_fields, column)


def csv_fields(row: str) -> list[str]:
    """Return the fields of a row of CSV, none of a blank line."""
    try:
        return next(csv.reader([row], strict=True))
    except csv.Error as error:
        raise UserError(f"expected CSV quoted as RFC 4180, {error}: mend the row, or try --kind tsv or lines") from None


def tsv_fields(row: str) -> list[str]:
    """Return the fields of a line of TSV, in which quotes are data."""
    return row.rstrip("\r\n").split("\t")


def text_of_fields(fields_of: Callable[[str], list[str]], column: str | None) -> Reader:
    """Return a reader of one column: by its name in the first row, by its position, or the last column for None."""
    place: int | str = -1 if column is None else int(column) if POSITION.fullmatch(column) else column

    def read(row: str) -> str | None:
        nonlocal place
        fields = fields_of(row)
        if not fields:
            return None
        if isinstance(place, str):
            place = position(fields, place, ADVICE)
            return None
        if place >= len(fields):
            raise UserError(
                f"expected at least {place + 1} columns, found {len(fields)}: mend the row, or choose another --column"
            )
        return fields[place]

    return read


def text_of_json(key: str, row: str) -> str | None:
    """Return the text under `key` of a JSON object, or the string that a line is."""
    if not row.strip():
        return None
    try:
        value = json.loads(row, parse_int=float)  # an int may have too many digits
    except RecursionError:
        raise UserError("expected JSON, found brackets nested too deeply: mend the line") from None
    except json.JSONDecodeError as error:
        why = f"{error.msg}, column {error.colno}"
        raise UserError(f"expected a JSON object, found none ({why}): write an object a line") from None
    if isinstance(value, dict):
        if key not in value:
            raise UserError(f"expected the key {key!r}, found {listed(list(value))}: say --column KEY")
        value = value[key]
        if not isinstance(value, str):
            raise UserError(f"expected a string under {key!r}, found {NAMES[type(value)]}: say another --column KEY")
    elif not isinstance(value, str):
        raise UserError(f"expected a JSON object or a string, found {NAMES[type(value)]}: write an object a line")
    return characters(value)
