"""Look at a file of labelled texts, say what is in it, and set params.yaml and dvc.yaml to it, ready for `dvc repro`.

It asks nothing: in doubt it takes the likeliest, and names the option that settles it. What it cannot read it says in
one line, and writes nothing. `python -m tools.adopt sms-spam` sets everything back.

Run     python -m tools.adopt FILE [--label COLUMN] [--text COLUMN] ...   (FILE: a path, folder, pattern or address)
"""

if __spec__ is None:
    raise SystemExit("error: tools/adopt.py is part of a package: run `python -m tools.adopt`")

import argparse
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import regex

from stages import download
from textrnn.artifacts.messages import read_messages
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.escape import listed, printable
from textrnn.core.files import read_text
from textrnn.corpus import readers, watch
from textrnn.corpus.encoding import SURE
from textrnn.corpus.layout import COLUMN_WORDS
from textrnn.corpus.readers import Seen
from textrnn.corpus.rows import Wanted
from textrnn.text.settings import Vectorize
from textrnn.text.vocabulary import tokenize
from tools.adopt_columns import GROUPS, LABELS, MOST, TIMES, WORD, Choice, Column, choose, named, profile, spelt
from tools.adopt_params import DEFAULTS, SMS, Changes, Trial, attempt, dealt, edited, positive, settled, write

FEW = 20  # rows of a label from which little can be learnt
SHOWN = 60  # characters of an example
SAMPLE = 20_000  # texts that are measured
SCRIPTS = (
    "Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil", "Thai", "Han", "Hiragana",
    "Katakana", "Hangul", "Georgian", "Armenian", "Ethiopic",
)  # fmt: skip


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tools.adopt", description=__doc__, formatter_class=form)
    parser.add_argument("file", metavar="FILE", help="a path, a folder, a pattern, an address, or sms-spam")
    for name, meaning in (
        ("label", "the column of the labels: its name, or its position from 0"),
        ("text", "the column of the texts"),
        ("part", "a column that says train, validation or test"),
        ("group", "a column whose rows of one value stay on one side, such as an author"),
        ("time", "a column of times: the newest rows are for test"),
    ):
        parser.add_argument(f"--{name}", metavar="COLUMN", help=meaning)
    parser.add_argument("--positive", metavar="LABEL", help="of two labels, the one you are after")
    parser.add_argument("--test", metavar="FILE", help="a second file: its rows are for test")
    return parser.parse_args()


def within(source: str) -> str:
    """Return a path in the repository relative to it, and any other source as it is."""
    path = Path(source)
    return path.relative_to(paths.ROOT).as_posix() if path.is_absolute() and path.is_relative_to(paths.ROOT) else source


def look(corpus: Path, source: str) -> tuple[Seen, list[Column]]:
    """Return what was found out about the first file of the corpus, and its columns. Raises UserError."""
    seen: list[Seen] = []
    batches = (batch for _, batch in readers.batches(corpus, readers.Settings(Wanted()), source, seen.append))
    found = profile(takewhile(lambda _: len(seen) == 1, batches), seen)
    if not seen or not any(column.counts for column in found):
        raise UserError(f"{source}: expected rows of labels and texts, found none")
    return seen[0], found


# What is said


def of_file(seen: Seen) -> Iterator[str]:
    """Say how the file is written."""
    form, (encoding, sure) = seen.layout, seen.encoding
    fields = f", with {form.separator!r} between and {form.quote} around fields" if seen.format == "csv" else ""
    names = "its columns have names" if seen.header else "its columns have no names"
    yield f"{seen.name}: {seen.format}{'' if encoding == 'binary' else f' in {encoding}'}{fields}; {names}"
    if sure < SURE:
        yield f"  in doubt: the encoding, {sure:.0%} sure; if letters below are wrong, set clean.encoding"
    usual = {regex.split(r"[\W_]+", name.casefold())[-1] for name in seen.header} & COLUMN_WORDS
    if seen.format in ("csv", "tsv", "xlsx") and seen.header and not usual:
        yield (
            "  in doubt: the first line is taken for names of columns; if it is a row, set clean.header to false, and "
            "clean.label_column and clean.text_column to positions"
        )


