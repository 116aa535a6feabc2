"""Read the messages of a file or a stream in lists: those that a read completes. columns.py reads their rows.

Only what one read has brought is in memory, and what is begun of a row.
"""

import codecs
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from textrnn.cli.columns import Kind, reader
from textrnn.core.errors import UserError
from textrnn.corpus.encoding import UTF_16
from textrnn.corpus.rows import MOST_CHARACTERS

T = TypeVar("T")

SUFFIXES: dict[str, Kind] = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
LONGEST = MOST_CHARACTERS + 2  # of a row with its end
TOO_LONG = f"expected a row of at most {MOST_CHARACTERS:,} characters, found a longer one: divide it"
# A line of CSV whose last field begins with a quote and is not closed: the row goes on. Read once, without going back.
OPEN = re.compile(r'(?:[^,"][^,]*+,|,|"(?:[^"]++|"")*+",)*+"(?:[^"]++|"")*+')


class Source(NamedTuple):
    """What messages are read from, and how."""

    path: str  # - for standard input
    kind: Kind
    column: str | None  # a name or a position; None for the usual one

    def __str__(self) -> str:
        """Return what it is called in a message."""
        return "standard input" if self.path == "-" else self.path


class Row(NamedTuple):
    """A line of a file with its end, or several if CSV quotes them, and the number of the first."""

    line: int
    raw: str


def kind_of(path: str) -> Kind:
    """Return how a file is read, by how its name ends."""
    return SUFFIXES.get(Path(path).suffix.lower(), "lines")


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Open a source without a buffer: what has been read is in no other place than here."""
    path = source.path
    try:
        with open(sys.stdin.fileno(), "rb", 0, closefd=False) if path == "-" else Path(path).open("rb", 0) as raw:
            yield raw
    except IsADirectoryError:
        raise UserError(f"expected a file of messages at {path}, found a directory") from None


def messages(raw: BinaryIO, source: Source, size: int) -> Iterator[list[str] | None]:
    """Yield the messages that each read of `size` bytes has completed, or None: of a pipe those that are waiting.

    Raises UserError at a row that has no message, once those before it have been yielded.
    """
    read = reader(source.kind, source.column)
    found = lines(raw, size, "" if source.kind == "csv" else "\n")
    for rows in records(found) if source.kind == "csv" else found:
        texts: list[str] = []
        for row in rows:
            try:
                if len(row.raw) > LONGEST:
                    raise UserError(TOO_LONG + (" (is a quote never closed?)" if source.kind == "csv" else ""))
                text = read(row.raw)
            except UserError as error:
                yield texts or None
                raise UserError(f"{source}, line {row.line}: {error}") from None
            if text is not None:
                texts.append(text)
        yield texts or None


def until_failure(items: Iterator[T], failures: list[Exception]) -> Iterator[T]:
    """Yield the items up to an error, and put that into `failures`: what came before it is to be answered first."""
    try:
        yield from items
    except (UserError, OSError) as error:
        failures.append(error)


def lines(raw: BinaryIO, size: int, newline: str) -> Iterator[list[Row]]:
    """Yield the lines that each read has completed; `newline` as in `open`. One that is too long comes in pieces."""
    ends = newline or ("\n", "\r")
    number, begun = 1, io.StringIO(newline="")
    for part in decoded(raw, size):
        whole = []
        for piece in io.StringIO(part, newline=newline):
            begun.write(piece)
            if piece.endswith(ends) or begun.tell() > LONGEST:
                whole.append(Row(number, begun.getvalue()))
                number, begun = number + 1, io.StringIO(newline="")
        yield whole
    if last := begun.getvalue():
        yield [Row(number, last)]


def decoded(raw: BinaryIO, size: int) -> Iterator[str]:
    """Yield the text of each read, none of which ends between the two characters of a line's end."""
    decoder = None
    while part := raw.read(size):
        if decoder is None:
            codec = "utf-16" if part.startswith(UTF_16) else "utf-8-sig"
            decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)("replace"), translate=False)
        yield decoder.decode(part)
    if decoder:
        yield decoder.decode(b"", final=True)


def records(found: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """Yield the rows of CSV that each list of lines has completed. One that is too long comes in pieces."""
    first, begun, is_open = 0, io.StringIO(newline=""), False
    for rows in found:
        whole = []
        for number, line in rows:
            first = first or number
            begun.write(line)
            is_open = bool(OPEN.fullmatch(f'"{line}' if is_open else line))
            if not is_open or begun.tell() > LONGEST:
                whole.append(Row(first, begun.getvalue()))
                first, begun = 0, io.StringIO(newline="")
        yield whole
    if last := begun.getvalue():
        yield [Row(first, last)]
