"""Rows of unequal length to padded batches, rows of like length together."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from textrnn.ragged import Rows

POOL = 16  # batches' worth of rows which are sorted by length together: more saves padding, less mixes better

Batch = Mapping[str, NDArray[np.int32]]


class Encoder:
    """Turns rows of corpus ids into what the network reads."""

    def __init__(
        self, words: NDArray[np.int32], subwords: NDArray[np.int32] | None, longest: int, masking: bool
    ) -> None:
        """Take tables with a row for each corpus id: its word id, and its subword features if any."""
        self.words, self.subwords, self.longest, self.masking = words, subwords, longest, masking

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """Return how many time steps of each row the network reads: at least one, at most `longest`."""
        if not self.masking:
            return np.full(len(rows.rows), self.longest)
        return np.clip(np.diff(rows.offsets), 1, self.longest)

    def batch(self, rows: Rows, chosen: NDArray[np.int64], lengths: NDArray[np.int64]) -> Batch:
        """Return the chosen rows: words (batch, time), subwords (batch, time, features), lengths, labels."""
        time = int(lengths[chosen].max())
        ids = np.full((len(chosen), time), -1, np.int64)
        for place, row in zip(ids, chosen, strict=True):
            tokens = rows.tokens[rows.offsets[row] : rows.offsets[row + 1]][:time]
            place[: len(tokens)] = tokens
        batch = {
            "words": np.where(ids < 0, 0, self.words[ids]),
            "lengths": lengths[chosen].astype(np.int32),
            "labels": rows.labels[chosen].astype(np.int32),
        }
        if self.subwords is not None:
            batch["subwords"] = np.where(ids[..., None] < 0, 0, self.subwords[ids])
        return batch


def shuffled(lengths: NDArray[np.int64], size: int, seed: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Return the rows of each batch of one epoch, in an order which `seed` alone decides."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        batches += cut(pool[np.argsort(lengths[pool], kind="stable")], size)
    return [batches[i] for i in random.permutation(len(batches))]


def cut(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Return `order` in pieces of `size`, the last one perhaps shorter."""
    return [order[start : start + size] for start in range(0, len(order), size)]


def by_length(lengths: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows in batches of `size`, the shortest rows first: for prediction."""
    yield from cut(np.argsort(lengths, kind="stable"), size)
