"""vectorize: messages become integers. Nothing is lost: every distinct token has an id.

Train decides which words are frequent enough to keep, from the training rows alone.

Reads   data/clean/messages.tsv; section `vectorize` of params.yaml
Writes  data/vectors/ (tokens, offsets, labels, rows .npy; vocabulary.tsv; classes.tsv),
        metrics/vectorize.json
Run     python -m stages.vectorize
"""

if __spec__ is None:
    raise SystemExit("error: stages/vectorize.py is part of a package: run `python -m stages.vectorize`")

import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from textrnn.artifacts import ragged
from textrnn.artifacts.messages import class_names, columns
from textrnn.artifacts.ragged import offsets_of
from textrnn.core import params, paths
from textrnn.core.errors import run
from textrnn.core.files import Blocks, replacing, write_metrics
from textrnn.core.progress import progress
from textrnn.partitions import alphabet
from textrnn.partitions.alphabet import Frequencies, by_frequency, ids, lines, ordered, split, write_vocabulary
from textrnn.partitions.exchange import leave, read, shared
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import encode, factorize, new_codes
from textrnn.text.vocabulary import Vectorize, tokenize, write_counts


class Counts(NamedTuple):
    """What is known of some messages."""

    labels: Counter[str]
    tokens: int
    truncated: int  # messages that have more tokens than are read


def tokenized(number: int, messages: Blocks, settings: Vectorize, begins: list[bytes], folder: Path) -> Counts:
    """Tokenize a block of messages.tsv. Leaves the distinct tokens, and the places of all in their alphabetical order.

    `begins` says with which tokens the ranges of the alphabet begin. Then come the messages' lengths and labels.
    """
    labels, texts = columns(messages.read(number).decode("utf-8"))
    part, label_codes = factorize(texts, partial(tokenize, tokenizer=settings.tokenizer)), new_codes()
    of_messages = encode(labels, label_codes)
    slices, places = ordered(part.words, part.codes, begins)
    names = lines(name.encode("utf-8") for name in label_codes)
    leave(folder / "tokens", number, [*slices, places, part.lengths, of_messages, names])
    truncated = int(np.sum(part.lengths > settings.max_sequence_length))
    return Counts(Counter(labels), len(part.codes), truncated)


def write(part: tuple[int, int, int], files: list[str], classes: list[str], ranges: int, folder: Path) -> None:
    """Write the ids of a block's tokens, and its labels. `part` is its number, and the rows and tokens before it."""
    number, row, token = part
    tokens = folder / "tokens"
    places, lengths, of_messages, names = (
        read(tokens, number, 2 * ranges + place, kind)
        for place, kind in enumerate((np.int32, np.int64, np.int64, np.uint8))
    )
    labels = np.searchsorted(classes, [name.decode("utf-8") for name in split(names)])[of_messages]
    rows = np.arange(row, row + len(lengths))
    ragged.write(files, row, token, ragged.Rows(ids(tokens, number, ranges)[places], offsets_of(lengths), labels, rows))


def vectorize(messages: Blocks, settings: Vectorize, directory: Path) -> tuple[Frequencies, list[Counts]]:
    """Write all files of the directory data/vectors. `messages` is messages.tsv.

    Ids go by falling count and then by token. Until all tokens are known, workers leave theirs in the directory.
    """
    sample, ranges = alphabet.sample(messages)
    begins = alphabet.bounds(tokenize(sample, settings.tokenizer), ranges)
    with shared(directory) as folder:
        work = partial(tokenized, messages=messages, settings=settings, begins=begins, folder=folder)
        parts = list(progress(map_ordered(work, range(messages.total)), total=messages.total, desc="tokenize"))
        frequencies = by_frequency(folder / "tokens", messages.total, ranges)
        labels = sum((part.labels for part in parts), Counter[str]())
        classes = class_names(labels)
        rows = offsets_of(np.array([part.labels.total() for part in parts], np.int64)).tolist()
        tokens = offsets_of(np.array([part.tokens for part in parts], np.int64)).tolist()
        with replacing(directory / "vocabulary.tsv") as file, ragged.writing(directory, rows[-1], tokens[-1]) as files:
            spell = partial(write_vocabulary, path=file.name, name=folder / "tokens", parts=len(parts), ranges=ranges)
            list(map_ordered(spell, range(ranges)))
            finish = partial(write, files=files, classes=classes, ranges=ranges, folder=folder)
            list(map_ordered(finish, zip(range(len(parts)), rows, tokens, strict=False)))
    write_counts(directory / "classes.tsv", sorted(labels.items()))
    return frequencies, parts


def summary(frequencies: Frequencies, parts: list[Counts], settings: Vectorize) -> dict[str, float]:
    """Return the metrics. Words are counted in whole messages, before any is truncated."""
    frequent = frequencies.counts > settings.min_word_frequency
    return {
        "vocabulary_size": int(frequencies.strings[frequent].sum()) + 1,  # and the unknown word
        "distinct_tokens": int(frequencies.strings.sum()),
        "tokens": sum(part.tokens for part in parts),
        "truncated_share": sum(part.truncated for part in parts) / sum(part.labels.total() for part in parts),
    }


def main() -> None:
    """Run the stage."""
    settings = params.load("vectorize", Vectorize)
    frequencies, parts = vectorize(Blocks.of(paths.MESSAGES), settings, paths.VECTORS)
    write_metrics(paths.METRICS / "vectorize.json", summary(frequencies, parts, settings))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