def of_columns(columns: list[Column], choice: Choice, sure: float) -> Iterator[str]:
    """Say what each column holds, and what it is taken for."""
    why = "by its name" if choice.label.called(LABELS) else "its values repeat"
    taken = {choice.label.place: f"  <- label ({why})", choice.text.place: "  <- text (the longest)"}
    taken |= {choice.part.place: "  <- part (train, validation or test)"} if choice.part else {}
    for one in columns:
        values = list(one.counts)
        strange = [value for value in values if not value.isascii()] if sure < SURE else []
        example = " ".join((strange or values or ["(empty)"])[0].split())
        start = max(0, next((i for i, letter in enumerate(example) if not letter.isascii()), 0) - SHOWN // 2)
        cut = example[start if strange else 0 :][:SHOWN]
        more = " or more" if len(values) >= MOST else ""
        about = f"{len(values):,}{more} different, such as {cut}" if values else "empty"
        missing = f", {one.missing:,} missing" if one.missing and values else ""
        yield f"  column {one.place} {one.name.strip() or '(no name)'}: {about}{missing}{taken.get(one.place, '')}"


def of_choice(choice: Choice, given: argparse.Namespace, columns: list[Column]) -> Iterator[str]:
    """Say why the label and the text are what they are, and which options settle what is in doubt."""
    label, text = choice.label, choice.text
    if given.label is None and choice.labels and not (label.called(LABELS) and not choice.labels[0].called(LABELS)):
        other = shlex.quote(str(spelt(choice.labels[0], columns)))
        yield f"  in doubt: the label could be another column: --label {other}"
    if given.text is None and text.words < 2:
        yield "  in doubt: the texts are single words; --text names another column"
    for one in columns:
        if one in (label, text, choice.part) or len(one.counts) < 2:
            continue
        option = "--group" if one.called(GROUPS) and given.group is None else ""
        option = option or ("--time" if one.called(TIMES) and given.time is None and one.all("time") else "")
        if option:
            kept = "keeps rows of one value on one side" if option == "--group" else "tests on the newest rows"
            yield f"  {option} {shlex.quote(str(spelt(one, columns)))} {kept} of the split"


def of_labels(trial: Trial) -> Iterator[str]:
    """Say how frequent the labels are, and which are too rare."""
    counts = trial.tally.labels.most_common()
    shown = counts if len(counts) <= 8 else [*counts[:4], *counts[-3:]]
    more = f", and {len(counts) - len(shown):,} more between" if len(shown) < len(counts) else ""
    yield f"{len(counts):,} labels: {', '.join(f'{name} ({count:,})' for name, count in shown)}{more}"
    if few := [name for name, count in counts[::-1] if count < FEW]:
        yield f"  fewer than {FEW} rows: {listed(few)}; little can be learnt of them, and tested less: give more rows"


def of_texts(trial: Trial, vectorize: Vectorize) -> Iterator[str]:
    """Say in which letters the texts are, and how long."""
    texts = [text for _, text in read_messages(trial.folder / "clean/messages.tsv")]
    texts = texts[:: 1 + len(texts) // SAMPLE]
    letters = "".join(text[:200] for text in texts[:5_000])
    found = {name: len(regex.findall(rf"\p{{{name}}}", letters)) for name in SCRIPTS}
    total = max(sum(found.values()), 1)
    scripts = [name for name, count in sorted(found.items(), key=lambda item: -item[1]) if count > total / 100]
    words = [len(WORD.findall(text)) for text in texts]
    middle, longest = statistics.median(words), max(words)
    yield f"texts: {' and '.join(scripts) or 'no'} letters; the median has {middle:,.0f} words, the longest {longest:,}"
    most = vectorize.max_sequence_length
    cut = sum(len(tokenize(text, vectorize.tokenizer)) > most for text in texts) / len(texts)
    if cut >= 0.01:
        yield f"  {cut:.0%} are longer than the {most} tokens that the network reads (vectorize.max_sequence_length)"


def of_rows(trial: Trial) -> Iterator[str]:
    """Say what becomes of the rows."""
    tally = trial.tally
    kept = tally.labels.total()
    yield f"{tally.rows:,} rows: {kept:,} kept, {tally.duplicates:,} duplicates, {tally.rejected:,} rejected"
    for reason, (count, place) in sorted(trial.reasons.items(), key=lambda item: -item[1][0])[:5]:
        yield f"  rejected: {count:,}, the first is {place}: {reason}"
    if one := tally.contradiction:
        several = f"{tally.contradictions:,} duplicates have another label"
        other = f"{one.other_label} ({one.other_file}, line {one.other_line}) after {one.label} (line {one.line})"
        yield f"  {several}, such as {other}: the first counts"


def of_git(source: str) -> Iterator[str]:
    """Say what Git needs to know of a file in the repository."""
    path = paths.ROOT / source
    if not path.exists() or not path.resolve().is_relative_to(paths.ROOT) or _git("status", source) is None:
        return
    if _git("check-ignore", source):
        yield f"queued experiments run in copies without it: dvc exp run --queue --copy-paths {shlex.quote(source)}"
    elif _git("ls-files", "--error-unmatch", source) is None:
        yield "`git add --all` would take it into Git: if others may not read it, keep it in corpus/, which Git ignores"
        attributes = _git("check-attr", "text", source) or ""
        begin = path.read_bytes()[:8_000] if path.is_file() else b""  # Git takes a file with a zero byte for binary
        if b"\r\n" in begin and b"\0" not in begin and not attributes.rstrip().endswith("unset"):
            yield f"  but Git would change its line ends: first add `{source} -text` to .gitattributes"


def _git(command: str, *arguments: str) -> str | None:
    """Return what Git prints, or None if it fails or there is none."""
    try:
        done = subprocess.run(["git", command, *arguments], cwd=paths.ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return None
    return None if done.returncode else done.stdout


def columns_of(columns: list[Column], choice: Choice, given: argparse.Namespace) -> Changes:
    """Return the settings that name columns."""
    taken: dict[str, Column | None] = {
        "clean.label_column": choice.label, "clean.text_column": choice.text, "split.column": choice.part,
        "split.group_column": given.group and named(columns, given.group, "--group"),
        "split.time_column": given.time and named(columns, given.time, "--time"),
    }  # fmt: skip
    changes = {key: spelt(column, columns) for key, column in taken.items() if column}
    position = any(isinstance(one, int) for one in changes.values())
    return changes | ({"clean.header": True} if position and any(one.name for one in columns) else {})


def adopted(given: argparse.Namespace, folder: Path) -> tuple[Changes, bool]:
    """Say what is in the corpus. Return its settings, and if a split is possible. Raises UserError."""
    text = read_text(paths.PARAMS)
    before, vectorize = params.load("download", download.Download), params.load("vectorize", Vectorize)
    for source, name in ((given.file, "corpus"), (given.test, "test")):
        if source:
            with (folder / name).open("w+b") as file:
                download.own_corpus("cannot read", source, None, before.connect_timeout, file)
    seen, columns = look(folder / "corpus", given.file)
    choice = choose(columns, given.label, given.text, given.part)
    changes = DEFAULTS | {"download.source": given.file, "split.test_source": given.test}
    if before.source == given.file:
        changes = {key: new for key, new in changes.items() if key != "clean.labels.map"}
    changes |= columns_of(columns, choice, given)
    trial, told = settled(text, changes, attempt(edited(text, changes), folder, given.file, given.test))
    changes["evaluate.positive_label"], why = positive(trial.tally.labels, given.positive)
    parts, ready = dealt(text, changes, trial)
    for line in (
        *of_file(seen), *of_columns(columns, choice, seen.encoding.confidence), *of_choice(choice, given, columns),
        *of_labels(trial), *why, *of_texts(trial, vectorize), *of_rows(trial), *told, *parts,
        *of_git(given.file), *(of_git(given.test) if given.test else ()),
    ):  # fmt: skip
        print(printable(line))
    return changes, ready


def main() -> None:
    """Adopt the file."""
    given = arguments()
    given.file, given.test = within(given.file), within(given.test) if given.test else None
    changes, ready = SMS, True
    if given.file != "sms-spam":
        with tempfile.TemporaryDirectory() as folder:
            changes, ready = adopted(given, Path(folder))
    timeout = params.load("download", download.Download).connect_timeout
    entries = [entry for source in (given.file, given.test) if source for entry in watch.entries(source, timeout)]
    diff = write(edited(read_text(paths.PARAMS), changes), entries)
    print(f"\n{diff or 'params.yaml and dvc.yaml say so already.'}")
    print(f"\n{'Now' if ready else 'Mend the rare labels, then'} run: dvc repro")


if __name__ == "__main__":
    sys.exit(run(main))
