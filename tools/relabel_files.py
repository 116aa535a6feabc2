"""Put new labels into a user's files: into the file itself, or into a copy as CSV where that cannot be."""

import csv
import io
import re
import tempfile
from collections import Counter
from itertools import zip_longest
from pathlib import Path

from textrnn.artifacts.messages import printed
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import replacing
from textrnn.corpus import labels, local_files
from textrnn.corpus.archives import COMPRESSED, MOST_BYTES
from textrnn.corpus.readers import Seen
from textrnn.corpus.rows import Row, Wanted, resolved
from tools.relabel_fields import decoded, label_span, starts, written
from tools.relabel_sources import Source, Wishes, inspected, rows


def in_place(source: Source, known: dict[str, Path | None], wishes: Wishes) -> dict[Path, bytes] | None:
    """Return the new contents of the files, or None if one cannot be written as it was. Raises UserError."""
    contents = {}
    for name in sorted({file for file, _ in wishes}):
        path, some = known[name], {place: wish for place, wish in wishes.items() if place[0] == name}
        content = edited(source, name, path, some) if path else None
        if not path or content is None:
            return None
        path = path.resolve()
        if not path.stat().st_mode & 0o200:
            raise UserError(f"{name} is write-protected: run `chmod u+w {path}`, or `dvc unprotect` if DVC tracks it")
        contents[path] = content
    return contents


def edited(source: Source, name: str, path: Path, wishes: Wishes) -> bytes | None:
    """Return the content of a file with new labels and every other byte as it was, or None if that cannot be.

    Raises UserError if a row is not as label_errors.csv says, or if its new label cannot be written.
    """
    raw, seen = path.read_bytes(), list[Seen]()
    if raw.startswith((*COMPRESSED, b"PK")):
        return None
    found, alike = inspected(source, name, path, wishes, seen)
    file, laid = decoded(raw, seen[0]), seen[0].layout
    if file is None:
        return None
    begins, (columns, _) = starts(file.text, laid), resolved(source.reading.wanted, seen[0].header, name)

    def span(line: int) -> slice:
        return slice(*label_span(file.text, begins[line - 1], seen[0], columns))

    spelt = {label: Counter(file.text[span(line)].strip() for line in lines) for label, lines in alike.items()}
    pieces, end = [], 0
    for (_, line), wish in sorted(wishes.items()):
        if source.label(found[name, line]) != wish.new:
            place = span(line)
            usual = spelt.get(wish.new)
            new = usual.most_common(1)[0][0] if usual else written(wish.new, file.text[place], laid)
            pieces += [file.text[end : place.start], new]
            end = place.stop
    try:
        content = file.encoded("".join(pieces) + file.text[end:])
    except UnicodeEncodeError as error:
        lacking = error.object[error.start : error.end]
        raise UserError(
            f"{name}: {file.encoding} has no {lacking!r}: save the file as UTF-8, then run this again"
        ) from None
    _compare(source, name, path, content, wishes)
    return content


def _compare(source: Source, name: str, path: Path, content: bytes, wishes: Wishes) -> None:
    """Raise UserError unless the content is read as the file is, but for the new labels."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "file"
        other.write_bytes(content)
        pairs = zip_longest(*(rows(source, name, one, []) for one in (path, other)), fillvalue=(name, Row(0)))
        for (_, old), (_, new) in pairs:
            wish = wishes.get((name, old.line))
            if new != (old._replace(label=new.label) if wish else old) or (wish and source.label(new) != wish.new):
                line = old.line or new.line
                raise UserError(f"{name}, line {line}: with the new labels the file would be read otherwise: edit it")


def copied(source: Source, wishes: Wishes) -> tuple[bytes, int]:
    """Return the whole source as CSV with the new labels, and how many rows it lacks.

    Rows that cannot be read are left out. Raises UserError as `edited`, or if its files have different columns.
    """
    path, seen, left = source.path(), list[Seen](), 0
    with tempfile.TemporaryDirectory() as folder:
        corpus = source.raw
        if path:
            corpus = Path(folder) / "corpus"
            corpus.write_bytes(local_files.read(path, MOST_BYTES))
        inspected(source, source.name, corpus, wishes, seen)
        if len({one.header for one in seen}) > 1:
            raise UserError(f"{source.name}: its files have different columns, so they do not fit into one: edit them")
        columns, _ = resolved(source.reading.wanted, seen[0].header, source.name)
        plain = source._replace(reading=source.reading._replace(wanted=Wanted(), header=bool(seen[0].header)))
        table = csv.writer(text := io.StringIO(newline=""), lineterminator="\n")
        table.writerows([seen[0].header] if seen[0].header else [])
        for file, row in rows(plain, source.name, corpus, []):
            fields = list(row.fields)
            if wish := wishes.get((file, row.line)):
                fields[columns.label] = wish.new
            elif len(fields) > columns.label:
                label = fields[columns.label]
                fields[columns.label] = labels.corrected(printed(label), source.clean.labels) or label
            table.writerows([fields] if fields else [])
            left += not fields
    return text.getvalue().encode("utf-8", "surrogateescape"), left


def beside(source: Source) -> Path:
    """Return where a copy of a source goes: beside it, or into the current folder. Raises UserError if it is there."""
    own = Path(source.path() or "")
    name = re.sub(r"[^\w -]", "", Path(source.name).name.partition(".")[0]) or "corpus"
    path = (own.parent if own.name and own.exists() else Path.cwd()) / f"{name}-relabelled.csv"
    if path.exists():
        raise UserError(f"expected to write {paths.shown(path)}, found it there already: move it away")
    return path


def write(path: Path, content: bytes) -> None:
    """Write a file, which keeps its permissions if there is one."""
    with replacing(path) as file:
        if path.exists():
            Path(file.name).chmod(path.stat().st_mode)
        file.write(content)
