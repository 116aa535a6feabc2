"""The lines of params.yaml that belong to a corpus: what clean and split make of it with them, and how they change."""

import difflib
import io
import math
import shlex
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import regex
from ruamel.yaml import YAML

from stages.split import split
from stages.vectorize import vectorize
from textrnn.artifacts.messages import SIDES, class_names, positive_label, printed
from textrnn.cleaning.batch import Clean
from textrnn.cleaning.tally import Tally, clean
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.core.files import Blocks, read_text, write_text
from textrnn.corpus import labels, readers, watch
from textrnn.corpus.settings import Parts, reading_of
from textrnn.corpus.sources import short_names
from textrnn.dedup.sides import Split
from textrnn.model.config import FOLDS
from textrnn.text.settings import Vectorize
from textrnn.training.batches import folds

Changes = dict[str, Any]  # by section.key, or section.key.key

DEFAULTS: Changes = {  # of a corpus of one's own, and set back for each new one
    "download.sha256": None,
    "clean.format": "auto", "clean.encoding": "auto", "clean.header": "auto",
    "clean.labels.fold_case": False, "clean.labels.map": {}, "clean.max_rejected_share": 0.01,
    "split.column": None, "split.group_column": None, "split.time_column": None, "split.test_source": None,
    "split.keep_together": "templates",
}  # fmt: skip
SMS: Changes = DEFAULTS | {
    "download.source": "sms-spam", "clean.label_column": 0, "clean.text_column": 1, "evaluate.positive_label": "spam",
    "train.ensemble": 5, "train.linear": True, "train.encoder": "none", "train.cascade": True,
}  # fmt: skip
TELLING = ("1", "true", "yes", "spam")  # labels that say themselves that they are the positive one
MOST_REJECTED = 0.2  # share of rows: with more, something is wrong


class Trial(NamedTuple):
    """The corpus and what the stage clean makes of it."""

    source: str
    folder: Path  # of the files corpus and test, and what clean writes
    test: str | None
    tally: Tally
    reasons: dict[str, tuple[int, str]]  # of the rows rejected: how many, and where the first stands


def sections(text: str) -> dict[str, Any]:
    """Return the sections of the text of params.yaml."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


def edited(text: str, changes: Mapping[str, Any]) -> str:
    """Return the text of params.yaml with other values. Comments and all else stay as they are. Raises UserError."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.representer.add_representer(
        type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    document = yaml.load(text)
    for key, new in changes.items():
        *sections, name = key.split(".")
        section = document
        for one in sections:
            section = section[one]
        if (type(section.get(name)) is bool, section.get(name)) != (type(new) is bool, new):
            section[name] = new
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def write(text: str, entries: list[str]) -> str:
    """Write params.yaml, and into dvc.yaml what DVC is to watch, or neither. Return how they differ from before."""
    before = {path: read_text(path) for path in (paths.PARAMS, paths.PIPELINE)}
    try:
        watch.write(paths.PIPELINE, entries)
        write_text(paths.PARAMS, text)
    except BaseException:
        write_text(paths.PIPELINE, before[paths.PIPELINE])
        raise
    diffs: list[str] = []
    for path, old in before.items():
        diffs += difflib.unified_diff(
            old.splitlines(), read_text(path).splitlines(), path.name, path.name, n=0, lineterm=""
        )
    return "\n".join(diffs)


def attempt(text: str, folder: Path, source: str, test: str | None) -> Trial:
    """Clean the corpus in the folder as the text of a params.yaml says. Raises UserError."""
    write_text(folder / "params.yaml", text)
    chosen = params.load("clean", Clean, path=folder / "params.yaml")
    reading = reading_of(chosen, params.load("split", Parts, True, folder / "params.yaml"))
    name, other = short_names([source, test or source])
    corpus = readers.for_workers(folder / "corpus", reading, name, lambda _: None)
    if test:
        corpus = chain(corpus, readers.test_batches(folder / "test", reading, other, lambda _: None))
    with clean(corpus, chosen, folder / "clean") as tally:
        reasons: dict[str, tuple[int, str]] = {}
    for row in read_text(folder / "clean/rejected.tsv").split("\n")[1:-1]:
        file, line, reason = row.split("\t", 2)
        reason = regex.sub(r" \(.*\)$", "", regex.sub(r"^byte \d+", "a byte", reason))
        count, first = reasons.get(reason, (0, f"{file}, line {line}"))
        reasons[reason] = count + 1, first
    return Trial(source, folder, test, tally, reasons)


