"""The sources that params.yaml names, their rows, and whether these are still as label_errors.csv says."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from stages.download import Download
from textrnn.cleaning.batch import Clean
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.core.escape import field, unescaped
from textrnn.core.files import opened
from textrnn.corpus import labels, local_files, readers
from textrnn.corpus.readers import Seen
from textrnn.corpus.rows import Row
from textrnn.corpus.settings import Parts, TestSource, reading_of
from textrnn.corpus.sources import short_names
from textrnn.text.normalise import normalise

Place = tuple[str, int]  # a file, and a line of it


class Wish(NamedTuple):
    """A new label for a row, and what label_errors.csv says of the row."""

    where: str  # in label_errors.csv
    label: str
    new: str
    text: str
    sure: bool  # whether the encoding of label_errors.csv is


Wishes = Mapping[Place, Wish]


class Source(NamedTuple):
    """A source that params.yaml names."""

    source: str
    name: str  # in tables
    raw: Path  # as the stage download has it
    reading: readers.Settings
    clean: Clean

    def path(self) -> str | None:
        """Return the path of a source on this machine."""
        far = self.source == "sms-spam" or "://" in self.source
        return None if far else local_files.in_repository(self.source)

    def label(self, row: Row) -> str:
        """Return the label of a row as the stages know it."""
        return "" if row.reason else labels.corrected(row.label, self.clean.labels)


def sources() -> list[Source]:
    """Return the corpus, and the second one if there is any."""
    clean, test = params.load("clean", Clean), params.load("split", TestSource, part=True).test_source
    reading = reading_of(clean, params.load("split", Parts, part=True))
    source = params.load("download", Download).source
    name, *others = short_names([source, test] if test else [source])
    found = [Source(source, name, paths.CORPUS, reading, clean)]
    reading = readers.of_test(reading)
    return found + [Source(str(test), other, paths.TEST_CORPUS, reading, clean) for other in others]


def files(source: Source) -> dict[str, Path | None]:
    """Return the path of each file of a source by its name in tables, None if it lies in a zip or elsewhere."""
    with opened(source.raw) as file:
        names = [name for name, _ in readers.parts(file, source.name)]
    path, known = source.path(), dict[str, Path]()
    if path:
        found = [Path(file.path) for file in local_files.files(path)]
        alone = local_files.is_file(path)
        known = dict(zip([source.name] if alone else short_names(list(map(str, found))), found, strict=True))
    return {name: known.get(name) for name in names}


def rows(source: Source, name: str, corpus: Path, seen: list[Seen]) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a file, or of a zip, with the names of their files."""
    for file, batch in readers.batches(corpus, source.reading, name, seen.append):
        for row in batch():
            yield file, row


def inspected(
    source: Source, name: str, corpus: Path, wishes: Wishes, seen: list[Seen]
) -> tuple[dict[Place, Row], dict[str, list[int]]]:
    """Return the rows for which there are wishes, and the lines that have one of the new labels already.

    Raises UserError if a row is not as label_errors.csv says.
    """
    wanted, found, alike = {wish.new for wish in wishes.values()}, dict[Place, Row](), defaultdict[str, list[int]](list)
    for file, row in rows(source, name, corpus, seen):
        if (file, row.line) in wishes:
            found[file, row.line] = row
        if (label := source.label(row)) in wanted:
            alike[label].append(row.line)
    for (file, line), wish in wishes.items():
        row = found.get((file, line), Row(line, reason="no row"))
        now, text = source.label(row), normalise(row.text, source.clean.normalisation)
        if (
            row.reason
            or not same(wish.text, text, wish.sure)
            or (now != wish.new and not same(wish.label, now, wish.sure))
        ):
            told, there = f"{wish.label}: {wish.text[:60]}", row.reason or f"{now}: {text[:60]}"
            raise UserError(
                f"{wish.where}: expected {told!r} at line {line} of {file}, found {there!r}: "
                "the file has changed since; run `dvc repro`, and fill in the new list"
            )
    return found, alike


def same(shown: str, text: str, sure: bool) -> bool:
    """Return whether a field of label_errors.csv is a text: a spreadsheet may have saved letters it lacks as ?."""
    text = unescaped(field(text))

    def alike(one: str, other: str) -> bool:
        return one == other or (other > "~" and (one == "?" or (one > "~" and not sure)))

    # A letter beyond Unicode's first plane is two letters to some spreadsheets.
    as_pairs = "".join("\ufffd\ufffd" if letter > "\uffff" else letter for letter in text)
    return any(len(shown) == len(one) and all(map(alike, shown, one)) for one in (text, as_pairs))
