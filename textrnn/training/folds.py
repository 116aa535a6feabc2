"""Rows dealt into folds: groups whole, each label in like shares."""

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.labels import commonest


def folds(groups: NDArray[np.int64], labels: NDArray[np.int8], count: int, seed: int) -> NDArray[np.int64]:
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
