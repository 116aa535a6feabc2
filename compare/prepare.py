"""prepare: the rows of each protocol, dealt into folds, and dealt again in each repeat.

compare/protocols.py explains the protocols.

Reads   data/raw/corpus; section `clean` of params.yaml, compare/params.yaml
Writes  compare/prepared/{naive,duplicates,templates}.tsv
Run     python -m compare.prepare
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from pydantic import Field

from compare.protocols import FOLDS, HERE, PREPARED, PROTOCOLS, REPEATS
from textrnn.artifacts.messages import columns
from textrnn.cleaning.batch import Clean
from textrnn.cleaning.tally import clean
from textrnn.core import params, paths
from textrnn.core.errors import run
from textrnn.core.files import write_text
from textrnn.core.params import Section
from textrnn.corpus import readers
from textrnn.corpus import settings as reading
from textrnn.dedup.groups import groups
from textrnn.dedup.templates import templates
from textrnn.training.batches import folds


class Compare(Section):
    """compare/params.yaml."""

    seed: int = Field(ge=0)


def keys(texts: list[str], protocol: str) -> list[str]:
    """Return a key for each text: rows with the same key are in one fold."""
    if protocol == "templates":
        return near_duplicate_keys(texts)
    return [f"{number:09}" for number in range(len(texts))]


def near_duplicate_keys(texts: list[str]) -> list[str]:
    """Return a key for each text, the same for near-duplicates: the first of their templates in alphabetical order.

    The texts are single lines. Their order and number do not change a key.
    """
    lines = "".join(f"\t{text}\n" for text in texts).encode("utf-8")
    found = groups(io.BytesIO(lines), "templates", 0, Path(tempfile.gettempdir()))
    names = sorted(set(templates(texts)))
    return [names[number] for number in found.near_duplicates]


def messages(settings: Clean) -> list[tuple[str, str]]:
    """Return the (label, text) pairs of the corpus that these settings keep."""
    kept = io.BytesIO()
    chosen = reading.reading_of(settings, params.load("split", reading.Parts, part=True))
    clean(readers.batches(paths.CORPUS, chosen, "data/raw/corpus", lambda _: None), settings, kept, io.BytesIO())
    return list(zip(*columns(kept.getvalue().decode("utf-8")), strict=True))


def table(messages: list[tuple[str, str]], protocol: str, seed: int) -> str:
    """Return a line for each message: its fold in each repeat, group, label and text."""
    names = sorted({label for label, _ in messages})
    labels = np.array([names.index(label) for label, _ in messages], np.int16)
    groups_of = np.unique(keys([text for _, text in messages], protocol), return_inverse=True)[1]
    dealt = [folds(groups_of, labels, FOLDS, seed * REPEATS + repeat) for repeat in range(REPEATS)]
    lines = zip(*dealt, groups_of, messages, strict=True)
    return "".join("\t".join(map(str, [*numbers, *message])) + "\n" for *numbers, message in lines)


def main() -> None:
    """Run the stage."""
    settings = params.load("clean", Clean)
    seed = params.load("compare", Compare, path=HERE / "params.yaml").seed
    for protocol in PROTOCOLS:
        kept = settings.model_copy(update={"duplicates": "keep" if protocol == "naive" else "drop"})
        write_text(PREPARED / f"{protocol}.tsv", table(messages(kept), protocol, seed))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
