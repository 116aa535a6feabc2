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
from collections.abc import Iterable
from functools import partial
from itertools import chain
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import ragged
from textrnn.artifacts.messages import class_names, columns
from textrnn.core import params, paths
from textrnn.core.errors import run
from textrnn.core.files import blocks, opened, replacing, write_array, write_header, write_metrics
from textrnn.core.progress import progress
from textrnn.partitions.alphabet import RANGES, bounds, by_range, counted, joined, numbers_in, places_of, strings_in
from textrnn.partitions.exchange import Left, Slice, kept, leave, read, shared, slices_of
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import encode, factorize, new_codes
from textrnn.text.vocabulary import Tokenizer, Vectorize, tokenize, write_counts

COUNTS, PLACES = RANGES, RANGES + 1  # of the slices that are left of the tokens of some messages
SAMPLE = 1 << 13  # bytes of messages by whose tokens the alphabet is divided


class Vectors(NamedTuple):
    """What is known of messages whose token ids have been written."""

    offsets: NDArray[np.int64]
    labels: NDArray[np.int64]  # of each message, as an index into `classes`
    classes: list[str]  # in the order in which they first occur
    tokens: list[str]  # distinct: a token's index is its id
    counts: NDArray[np.int64]  # of each token


class Part(NamedTuple):
    """What is known of some messages, whose tokens are left for `ids`."""

    labels: list[str]  # distinct
    of_messages: NDArray[np.int64]  # the label of each, as an index into these
    lengths: NDArray[np.int64]  # of each message, in tokens
    left: Left


def tokenized(block: bytes, tokenizer: Tokenizer, begins: list[bytes], folder: str) -> Part:
    """Tokenize some lines of messages.tsv. Leaves the distinct tokens by ranges, their COUNTS, and all by their PLACES.

    `begins` says with which tokens the ranges of the alphabet begin.
    """
    labels, texts = columns(block.decode("utf-8"))
    part, label_codes = factorize(texts, partial(tokenize, tokenizer=tokenizer)), new_codes()
    of_messages = encode(labels, label_codes)
    order = np.array(sorted(range(len(part.words)), key=part.words.__getitem__), np.int64)
    counts = np.bincount(part.codes, minlength=len(order))[order]
    tokens = by_range([part.words[code] for code in order.tolist()], begins)
    left = leave(folder, [*tokens, counts, places_of(order)[part.codes]])
    return Part(list(label_codes), of_messages, part.lengths, left)


def ids(part: tuple[Slice, list[Slice]], starts: NDArray[np.int64], known: Slice, folder: str) -> Left:
    """Leave the ids of a part's tokens: of their places, and of the numbers of these. The file has the numbers' ids."""
    places, numbers = part
    return leave(folder, [kept(known, np.int32)[numbers_in(numbers, starts)][read(places, np.int32)]])


def vectorize(lines: Iterable[bytes], tokenizer: Tokenizer, file: IO[bytes]) -> Vectors:
    """Write the tokens of messages as an array of ids, int32. `lines` are those of messages.tsv, some at a time.

    Ids go by falling count and then by token. Until all tokens are known, workers leave theirs in data/vectors.
    """
    lines, label_codes = iter(lines), new_codes()
    block = next(lines, b"")
    sample = tokenize(block[:SAMPLE].decode("utf-8", "ignore"), tokenizer)
    begins = bounds(sorted(set(sample)), RANGES)
    labels, lengths, files = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], list[Left]()
    with shared(paths.VECTORS) as folder:
        with progress(desc="tokenize", unit="message") as bar:
            work = partial(tokenized, tokenizer=tokenizer, begins=begins, folder=folder)
            for part in map_ordered(work, chain([block], lines)):
                labels.append(encode(part.labels, label_codes)[part.of_messages])
                lengths.append(part.lengths)
                files.append(part.left)
                bar.update(len(part.lengths))
        found = joined(files, range(RANGES), folder)
        counts = counted(files, COUNTS, found)
        order = np.argsort(-counts, kind="stable")
        (known,) = slices_of([leave(folder, [places_of(order)])], 0)
        names = [name for one in slices_of(found.files, len(files)) for name in strings_in(one)]
        offsets = ragged.offsets_of(np.concatenate(lengths))
        write_header(file, np.int32, int(offsets[-1]))
        parts = ((one, slices_of(found.files, index)) for index, one in enumerate(slices_of(files, PLACES)))
        for left in map_ordered(partial(ids, starts=found.starts, known=known, folder=folder), parts):
            file.write(read(slices_of([left], 0)[0], np.int32).tobytes())
    tokens = [names[number].decode("utf-8") for number in order.tolist()]
    return Vectors(offsets, np.concatenate(labels), list(label_codes), tokens, counts[order])


def summary(vectors: Vectors, settings: Vectorize) -> dict[str, float]:
    """Return the metrics. Words are counted in whole messages, before any is truncated."""
    return {
        "vocabulary_size": int(np.sum(vectors.counts > settings.min_word_frequency)) + 1,  # and the unknown word
        "distinct_tokens": len(vectors.tokens),
        "tokens": int(vectors.offsets[-1]),
        "truncated_share": float(np.mean(np.diff(vectors.offsets) > settings.max_sequence_length)),
    }


def main() -> None:
    """Run the stage."""
    settings = params.load("vectorize", Vectorize)
    with opened(paths.MESSAGES) as messages, replacing(paths.VECTORS / "tokens.npy") as file:
        vectors = vectorize(blocks(messages), settings.tokenizer, file)
        labels = Counter(dict(zip(vectors.classes, np.bincount(vectors.labels).tolist(), strict=True)))
        names = class_names(labels)
    label_ids = np.searchsorted(names, vectors.classes).astype(np.int16)
    write_array(paths.VECTORS / "offsets.npy", vectors.offsets)
    write_array(paths.VECTORS / "labels.npy", label_ids[vectors.labels])
    write_array(paths.VECTORS / "rows.npy", np.arange(len(vectors.labels), dtype=np.int64))
    write_counts(paths.VECTORS / "vocabulary.tsv", zip(vectors.tokens, vectors.counts.tolist(), strict=True))
    write_counts(paths.VECTORS / "classes.tsv", sorted(labels.items()))
    write_metrics(paths.METRICS / "vectorize.json", summary(vectors, settings))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
