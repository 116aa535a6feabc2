"""Rows dealt out: whole groups into folds, and rows of like length into padded batches."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.messages import commonest
from textrnn.artifacts.ragged import Rows, cut

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

    def __init__(
        self, words: NDArray[np.int32], subwords: NDArray[np.int32] | None, longest: int, masking: bool
    ) -> None:
        """Take tables with a row for each corpus id: its word id, and its subword features if any."""
        self.words, self.longest, self.masking = words, longest, masking
        # A row before the first, of no features, for the padding.
        self.subwords = None if subwords is None else np.vstack([np.zeros_like(subwords[:1]), subwords])

    def knowing(self, words: NDArray[np.int32]) -> "Collator":
        """Return the same collator with other word ids."""
        other = copy(self)
        other.words = words
        return other

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """Return how many time steps of each row the network reads: at least one, at most `longest`."""
        if not self.masking:
            return np.full(len(rows.rows), self.longest)
        return np.clip(np.diff(rows.offsets), 1, self.longest)

    def batch(
        self,
        rows: Rows,
        chosen: NDArray[np.int64],
        lengths: NDArray[np.int64],
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
            subwords = self.subwords[distinct[order] + 1]
            subwords = subwords[:, : max(1, int((subwords > 0).sum(axis=1).max()))]
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


def shuffled(lengths: NDArray[np.int64], size: int, seed: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Return the rows of each batch of one epoch, in an order that `seed` alone decides."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        batches += cut(pool[np.argsort(lengths[pool], kind="stable")], size)
    return [batches[i] for i in random.permutation(len(batches))]


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
