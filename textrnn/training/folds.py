"""Rows dealt into folds: groups whole, each label in like shares."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def folds(groups: NDArray[np.int64], labels: NDArray[np.int8], count: int, seed: int) -> NDArray[np.int64]:
    """Return the fold, 0 … count - 1, of each row.

    A group goes whole to the fold which has the fewest rows of the group's commonest label; the largest groups
    first, those of one size in an order that the seed decides. Which numbers the groups bear does not
    matter, only how the numbers are ordered.
    """
    names, members = np.unique(groups, return_inverse=True)
    sizes = np.bincount(members, minlength=len(names))
    order = np.random.default_rng(seed).permutation(len(names))
    rows_of = np.split(np.argsort(members, kind="stable"), np.cumsum(sizes)[:-1])
    filled: dict[int, NDArray[np.int64]] = {}
    result = np.zeros(len(groups), np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        rows = rows_of[group]
        sums = filled.setdefault(commonest(labels[rows]), np.zeros(count, np.int64))
        fold = int(sums.argmin())
        sums[fold] += len(rows)
        result[rows] = fold
    return result


def commonest(labels: Iterable[np.int8]) -> int:
    """Return the commonest label, the smallest of those which tie."""
    counts = Counter(int(label) for label in labels)
    return min(counts, key=lambda label: (-counts[label], label))
