"""Rows dealt out: whole groups into folds, and rows of like length into padded batches."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.messages import commonest
from textrnn.artifacts.ragged import FEW, Rows, gathered
from textrnn.text.subwords import Features, padded

POOL = 16  # batches' worth of rows that are sorted by length together: more saves padding, less mixes better

PADDING = -1  # stands for no token among a batch's corpus ids

Batch = Mapping[str, NDArray[np.int32]]


class InputDropout(NamedTuple):
    """The shares of tokens, of known words and of subwords that training leaves out of rows at random."""

    token: float = 0
    word: float = 0
    subword: float = 0


class Collator:
    """Turns rows of corpus ids into the batches that the network reads."""

    def __init__(self, words: NDArray[np.int32], subwords: Features | None, longest: int, masking: bool) -> None:
        """Take tables with a row for each corpus id: its word id, and its subword features if any."""
        self.words, self.longest, self.masking = words, longest, masking
        # A row after the last, of no features, for the padding.
        self.subwords = subwords and Features(subwords.flat, np.append(subwords.offsets, subwords.offsets[-1]))

    def knowing(self, words: NDArray[np.int32]) -> "Collator":
        """Return the same collator with other word ids."""
        other = copy(self)
        other.words = words
        return other

    def lengths(self, rows: Rows) -> NDArray[np.int16]:
        """Return how many time steps of each row the network reads: at least one, at most `longest`."""
        lengths = np.full(len(rows.labels), self.longest, np.int16)
        for start in range(0, len(lengths) if self.masking else 0, FEW):
            offsets = rows.offsets[start : start + FEW + 1]
            lengths[start : start + FEW] = np.clip(np.diff(offsets), 1, self.longest)
        return lengths

    def batch(
        self,
        rows: Rows,
        chosen: NDArray[np.integer],
        lengths: NDArray[np.integer],
        dropout: InputDropout | None = None,
        random: np.random.Generator | None = None,
    ) -> Batch:
        """Return the chosen rows: words and places (batch, time), lengths, labels, and subwords (tokens, features).

        The subwords are those of the batch's distinct tokens; `places` says which token stands where. With
        `dropout`, `random` decides what is left out.
        """
        time = int(lengths[chosen].max())
        ids = np.full((len(chosen), time), PADDING, np.int64)
        for place, row in zip(ids, chosen, strict=True):
            tokens = rows.tokens[rows.offsets[row] : rows.offsets[row + 1]][:time]
            place[: len(tokens)] = tokens
        steps = lengths[chosen]
        if dropout and random and dropout.token:
            ids = without_some(ids, dropout.token, random)
            steps = np.maximum(1, (ids != PADDING).sum(axis=1)) if self.masking else steps
        words = np.where(ids == PADDING, 0, self.words[ids])
        if dropout and random and dropout.word:
            words[random.random(words.shape) < dropout.word] = 0
        labels = rows.labels[chosen].astype(np.int32)
        batch = {"words": words, "lengths": steps.astype(np.int32), "labels": labels}
        if self.subwords is not None:
            # In the order in which they first stand in the batch, and no wider than they need: another numbering or a
            # longer token elsewhere in the corpus must change neither the dropout nor the order of any sum.
            distinct, first, places = np.unique(ids, return_index=True, return_inverse=True)
            order = np.argsort(first)
            places = np.argsort(order)[places]
            flat, starts = gathered(*self.subwords, distinct[order] % (len(self.subwords.offsets) - 1))
            subwords = padded(flat, np.diff(starts), 1)
            if dropout and random and dropout.subword:
                subwords[random.random(subwords.shape) < dropout.subword] = 0
            batch |= {"subwords": subwords, "places": places.reshape(ids.shape).astype(np.int32)}
        return batch


def without_some(ids: NDArray[np.int64], share: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows of `ids` (batch, time) without a share of their tokens; a row that would lose all keeps all."""
    kept = (random.random(ids.shape) >= share) & (ids != PADDING)
    kept |= ~kept.any(axis=1, keepdims=True) & (ids != PADDING)
    order = np.argsort(~kept, axis=1, kind="stable")
    moved: NDArray[np.int64] = np.take_along_axis(np.where(kept, ids, PADDING), order, axis=1)
    return moved


def shuffled(lengths: NDArray[np.integer], size: int, seed: tuple[int, ...]) -> Iterator[NDArray[np.int32]]:
    """Yield the rows of each batch of one epoch, in an order that `seed` alone decides: four bytes a row."""
    random, order = np.random.default_rng(seed), np.arange(len(lengths), dtype=np.int32)
    random.shuffle(order)
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        pool[:] = pool[np.argsort(lengths[pool], kind="stable")]
    for number in random.permutation(ceil(len(order) / size)):
        yield order[number * size : (number + 1) * size]


def folds(groups: NDArray[np.int64], labels: NDArray[np.int16], count: int, seed: int) -> NDArray[np.int64]:
    """Return the fold, 0 … count - 1, of each row.

    The largest groups are dealt first, those of one size in an order that the seed decides. Each group goes whole to
    the fold with the fewest rows dealt for the group's commonest label. Only the order of the groups' numbers matters.
    """
    names, members = np.unique(groups, return_inverse=True)
    sizes = np.bincount(members, minlength=len(names))
    strata = commonest(members, labels, len(names)).tolist()
    order = np.random.default_rng(seed).permutation(len(names))
    rows_of = np.split(np.argsort(members, kind="stable"), np.cumsum(sizes)[:-1])
    filled: dict[int, NDArray[np.int64]] = {}
    result = np.zeros(len(groups), np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        rows = rows_of[group]
        sums = filled.setdefault(strata[group], np.zeros(count, np.int64))
        fold = int(sums.argmin())
        sums[fold] += len(rows)
        result[rows] = fold
    return result


def out_of_fold(parts: Sequence[NDArray[np.float64]], fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the rows of each fold's part, in the order of all rows."""
    result = np.zeros((len(fold), parts[0].shape[1]))
    for number, part in enumerate(parts):
        result[fold == number] = part
    return result
