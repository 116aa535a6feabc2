"""Rows dealt into folds: what stays together, how alike the folds are, and what decides."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from textrnn.training.folds import folds

SEEDS = range(5)
Groups = list[tuple[int, int, int]]  # the number, the size and the label of each
GROUPS = st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(1, 8), st.integers(0, 2)), min_size=1,
                  max_size=20, unique_by=lambda group: group[0])  # fmt: skip
COUNTS = st.integers(2, 6)
DRAWN = st.integers(0, 2**31 - 1)


def dealt(groups: list[int], labels: list[int], count: int, seed: int = 0) -> list[int]:
    """Return the fold of each row."""
    found = folds(np.array(groups, np.int64), np.array(labels, np.int8), count, seed)
    assert found.dtype == np.int64
    return list(found.tolist())


def rows_of(groups: Groups) -> tuple[list[int], list[int]]:
    """Return the group and the label of each row."""
    rows = [(name, label) for name, size, label in groups for _ in range(size)]
    return [name for name, _ in rows], [label for _, label in rows]


@settings(max_examples=60)
@given(GROUPS, COUNTS, DRAWN)
@example([(row, 1, row % 3) for row in range(60)], 4, 0)
def test_groups_stay_whole_and_no_label_is_further_apart_between_folds_than_its_largest_group(
    groups: Groups, count: int, seed: int
) -> None:
    names, labels = rows_of(groups)
    found = dealt(names, labels, count, seed)
    assert len(found) == len(names)
    assert set(found) <= set(range(count))
    assert len(set(zip(names, found, strict=True))) == len(groups)
    for label in set(labels):
        counts = Counter(fold for fold, one in zip(found, labels, strict=True) if one == label)
        sizes = [counts[fold] for fold in range(count)]
        assert max(sizes) - min(sizes) <= max(size for _, size, one in groups if one == label)


@settings(max_examples=60)
@given(GROUPS, COUNTS, DRAWN, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_rows_nor_the_numbers_of_the_groups_matter_but_their_order(
    groups: Groups, count: int, seed: int, random: Random
) -> None:
    names, labels = rows_of(groups)
    found = dealt(names, labels, count, seed)
    order = list(range(len(names)))
    random.shuffle(order)
    ranks = {name: rank for rank, name in enumerate(sorted(set(names)))}
    moved = dealt([ranks[names[row]] for row in order], [labels[row] for row in order], count, seed)
    assert moved == [found[row] for row in order]


def test_each_seed_gives_its_own_folds_and_mixes_groups_that_follow_each_other() -> None:
    groups, labels = list(range(40)), [0] * 40
    found = [tuple(dealt(groups, labels, 4, seed)) for seed in SEEDS]
    assert found == [tuple(dealt(groups, labels, 4, seed)) for seed in SEEDS]
    in_turn, in_blocks = tuple(row % 4 for row in groups), tuple(row // 10 for row in groups)
    assert len({*found, in_turn, in_blocks}) == len(SEEDS) + 2


@pytest.mark.parametrize("seed", SEEDS)
def test_the_largest_groups_are_dealt_first_and_the_small_ones_make_up_for_them(seed: int) -> None:
    found = dealt([7] * 10 + list(range(10, 16)), [0] * 16, 4, seed)
    assert found[0] not in found[10:], "a group larger than a fold has one to itself"
    assert sorted(Counter(found).values()) == [2, 2, 2, 10]
    for sizes in ([1, 1, 2], [1, 1, 1, 3], [1, 1, 1, 2, 3]):
        groups = [name for name, size in enumerate(sizes) for _ in range(size)]
        assert sorted(Counter(dealt(groups, [1] * len(groups), 2, seed)).values()) == [sum(sizes) // 2] * 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mixed_group_counts_for_its_commonest_label(seed: int) -> None:
    found = dealt([0, 0, 0, 1, 2, 3], [1, 0, 1, 1, 1, 1], 2, seed)
    assert found[0] not in found[3:]
