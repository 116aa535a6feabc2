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
from textrnn.partitions.alphabet import by_frequency, ids, ordered, write_vocabulary
from textrnn.partitions.exchange import leave, packed, shared, unpacked
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import encode, factorize, new_codes
from textrnn.text.settings import Vectorize
from textrnn.text.vocabulary import tokenize, write_counts


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
    more = packed(places, part.lengths, of_messages, list(label_codes))
    leave(folder / "tokens", number, [*slices, more])
    truncated = int(np.sum(part.lengths > settings.max_sequence_length))
    return Counts(Counter(labels), len(part.codes), truncated)


def write(part: tuple[int, list[int]], files: list[str], classes: list[str], ranges: int, folder: Path) -> None:
    """Write the ids of a block's tokens, and its labels. `part` is its number, and the rows and tokens before it."""
    number, (row, token) = part
    tokens = folder / "tokens"
    places, lengths, of_messages, names = unpacked(tokens, number, 2 * ranges)
    labels = np.searchsorted(classes, names)[of_messages]
    rows = np.arange(row, row + len(lengths))
    ragged.write(files, row, token, ragged.Rows(ids(tokens, number, ranges)[places], offsets_of(lengths), labels, rows))


def vectorize(messages: Blocks, settings: Vectorize, directory: Path) -> dict[str, float]:
    """Write all files of the directory data/vectors, and return the metrics. `messages` is messages.tsv.

    Ids go by falling count and then by token. Until all tokens are known, workers leave theirs in the directory. Words
    are counted in whole messages, before any is truncated.
    """
    sample, ranges = alphabet.sample(messages)
    begins = alphabet.bounds(tokenize(sample, settings.tokenizer), ranges)
    labels, sizes, truncated = Counter[str](), [(0, 0)], 0
    with shared(directory) as folder:
        work = partial(tokenized, messages=messages, settings=settings, begins=begins, folder=folder)
        for part in progress(map_ordered(work, range(messages.total)), total=messages.total, desc="tokenize"):
            labels.update(part.labels)
            sizes.append((part.labels.total(), part.tokens))
            truncated += part.truncated
        counts, strings, _ = by_frequency(folder / "tokens", messages.total, ranges)
        classes = class_names(labels)
        before = np.cumsum(sizes, axis=0).tolist()
        with replacing(directory / "vocabulary.tsv") as file, ragged.writing(directory, *before[-1]) as files:
            spell = partial(
                write_vocabulary, path=file.name, name=folder / "tokens", parts=messages.total, ranges=ranges
            )
            list(map_ordered(spell, range(ranges)))
            finish = partial(write, files=files, classes=classes, ranges=ranges, folder=folder)
            list(map_ordered(finish, enumerate(before[:-1])))
    write_counts(directory / "classes.tsv", sorted(labels.items()))
    return {
        "vocabulary_size": int(strings[counts > settings.min_word_frequency].sum()) + 1,  # and the unknown word
        "distinct_tokens": int(strings.sum()),
        "tokens": before[-1][1],
        "truncated_share": truncated / before[-1][0],
    }


def main() -> None:
    """Run the stage."""
    settings = params.load("vectorize", Vectorize)  # before any file is looked at
    metrics = vectorize(Blocks.of(paths.MESSAGES), settings, paths.VECTORS)
    write_metrics(paths.METRICS / "vectorize.json", metrics)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
