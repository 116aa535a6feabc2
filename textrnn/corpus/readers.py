"""Read the rows of a labelled corpus in any of the FORMATS, some at a time, for workers to check.

A corpus is a file, or a zip of several. Of each file it is found out in turn which encoding and which layout it has.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from textrnn.artifacts.messages import SIDES
from textrnn.core.errors import UserError, one_line
from textrnn.core.escape import printable
from textrnn.core.files import blocks
from textrnn.corpus import encoding, file_list, layout, tables
from textrnn.corpus.archives import MOST_BYTES, inflated
from textrnn.corpus.file_list import File
from textrnn.corpus.formats import (
    csv_records,
    decoded,
    fasttext_rows,
    json_batch,
    json_keys,
    json_rows,
    tsv_rows,
    with_part,
)
from textrnn.corpus.layout import Layout
from textrnn.corpus.rows import Columns, Row, Wanted, checked_rows, resolved

Format = Literal["auto", "csv", "tsv", "jsonl", "json", "fasttext", "parquet", "xlsx"]
BATCH_ROWS = 2_000
KINDS = {  # files that are no corpora, by their first bytes
    b"%PDF": "a PDF", b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture",
    b"SQLite format 3": "a database", b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive",
    b"\x7fELF": "a program", b"version https://git-lfs": "a pointer of Git LFS (run `git lfs pull`)",
    b"<!doctype html": "an HTML page", b"<html": "an HTML page", b"{\\rtf": "a document of a word processor",
}  # fmt: skip

Batch = Callable[[], Iterator[Row]]  # returns some rows of the corpus; picklable, so that a worker may parse them


class Settings(NamedTuple):
    """How params.yaml says that the corpus is to be read."""

    wanted: Wanted
    format: Format = "auto"
    encoding: str = "auto"
    header: bool | None = None


class Seen(NamedTuple):
    """What was found out about a file."""

    name: str
    format: str
    encoding: encoding.Encoding
    header: tuple[str, ...]  # the names of the columns, if it has any
    layout: Layout
    notes: list[str]  # what a person should know


class Whole(NamedTuple):
    """A file that data/raw/corpus lists, for a worker to read: it may be large, and far away."""

    file: File
    name: str  # of the corpus
    settings: Settings
    found: Callable[[Seen], None] | None  # told in the stage's own process
    in_test: bool = False


def batches(corpus: Path, settings: Settings, name: str, found: Callable[[Seen], None]) -> Iterator[tuple[str, Batch]]:
    """Yield the rows of a corpus, some at a time, with their file's name; tell `found` of each file before its rows.

    The corpus is called `name`, and a file in it as the zip calls it. Raises UserError if it cannot be read, or has no
    such columns.
    """
    for part, one in for_workers(corpus, settings, name, found):
        if isinstance(one, Whole):
            yield from of_whole(one, found)
        else:
            yield part, one


def for_workers(
    corpus: Path, settings: Settings, name: str, found: Callable[[Seen], None]
) -> Iterator[tuple[str, Batch | Whole]]:
    """Yield the rows of a corpus as `batches` does; of one that is listed, its files."""
    listed = file_list.read(corpus)
    for file in listed or ():
        yield file.name, Whole(file, name, settings, found)
    if listed is None:
        with corpus.open("rb") as opened:
            yield from _of_parts(parts(opened, name), name, settings, found)


def of_whole(whole: Whole, found: Callable[[Seen], None]) -> Iterator[tuple[str, Batch]]:
    """Yield the rows of a listed file as `batches` does. Raises UserError."""
    part, name = whole.file.name, whole.name
    with file_list.opened(whole.file) as content:
        for file, batch in _of_parts([(part, content)] if part else parts(content, name), name, whole.settings, found):
            yield file, partial(_in_test, batch) if whole.in_test else batch


def _of_parts(
    some: Iterable[tuple[str, io.BufferedReader]], name: str, settings: Settings, found: Callable[[Seen], None]
) -> Iterator[tuple[str, Batch]]:
    for part, content in some:
        if part == name or content.peek(1):  # an empty file among others is none
            for batch in of_file(content, part if part == name else f"{name}: {part}", settings, found):
                yield printable(part), batch


def is_raw(batch: Any) -> bool:
    """Return whether a batch is bytes that are still to be parsed; else its rows would be slow to reach a worker."""
    first = batch.args[0]
    return isinstance(first, bytes) or (callable(first) and is_raw(first))


def test_batches(
    corpus: Path, settings: Settings, name: str, found: Callable[[Seen], None]
) -> Iterator[tuple[str, Batch | Whole]]:
    """Yield the rows of a second corpus as `for_workers` does, all in the part test; none of an empty line."""
    with corpus.open("rb") as file:
        if len(file.read(2)) < 2:
            return
    for part, one in for_workers(corpus, of_test(settings), name, found):
        yield part, one._replace(in_test=True) if isinstance(one, Whole) else partial(_in_test, one)


def of_test(settings: Settings) -> Settings:
    """Return how to read a second corpus: all of it is one part, whatever a column says."""
    return settings._replace(wanted=settings.wanted._replace(part=None))


def _in_test(batch: Batch) -> Iterator[Row]:
    return (row._replace(part=SIDES.index("test")) for row in batch())


def parts(file: io.BufferedReader, name: str) -> Iterator[tuple[str, io.BufferedReader]]:
    """Yield the name and the content of each file of a corpus: the file itself, or the members of a zip."""
    if not file.peek(4).startswith(b"PK\3\4") or tables.is_workbook(file):
        yield name, file
        return
    try:
        with zipfile.ZipFile(file) as archive:
            members = [one for one in archive.infolist() if (one.file_size or one.CRC) and not _hidden(one)]
            if members and min(one.header_offset for one in archive.infolist()) > 0:
                raise UserError(f"{name}: expected one zip, found another before it: unpack both")
            if sum(one.file_size for one in members) > MOST_BYTES:
                raise UserError(f"{name}: expected at most {MOST_BYTES:,} bytes in a zip, found more")
            for member in sorted(members, key=lambda one: one.filename):
                yield member.filename, encoding.as_file(inflated(archive, member, member.file_size + 1))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise UserError(f"{name}: expected a zip whose files can be read: {one_line(error)}") from None


def _hidden(member: zipfile.ZipInfo) -> bool:
    return member.filename.startswith("__MACOSX") or Path(member.filename).name.startswith(".")


def of_file(file: io.BufferedReader, name: str, settings: Settings, found: Callable[[Seen], None]) -> Iterator[Batch]:
    """Yield the rows of one file, as `batches` does."""
    begin = file.peek(512)[:512]
    kind = next((kind for mark, kind in KINDS.items() if begin.lstrip().lower().startswith(mark.lower())), "")
    if kind := kind or ("a tar archive" if begin[257:262] == b"ustar" else ""):
        raise UserError(f"{name}: expected labelled texts, found {kind}: save them as CSV, JSON Lines, Parquet or xlsx")
    if table := tables.kind_of(file, settings.format):
        header, rows, notes = tables.read(table, file, name, settings.wanted, settings.header)
        seen = Seen(name, table, encoding.Encoding("binary"), header, Layout(table), notes)
        yield from _listed(rows, _told(seen, settings, found))
        return
    of_text = encoding.detect(file, settings.encoding, name)
    file = encoding.as_utf8(file, of_text.name, name)
    start = file.tell()
    sample = file.read(layout.SAMPLE)
    file.seek(start)
    whole, text = len(sample) < layout.SAMPLE, sample.decode("utf-8", "surrogateescape")
    if not whole:
        text = text[: text.rfind("\n") + 1] or text
    if not text.strip():
        resolved(settings.wanted, (), name)
        return
    named = any(isinstance(column, str) for column in settings.wanted)
    laid = layout.of(text, whole, settings.format, named, settings.header, name)
    if laid.format == "jsonl":
        laid = laid._replace(header=json_keys(text))
    seen = Seen(name, laid.format, of_text, laid.header, laid, _doubts(laid, of_text, settings, named))
    yield from (_json(file, seen, settings, found) if laid.format == "json" else _rows(file, seen, settings, found))


def _rows(file: io.BufferedReader, seen: Seen, settings: Settings, found: Callable[[Seen], None]) -> Iterator[Batch]:
    """Yield the rows of a file of text in UTF-8, of any format but a JSON list."""
    columns, laid = _told(seen, settings, found), seen.layout
    parser: dict[str, Callable[..., Iterator[Row]]] = {
        "tsv": tsv_rows,
        "fasttext": fasttext_rows,
        "jsonl": partial(json_rows, header=laid.header),
    }
    first = 1
    for _ in range(laid.first + (laid.format == "tsv" and bool(laid.header))):
        file.readline()
        first += 1
    if laid.format == "csv":
        yield from _listed(csv_records(file, laid, seen.name), columns)
        return
    for block in blocks(file):
        yield partial(parser[laid.format], block, columns, first)
        first += block.count(b"\n")


def _told(seen: Seen, settings: Settings, found: Callable[[Seen], None]) -> Columns:
    """Tell `found` of a file, and return the positions of its columns. Raises UserError if it lacks one."""
    columns, notes = resolved(settings.wanted, seen.header, seen.name)
    found(seen._replace(notes=[*seen.notes, *notes]))
    return columns


def _doubts(laid: Layout, of_file: encoding.Encoding, settings: Settings, named: bool) -> list[str]:
    """Return a sentence for each thing that was guessed and may be wrong."""
    notes = []
    if of_file.confidence < encoding.SURE:
        sure = f"with a confidence of {of_file.confidence:.0%}"
        notes.append(f"read as {of_file.name}, {sure}: if letters are wrong, set clean.encoding")
    if laid.header and settings.header is None and not named and laid.format in ("csv", "tsv"):
        names = ", ".join(laid.header)[:80]
        notes.append(
            f"the first line is taken for names of columns ({names}): if it is a row, set clean.header to false"
        )
    return notes


def _listed(records: Iterable[tuple[int, Sequence[str]]], columns: Columns) -> Iterator[Batch]:
    records = iter(records)
    while some := list(islice(records, BATCH_ROWS)):
        yield partial(checked_rows, some, columns)


def _json(file: io.BufferedReader, seen: Seen, settings: Settings, found: Callable[[Seen], None]) -> Iterator[Batch]:
    """Yield the rows of a JSON list of objects or lists, or of an object whose lists are the parts of the corpus."""
    try:
        value = decoded(file.read())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{seen.name}: expected JSON: {one_line(error)}") from None
    lists, notes = value if isinstance(value, list) else None, []
    if isinstance(value, dict) and value and all(isinstance(one, list) for one in value.values()):
        lists = [with_part(row, part) for part, rows in value.items() for row in rows]
        notes = [f"the lists {', '.join(value)[:80]} are read as one: set split.column to part to keep them apart"]
    if lists is None:
        raise UserError(f"{seen.name}: expected a list of objects, or an object of lists, found another value of JSON")
    header = tuple(dict.fromkeys(chain.from_iterable(row for row in lists[:100] if isinstance(row, dict))))
    header = header or (("0", "1", "part") if notes else ())
    notes = notes if settings.wanted.part is None else []
    columns = _told(seen._replace(header=header, notes=[*seen.notes, *notes]), settings, found)
    for start in range(0, len(lists), BATCH_ROWS):
        yield partial(json_batch, lists[start : start + BATCH_ROWS], columns, start + 1, header)
