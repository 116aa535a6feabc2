"""Rows dealt into folds: what stays together, how alike the folds are, and what decides."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from textrnn.training.folds import commonest, folds

SEEDS = range(3)


def dealt(groups: list[int], labels: list[int], count: int, seed: int = 0) -> list[int]:
    found: list[int] = folds(np.array(groups, np.int64), np.array(labels, np.int8), count, seed).tolist()
    return found


def counted(found: list[int], labels: list[int], label: int, count: int) -> list[int]:
    """Return how many rows of a label each fold has."""
    counts = Counter(fold for fold, one in zip(found, labels, strict=True) if one == label)
    return [counts[fold] for fold in range(count)]


rows = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 2)), min_size=1, max_size=40)
counts = st.integers(2, 6)
seeds = st.integers(0, 2**31 - 1)


@given(rows, counts, seeds)
def test_every_row_has_one_fold_and_a_group_is_never_parted(rows: list[tuple[int, int]], count: int, seed: int) -> None:
    groups, labels = (list(column) for column in zip(*rows, strict=True))
    found = dealt(groups, labels, count, seed)
    assert len(found) == len(rows)
    assert set(found) <= set(range(count))
    assert len(set(zip(groups, found, strict=True))) == len(set(groups))


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), counts, seeds)
def test_of_rows_alone_each_label_is_shared_out_evenly(labels: list[int], count: int, seed: int) -> None:
    found = dealt(list(range(len(labels))), labels, count, seed)
    for label in set(labels):
        held = counted(found, labels, label, count)
        assert max(held) - min(held) <= 1


@given(rows, counts, seeds, st.data())
def test_only_the_order_of_the_groups_numbers_matters(
    rows: list[tuple[int, int]], count: int, seed: int, data: st.DataObject
) -> None:
    groups, labels = (list(column) for column in zip(*rows, strict=True))
    names = sorted(set(groups))
    others = data.draw(st.sets(st.integers(-(2**40), 2**40), min_size=len(names), max_size=len(names)))
    renamed = dict(zip(names, sorted(others), strict=True))
    assert dealt([renamed[group] for group in groups], labels, count, seed) == dealt(groups, labels, count, seed)


def test_the_same_seed_gives_the_same_folds_and_another_seed_others() -> None:
    groups, labels = list(range(40)), [row % 2 for row in range(40)]
    assert dealt(groups, labels, 4, seed=3) == dealt(groups, labels, 4, seed=3)
    assert len({tuple(dealt(groups, labels, 4, seed)) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_group_larger_than_a_fold_stays_whole_and_the_others_fill_the_other_folds(seed: int) -> None:
    found = dealt([7] * 10 + list(range(10, 16)), [0] * 16, 4, seed)
    assert len(set(found[:10])) == 1
    assert found[0] not in found[10:]
    assert sorted(Counter(found).values()) == [2, 2, 2, 10]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sizes", [[1, 1, 2], [1, 1, 1, 3], [1, 1, 1, 2, 3]])
def test_the_largest_groups_are_dealt_first_and_the_small_ones_make_up_for_them(sizes: list[int], seed: int) -> None:
    groups = [name for name, size in enumerate(sizes) for _ in range(size)]
    assert sorted(Counter(dealt(groups, [1] * len(groups), 2, seed)).values()) == [sum(sizes) // 2] * 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mixed_group_counts_for_its_commonest_label(seed: int) -> None:
    found = dealt([0, 0, 0, 1, 2, 3], [1, 0, 1, 1, 1, 1], 2, seed)
    assert {found[0]} & set(found[3:]) == set()


@pytest.mark.parametrize(("labels", "expected"), [([2], 2), ([0, 1, 1], 1), ([2, 1, 2, 1], 1), ([1, 0, 2, 2, 0], 0)])
def test_of_labels_as_common_as_each_other_the_smallest_is_the_commonest(labels: list[int], expected: int) -> None:
    array: NDArray[np.int8] = np.array(labels, np.int8)
    assert commonest(array) == expected
