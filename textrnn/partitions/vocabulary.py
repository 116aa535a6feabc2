"""The words of a corpus joined by workers: a word is in the bucket of its hash, and each bucket is one worker's.

No word is empty or holds white space.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from textrnn.partitions.exchange import Left, Slice, leave, read, slices_of
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import encode, new_codes

BUCKETS = 16
SLICES = 2 * BUCKETS  # that the words of a part take


def by_bucket(words: Sequence[str], counts: NDArray[np.int64]) -> tuple[list[NDArray[np.generic]], NDArray[np.int64]]:
    """Return the SLICES of the distinct words of a part and of their counts, and the place of each word in them."""
    encoded = [word.encode("utf-8") for word in words]
    buckets = np.fromiter(map(crc32, encoded), np.int64, len(encoded)) % BUCKETS
    order = np.argsort(buckets, kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    ends = np.searchsorted(buckets[order], np.arange(BUCKETS + 1)).tolist()
    chosen = [order[start:end] for start, end in pairwise(ends)]
    texts = [np.frombuffer(b" ".join([encoded[place] for place in some.tolist()]), np.uint8) for some in chosen]
    return [*texts, *(counts[some] for some in chosen)], places


def joined(parts: Sequence[Left], folder: Path) -> list[Left]:
    """Join the words of the parts, each of which has left SLICES first. Returns a file for each bucket.

    A file has the codes of each part's words, and at last the distinct words and their counts, in the order of their
    codes. A rarer word of a bucket has a lower code.
    """
    items = ((bucket, slices_of(parts, bucket), slices_of(parts, BUCKETS + bucket)) for bucket in range(BUCKETS))
    return list(map_ordered(partial(numbered, folder=folder), items))


def numbered(item: tuple[int, list[Slice], list[Slice]], folder: Path) -> Left:
    """Join the words of one bucket."""
    bucket, of_words, of_counts = item
    codes = new_codes()
    found = [encode(words_in(one), codes) for one in of_words]
    none = np.zeros(0, np.int64)
    weights = np.concatenate([none, *(read(one, np.int64) for one in of_counts)])
    counts = np.bincount(np.concatenate([none, *found]), weights, len(codes))
    order = np.argsort(counts, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    words = list(codes)
    text = " ".join([words[code] for code in order.tolist()]).encode("utf-8")
    of_parts = ((ranks[some] * BUCKETS + bucket).astype(np.int32) for some in found)
    return leave(folder, chain(of_parts, [np.frombuffer(text, np.uint8), counts[order].astype(np.int64)]))


def words_in(some: Slice) -> list[str]:
    """Read a slice of words."""
    return read(some, np.uint8).tobytes().decode("utf-8").split()


def codes_of(some: Sequence[Slice]) -> NDArray[np.int64]:
    """Read the codes of a part's words, by their places, from its slices in the files of all buckets."""
    return np.concatenate([read(one, np.int32) for one in some]).astype(np.int64)


def distinct_words(files: Sequence[Left]) -> Iterator[tuple[list[str], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the distinct words of each bucket, their codes and their counts."""
    for bucket, file in enumerate(files):
        words, counts = (slices_of([file], len(file.ends) + back)[0] for back in (-3, -2))
        of_words = words_in(words)
        yield of_words, np.arange(len(of_words)) * BUCKETS + bucket, read(counts, np.int64)