def settled(text: str, changes: Changes, first: Trial) -> tuple[Trial, list[str]]:
    """Add to `changes` what the labels and the rejected rows need; return what clean makes of it, and say why."""
    told = []
    trial = first
    spellings = Counter(label.casefold() for label in trial.tally.labels)
    if alike := [label for label in trial.tally.labels if spellings[label.casefold()] > 1]:
        told.append(f"labels that differ in capitals alone are joined: {listed(alike)}")
        changes["clean.labels.fold_case"] = True
        trial = attempt(edited(text, changes), trial.folder, trial.source, trial.test)
    tally, limit = trial.tally, changes["clean.max_rejected_share"]
    share = tally.rejected / max(tally.rows, 1)
    if share > MOST_REJECTED:
        reason, (count, place) = max(trial.reasons.items(), key=lambda item: item[1][0])
        raise UserError(
            f"{trial.source}: {tally.rejected:,} of {tally.rows:,} rows would be rejected, {count:,} because {reason} "
            f"(the first is {place}): mend the file, or name other columns by --label and --text"
        )
    if len(tally.labels) < 2:
        raise UserError(
            f"{trial.source}: expected two labels or more, found {listed(list(tally.labels))} in all "
            f"{tally.labels.total():,} rows: add rows of another label, or name the column of the labels by --label"
        )
    told += [note for note in labels.notes(tally.labels) if "clean.label_column" not in note]
    if share > limit:
        changes["clean.max_rejected_share"] = math.ceil(round(share * 100, 9)) / 100
        told.append(f"{share:.1%} of the rows are rejected, more than the usual {limit:.0%}: mend them, or do without")
    return trial, told


def positive(counts: Counter[str], wanted: str | None) -> tuple[str | None, list[str]]:
    """Return the positive label, the one `wanted`, or of two the telling or rarer one, and a line that says so."""
    if wanted is not None:
        alike = [label for label in counts if label.casefold() == printed(wanted).casefold()]
        return positive_label(counts, alike[0] if len(alike) == 1 else wanted), []
    telling = [label for label in counts if label.casefold() in TELLING]
    label = positive_label(counts, telling[0] if len(telling) == 1 else None)
    if len(counts) > 2 or label is None:
        return None, []
    why = "the rarer one" if len(set(counts.values())) > 1 else "both are as frequent"
    other = shlex.quote(next(one for one in counts if one != label))
    said = f"  the positive label, the one you are after, is {label} ({'by its name' if len(telling) == 1 else why})"
    return label, [f"{said}; else: --positive {other}"]


def dealt(text: str, changes: Changes, trial: Trial) -> tuple[list[str], bool]:
    """Add to `changes` what split and train need to run at all. Return lines about the parts, and whether they run."""
    folder = trial.folder
    write_text(folder / "params.yaml", edited(text, changes))
    words = params.load("vectorize", Vectorize, path=folder / "params.yaml")
    vectorize(Blocks.of(folder / "clean/messages.tsv"), words, folder / "vectors")
    names = class_names(trial.tally.labels)
    failures: list[str] = []
    for together in dict.fromkeys((changes.get("split.keep_together", "duplicates"), "duplicates")):
        tried = changes | {"split.keep_together": together}
        write_text(folder / "params.yaml", edited(text, tried))
        chosen = params.load("split", Split, path=folder / "params.yaml")
        try:
            counts, notes = split(folder / "clean", folder / "vectors", folder / "split", chosen)
        except UserError as error:
            failures.append(str(error))
            continue
        changes["split.keep_together"] = together
        sizes = ", ".join(f"{counts[side]:,} {side}" for side in SIDES[::-1])
        told = [f"parts: {sizes}", *notes]
        told += [f"near-duplicates may be on two sides (split.keep_together), as else: {one}" for one in failures]
        if lonely := in_one_fold(text, folder / "split/train"):
            changes |= {"train.ensemble": 1, "train.linear": False, "train.encoder": "none"}
            told.append(f"one network, no ensemble: the rows of {listed([names[one] for one in lonely])} are too few")
        return told, True
    return [f"`dvc repro` will stop at the split: {failures[0]}"], False


def in_one_fold(text: str, directory: Path) -> list[int]:
    """Return the labels whose rows in the directory of train would all lie in one fold of the ensemble."""
    train = sections(text)["train"]
    if train["ensemble"] == 1:
        return []
    labels, groups = (np.load(directory / f"{name}.npy") for name in ("labels", "groups"))
    fold = folds(groups, labels, train["ensemble"] or FOLDS, train["seed"])
    pairs = np.unique(np.stack([labels, fold]), axis=1)
    return [int(one) for one in np.flatnonzero(np.bincount(pairs[0]) == 1)]
