"""prepare: the rows of each protocol and each corpus, dealt into folds, and dealt again in each repeat.

compare/protocols.py explains the protocols.

Reads   data/raw/corpus, the files of compare/corpora.py; section `clean` of params.yaml, compare/params.yaml
Writes  compare/prepared/NAME.tsv for each protocol and corpus
Run     python -m compare.prepare [NAME ...]   (default: all)
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from compare import corpora
from compare.corpora import CORPORA
from compare.protocols import FOLDS, HERE, OFFICIAL, PREPARED, PROTOCOLS, REPEATS
from textrnn.artifacts.messages import read_messages
from textrnn.cleaning.batch import Clean
from textrnn.cleaning.tally import clean
from textrnn.core import params, paths
from textrnn.core.errors import run
from textrnn.core.files import Blocks, write_text
from textrnn.core.params import Section
from textrnn.corpus import readers
from textrnn.corpus import settings as reading
from textrnn.dedup.groups import joined
from textrnn.dedup.templates import templates
from textrnn.partitions.exchange import shared
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
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "messages.tsv")
        path.write_bytes("".join(f"\t{text}\n" for text in texts).encode("utf-8"))
        with shared(path.parent) as folder:
            found = joined(Blocks.of(path), "templates", 0, folder)
            near = [
                one for block in range(found.messages.total) for one in found.near()[found.templates(block)].tolist()
            ]
    names = sorted(set(templates(texts)))
    return [names[number] for number in near]


def messages(settings: Clean) -> list[tuple[str, str]]:
    """Return the (label, text) pairs of the SMS Spam Collection that these settings keep."""
    chosen = reading.reading_of(settings, params.load("split", reading.Parts, part=True))
    batches = readers.batches(paths.CORPUS, chosen, "data/raw/corpus", lambda _: None)
    with tempfile.TemporaryDirectory() as directory:
        with clean(batches, settings, Path(directory)):
            pass
        return read_messages(Path(directory, "messages.tsv"))


def table(messages: list[tuple[str, str]], protocol: str, seed: int) -> str:
    """Return a line for each message: its fold in each repeat, its rank, group, label and text.

    The first rows by rank are a sample in which each label has its share.
    """
    names = sorted({label for label, _ in messages})
    labels = np.array([names.index(label) for label, _ in messages], np.int16)
    groups_of = np.unique(keys([text for _, text in messages], protocol), return_inverse=True)[1]
    dealt = [folds(groups_of, labels, FOLDS, seed * REPEATS + repeat) for repeat in range(REPEATS)]
    return lines(zip(*dealt, ranks(labels, seed), groups_of, messages, strict=True))


def ranks(labels: NDArray[np.int16], seed: int) -> NDArray[np.int64]:
    """Return the rank of each row, from 0: a label has the same share of any number of first rows."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    places = np.zeros(len(labels))
    for label in np.unique(labels):
        rows = shuffled[labels[shuffled] == label]
        places[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    result = np.zeros(len(labels), np.int64)
    result[np.argsort(places, kind="stable")] = np.arange(len(labels))
    return result


def lines(rows: Iterable[tuple[object, ...]]) -> str:
    """Return a line for each (numbers …, (label, text))."""
    return "".join("\t".join(map(str, [*numbers, *message])) + "\n" for *numbers, message in rows)  # type: ignore[misc]


def of_protocol(name: str, settings: Clean, seed: int) -> str:
    """Return the lines of a protocol."""
    kept = settings.model_copy(update={"duplicates": "keep" if name == "naive" else "drop"})
    return table(messages(kept), name, seed)


def of_corpus(name: str, settings: Clean, seed: int) -> str:
    """Return the lines of a corpus. Those of its official test part are in the fold OFFICIAL, with no rank or group."""
    dealt, tested = corpora.messages(CORPORA[name], settings)
    official = ((*[OFFICIAL] * REPEATS, -1, -1, message) for message in tested)
    return table(dealt, "templates", seed) + lines(official)


def main(names: list[str]) -> None:
    """Run the stage."""
    settings = params.load("clean", Clean)
    seed = params.load("compare", Compare, path=HERE / "params.yaml").seed
    for name in names or [*PROTOCOLS, *CORPORA]:
        of_name = of_protocol if name in PROTOCOLS else of_corpus
        write_text(PREPARED / f"{name}.tsv", of_name(name, settings, seed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *PROTOCOLS, *CORPORA], metavar="NAME")
    sys.exit(run(partial(main, parser.parse_args().names)))
