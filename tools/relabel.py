"""Write the new labels of data/scored/label_errors.csv into your own file, where nothing else changes.

Fill in the column new_label, in a spreadsheet or an editor. Run this before `dvc repro`, which writes label_errors.csv
anew, or save the list under a name of your own. Rows without a new label stay as they are, and a file that has changed
since is left alone. What cannot be written as it was (xlsx, Parquet, a compressed file, a zip, a file from a server) is
copied to CSV with the new labels.

Run     python -m tools.relabel [FILE]   (default: data/scored/label_errors.csv), then dvc repro
"""

import argparse
import hashlib
import shlex
import sys
from pathlib import Path

from stages.download import Download
from textrnn.artifacts.messages import printed
from textrnn.artifacts.settings import Positive
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.escape import listed, printable, unescaped
from textrnn.core.files import read_table
from textrnn.corpus import labels, local_files, readers
from textrnn.corpus.archives import MOST_BYTES
from textrnn.corpus.encoding import SURE
from textrnn.corpus.readers import Seen
from textrnn.corpus.rows import Wanted, is_label
from tools.adopt import within
from tools.relabel_files import beside, copied, in_place, write
from tools.relabel_sources import Place, Source, Wish, files, same, sources

NEEDED = ("file", "line", "label", "new_label", "text")  # columns of label_errors.csv
SHOWN = 5  # rows whose change is told


def wishes(path: Path, clean: labels.Labels) -> dict[Place, Wish]:
    """Return the rows of label_errors.csv that have a new label. Raises UserError."""
    known = [name for name, _ in read_table(paths.VECTORS / "classes.tsv")]
    if not path.is_file():
        cure = ": run `dvc repro`, which makes it" if path == paths.LABEL_ERRORS else ""
        raise UserError(f"expected the file {paths.shown(path)}, found none{cure}")
    seen, found = list[Seen](), dict[Place, Wish]()
    for _, batch in readers.batches(path, readers.Settings(Wanted(), header=True), path.name, seen.append):
        for row in batch():
            given = dict(zip(seen[0].header, map(unescaped, row.fields), strict=False))
            where, sure = f"{path.name}, line {row.line}", seen[0].encoding.confidence >= SURE
            if missing := [name for name in NEEDED if name not in given]:
                raise UserError(
                    f"{where}: expected the columns of label_errors.csv, found none called {listed(missing)}"
                )
            if not (typed := printed(given["new_label"])):
                continue
            alike = [label for label in known if same(typed, label, sure)]
            new = alike[0] if len(alike) == 1 else labels.corrected(typed, clean)
            if not new or not is_label(new) or not given["line"].isdecimal():
                raise UserError(
                    f"{where}: expected a label and the number of a line, found {typed!r}, {given['line']!r}"
                )
            found[given["file"], int(given["line"])] = Wish(where, given["label"], new, given["text"], sure)
    if not found:
        raise UserError(f"{paths.shown(path)}: expected new labels in the column new_label, found none: fill it in")
    for label in sorted({wish.new for wish in found.values()} - {*known}):
        print(printable(f"new label, which no message had so far: {label!r} (the others are {listed(known)})"))
    return found


def by_source(
    found: dict[Place, Wish], given: list[Source]
) -> list[tuple[Source, dict[str, Path | None], dict[Place, Wish]]]:
    """Return the sources that have one of the files, with these files and the wishes for them. Raises UserError."""
    places = [(source, files(source)) for source in given]
    for (file, _), wish in found.items():
        if (count := sum(file in known for _, known in places)) != 1:
            which = "two of that name: rename one, and run `dvc repro`" if count else "none: run `dvc repro`"
            raise UserError(
                f"{wish.where}: expected a file {file!r} in download.source or split.test_source, found {which}"
            )
    of_sources = [
        (source, known, {place: wish for place, wish in found.items() if place[0] in known}) for source, known in places
    ]
    return [one for one in of_sources if one[2]]


def adopt(copies: dict[str, Path], given: list[Source]) -> str:
    """Return the command that takes up the copies of sources."""
    source, *others = [within(str(copies.get(one.source, one.source))) for one in given]
    positive = params.load("evaluate", Positive, part=True).positive_label
    options: list[tuple[str, object]] = [
        *zip(("label", "text", "part", "group", "time"), given[0].reading.wanted, strict=True)
    ]
    options += [("positive", positive), *(("test", other) for other in others)]
    words = [word for name, value in options if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(["python", "-m", "tools.adopt", source, *words])


def told(found: dict[Place, Wish]) -> str:
    """Return a sentence on the rows that have new labels."""
    some = [f"line {line} of {file}: {wish.new}, not {wish.label}" for (file, line), wish in [*found.items()][:SHOWN]]
    more = f"; and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return f"{len(found):,} new label{'s' * (len(found) > 1)}: {'; '.join(some)}{more}"


def main() -> None:
    """Relabel."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tools.relabel", description=__doc__, formatter_class=form)
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", default=paths.LABEL_ERRORS)
    given = sources()
    found = wishes(parser.parse_args().file, given[0].clean.labels)
    contents, copies, notes = dict[Path, bytes](), dict[str, Path](), list[str]()
    for source, known, some in by_source(found, given):
        new = in_place(source, known, some)
        if new is None:
            copy, (content, left) = beside(source), copied(source, some)
            new, copies[source.source] = {copy: content}, copy
            cannot = f"{source.name} cannot be written as it was"
            notes.append(f"{cannot}: {paths.shown(copy)} is a copy with the new labels")
            notes += [f"{left:,} rows are not in the copy: they could not be read"] * bool(left)
        contents |= new
    for path, content in contents.items():
        write(path, content)
    settings = params.load("download", Download)
    if settings.sha256 and not copies and (own := given[0].path()):
        checksum = hashlib.sha256(local_files.read(own, MOST_BYTES)).hexdigest()
        if checksum != settings.sha256.lower():
            notes.append(f"params.yaml has the checksum of the file as it was: set download.sha256 to {checksum}")
    for line in (told(found), *notes):
        print(printable(line))
    print(f"Now run: {adopt(copies, given) + ' && ' if copies else ''}dvc repro")


if __name__ == "__main__":
    sys.exit(run(main))
