"""Open a file of messages as training would read it: compressed, in any encoding, with any separator, or a table.

The stream reader knows lines, TSV, CSV with commas and JSON lines, in UTF-8 and UTF-16. What a file has otherwise is
turned into that first, in memory.
"""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from textrnn.cli.columns import ADVICE, COLUMN, POSITION
from textrnn.cli.reader import Source
from textrnn.core.errors import UserError, note, one_line
from textrnn.corpus import encoding, layout, tables
from textrnn.corpus.archives import MOST_BYTES, PACKED, unpacked
from textrnn.corpus.encoding import as_file
from textrnn.corpus.formats import csv_records
from textrnn.corpus.rows import Wanted, position


def opened(source: Source) -> tuple[BinaryIO, Source]:
    """Return an open file, or standard input for -, and how it is to be read. Raises UserError.

    A stream has no buffer, which would keep rows from a reader that waits.
    """
    if source.path == "-":
        if sys.__stdin__ is None:
            raise UserError("expected messages on standard input, found it closed: run it without `<&-`")
        return open(sys.stdin.fileno(), "rb", 0, closefd=False), source
    path = Path(source.path)
    if path.is_dir():
        raise UserError(f"expected a file, found the folder {path}: name one file")
    if not path.is_file():  # a pipe with a name
        return path.open("rb", 0), source
    try:
        with path.open("rb") as file:
            return _converted(file, source) or (path.open("rb", 0), source)
    except UserError as error:
        raise UserError(str(error) if str(error).startswith(str(source)) else f"{source}: {error}") from None


def _converted(file: io.BufferedReader, source: Source) -> tuple[BinaryIO, Source] | None:
    """Return the messages of a file that is no stream's, and how to read them; None if it can be read as it is."""
    is_packed = file.peek(10).startswith(PACKED)
    if is_packed:
        content = unpacked(file.read(MOST_BYTES), MOST_BYTES)
        if len(content) > MOST_BYTES:
            raise UserError(f"expected at most {MOST_BYTES:,} bytes, found more")
        file = as_file(content)
    column, name = source.column or COLUMN, str(source)
    named = not POSITION.fullmatch(column)
    if table := tables.kind_of(file, "auto"):
        header, records, _ = tables.read(table, file, name, Wanted(column if named else int(column), -1), None)
        return _as_json(header, records, column), source._replace(kind="jsonl")
    sample = file.read(encoding.SAMPLE)
    file.seek(0)
    if source.kind == "jsonl" and sample.lstrip().startswith(b"["):
        return _of_list(file), source
    of_file = encoding.detect(as_file(sample), "auto", name)
    if of_file.confidence < encoding.SURE:
        note(f"{name} is read as {of_file.name}, with a confidence of {of_file.confidence:.0%}")
    laid = layout.Layout("csv")
    if source.kind in ("csv", "tsv") and sample:
        text = sample.decode(of_file.name, "replace").removeprefix("\ufeff")
        wanted = "csv" if source.kind == "csv" else "auto"
        laid = layout.of(text, len(sample) < encoding.SAMPLE, wanted, named, None, name)
    if laid.format == "csv" and laid._replace(header=()) != layout.Layout("csv"):
        records = csv_records(encoding.as_utf8(file, of_file.name, name), laid, name)
        return _as_json(laid.header, records, column), source._replace(kind="jsonl")
    if of_file.confidence < encoding.SURE:
        return encoding.as_utf8(file, of_file.name, name), source
    return (file, source) if is_packed else None


def _as_json(header: Sequence[str], records: tables.Records, column: str) -> BinaryIO:
    """Return a column as lines of JSON, a string each."""
    place = int(column) if POSITION.fullmatch(column) else position(header, column, ADVICE)
    lines = io.StringIO()
    for line, fields in records:
        if place >= len(fields):
            raise UserError(f"row at line {line}: expected at least {place + 1} columns, found {len(fields)}")
        lines.write(json.dumps(fields[place].encode("utf-8", "surrogateescape").decode("utf-8", "replace")) + "\n")
    return as_file(lines.getvalue().encode())


def _of_list(file: io.BufferedReader) -> BinaryIO:
    """Return the items of a JSON list as lines of JSON."""
    try:
        value = json.load(file)
    except (ValueError, RecursionError) as error:
        raise UserError(f"expected a list of JSON or an object a line: {one_line(error)}") from None
    return as_file("".join(json.dumps(one) + "\n" for one in value).encode())
