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
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import ragged
from textrnn.artifacts.messages import class_names, columns
from textrnn.core import params, paths
from textrnn.core.errors import run
from textrnn.core.files import BLOCK, HEADER, blocks, opened, replacing, write_array, write_header, write_metrics
from textrnn.core.progress import progress
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Factorized, encode, factorize, new_codes
from textrnn.text.settings import Vectorize
from textrnn.text.vocabulary import Tokenizer, ranked, tokenize, write_counts


class Vectors(NamedTuple):
    """What is known of messages whose token ids have been written."""

    offsets: NDArray[np.int64]
    labels: NDArray[np.int64]  # of each message, as an index into `classes`
    classes: list[str]  # in the order in which they first occur
    tokens: list[str]  # distinct: a token's index is its id
    counts: NDArray[np.int64]  # of each token


def tokenized(block: bytes, tokenizer: Tokenizer) -> tuple[list[str], Factorized]:
    """Return the labels and the tokens of some lines of messages.tsv."""
    labels, texts = columns(block.decode("utf-8"))
    return labels, factorize(texts, partial(tokenize, tokenizer=tokenizer))


def vectorize(lines: Iterable[bytes], tokenizer: Tokenizer, file: IO[bytes]) -> Vectors:
    """Write the tokens of messages as an array of ids, int32. `lines` are those of messages.tsv, some at a time.

    Ids go by falling count and then by token, which is known only at the end. Until then the file holds codes, numbered
    in the order in which the tokens first occur.
    """
    token_codes, label_codes = new_codes(), new_codes()
    counts = np.zeros(0, np.int64)
    labels, lengths = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    file.write(bytes(HEADER))
    with progress(desc="tokenize", unit="message") as bar:
        for names, part in map_ordered(partial(tokenized, tokenizer=tokenizer), lines):
            codes = encode(part.words, token_codes)
            counts = np.pad(counts, (0, len(token_codes) - len(counts)))
            counts[codes] += np.bincount(part.codes, minlength=len(codes))
            file.write(codes.astype("<i4")[part.codes].tobytes())
            labels.append(encode(names, label_codes))
            lengths.append(part.lengths)
            bar.update(len(names))
    offsets = ragged.offsets_of(np.concatenate(lengths))
    tokens = [token for token, _ in ranked(Counter(dict(zip(token_codes, counts.tolist(), strict=True))))]
    order = encode(tokens, token_codes)
    replace_codes(file, order)
    file.seek(0)
    write_header(file, np.int32, int(offsets[-1]))
    return Vectors(offsets, np.concatenate(labels), list(label_codes), tokens, counts[order])


def replace_codes(file: IO[bytes], order: NDArray[np.int64]) -> None:
    """Replace each code in the file by the token's id: the code's index in `order`."""
    ids = np.empty(len(order), "<i4")
    ids[order] = np.arange(len(order))
    at = HEADER
    file.seek(at)
    while block := file.read(4 * BLOCK):  # four bytes each
        file.seek(at)
        at += file.write(ids[np.frombuffer(block, "<i4")].tobytes())
        file.seek(at)


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
