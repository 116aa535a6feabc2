"""Read the messages of a file or a stream in lists, one list for each read. columns.py reads their rows.

In memory are only the rows that one read has brought, and the beginning of the next row.
"""

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from textrnn.cli.columns import Kind, reader
from textrnn.core.errors import UserError
from textrnn.corpus.encoding import UTF_16
from textrnn.corpus.rows import MOST_CHARACTERS

T = TypeVar("T")

SUFFIXES: dict[str, Kind] = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "csv", ".xlsx": "csv", ".xls": "csv", ".ods": "csv",  # tables: the reader makes rows of them
}  # fmt: skip
LONGEST = MOST_CHARACTERS + 2  # of a row with its end
TOO_LONG = f"expected a row of at most {MOST_CHARACTERS:,} characters, found a longer one: divide it"
# A line of CSV whose last field begins with a quote and is not closed: the row goes on. Each repetition ends in one way
# alone, so that no line takes long; possessive ones, which would say so, are wrong in Python before 3.11.5.
OPEN = re.compile(r'(?:(?:[^,"][^,]*)?,|"[^"]*(?:""[^"]*)*",)*"[^"]*(?:""[^"]*)*')


class Source(NamedTuple):
    """Where messages come from, and how they are read."""

    path: str  # - for standard input
    kind: Kind
    column: str | None  # a name or a position; None for the usual one

    def __str__(self) -> str:
        """Return the name for messages."""
        return "standard input" if self.path == "-" else self.path


def kind_of(path: str) -> Kind:
    """Return how a file is read, by how its name ends, perhaps before .gz and the like."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes if suffix.lower() not in (".gz", ".bz2", ".xz")]
    return SUFFIXES.get(suffixes[-1] if suffixes else "", "lines")


def messages(raw: BinaryIO, source: Source, size: int) -> Iterator[list[str] | None]:
    """Yield, for each read of `size` bytes, the messages it completed, or None. A pipe gives what is there, at once.

    Raises UserError at a row without a message, once the messages before it have been yielded.
    """
    read, is_csv, line = reader(source.kind, source.column), source.kind == "csv", 1
    newline = "" if is_csv else "\n"
    found = lines(raw, size, newline)
    for rows in records(found) if is_csv else found:
        texts: list[str] = []
        for row in rows:
            try:
                if len(row) > LONGEST:
                    raise UserError(TOO_LONG + (" (is a quote never closed?)" if is_csv else ""))
                text = read(row)
            except UserError as error:
                yield texts or None
                raise UserError(f"{source}, line {line}: {error}") from None
            line += sum(1 for _ in io.StringIO(row, newline=newline)) if is_csv else 1  # CSV may quote several
            if text is not None:
                texts.append(text)
        yield texts or None


def until_failure(items: Iterator[T], failures: list[Exception]) -> Iterator[T]:
    """Yield the items up to an error, and put that into `failures`, so that the items before it are answered first."""
    try:
        yield from items
    except (UserError, OSError) as error:
        failures.append(error)


def lines(raw: BinaryIO, size: int, newline: str) -> Iterator[list[str]]:
    """Yield, for each read, the lines it completed; `newline` as in `open`."""
    ends = newline or ("\n", "\r")
    parts = (io.StringIO(part, newline=newline) for part in decoded(raw, size))
    return completed(parts, lambda piece: piece.endswith(ends))


def completed(parts: Iterable[Iterable[str]], ends: Callable[[str], bool]) -> Iterator[list[str]]:
    """Yield, for each part, the rows it completed: a piece ends one. A row that is too long comes in pieces."""
    begun = io.StringIO(newline="")
    for part in parts:
        whole = []
        for piece in part:
            begun.write(piece)
            if ends(piece) or begun.tell() > LONGEST:
                whole.append(begun.getvalue())
                begun = io.StringIO(newline="")
        yield whole
    if last := begun.getvalue():
        yield [last]


def decoded(raw: BinaryIO, size: int) -> Iterator[str]:
    """Yield the text of each read. The two characters of a Windows line end come together."""
    decoder = None
    while part := raw.read(size):
        if decoder is None:
            codec = "utf-16" if part.startswith(UTF_16) else "utf-8-sig"
            decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)("replace"), translate=False)
        yield decoder.decode(part)
    if decoder:
        yield decoder.decode(b"", final=True)


def records(found: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield, for each list of lines, the rows of CSV it completed."""
    is_open = False

    def ends(line: str) -> bool:
        nonlocal is_open
        is_open = bool(OPEN.fullmatch(f'"{line}' if is_open else line))
        return not is_open

    return completed(found, ends)
