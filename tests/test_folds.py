"""Rows dealt into folds: groups stay whole, and each label is shared out evenly."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.artifacts.messages import commonest
from textrnn.training.batches import folds

rows = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 2)), min_size=1, max_size=40)
counts = st.integers(2, 6)
seeds = st.integers(0, 2**31 - 1)


def deal(groups: list[int], labels: list[int], count: int, seed: int = 0) -> list[int]:
    found: list[int] = folds(np.array(groups, np.int64), np.array(labels, np.int16), count, seed).tolist()
    return found


@given(rows, counts, seeds, st.data(), st.randoms(use_true_random=False))
def test_a_group_stays_whole_whatever_its_number_and_the_order_of_the_rows(
    rows: list[tuple[int, int]], count: int, seed: int, data: st.DataObject, random: Random
) -> None:
    groups, labels = (list(column) for column in zip(*rows, strict=True))
    found = deal(groups, labels, count, seed)
    assert len(found) == len(rows)
    assert set(found) <= set(range(count))
    assert len(set(zip(groups, found, strict=True))) == len(set(groups))
    names = sorted(set(groups))
    others = data.draw(st.sets(st.integers(-(2**40), 2**40), min_size=len(names), max_size=len(names)))
    renamed = dict(zip(names, sorted(others), strict=True))
    order = random.sample(range(len(rows)), len(rows))
    moved = deal([renamed[groups[row]] for row in order], [labels[row] for row in order], count, seed)
    assert moved == [found[row] for row in order]


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 1)), min_size=1, max_size=20), counts, seeds)
def test_two_folds_differ_by_at_most_the_largest_group_of_a_label(
    groups: list[tuple[int, int]], count: int, seed: int
) -> None:
    names = [name for name, (size, _) in enumerate(groups) for _ in range(size)]
    labels = [label for size, label in groups for _ in range(size)]
    dealt = Counter(zip(deal(names, labels, count, seed), labels, strict=True))
    for label in set(labels):
        sizes = [dealt[fold, label] for fold in range(count)]
        assert max(sizes) - min(sizes) <= max(size for size, one in groups if one == label)


def test_the_seed_decides_the_folds() -> None:
    groups, labels = list(range(40)), [row % 2 for row in range(40)]
    assert deal(groups, labels, 4, seed=3) == deal(groups, labels, 4, seed=3)
    assert len({tuple(deal(groups, labels, 4, seed)) for seed in range(5)}) == 5
    found = deal(groups, [0] * 40, 4)
    assert found not in ([row % 4 for row in range(40)], sorted(found)), "neighbouring groups are mixed"


@pytest.mark.parametrize("seed", range(3))
def test_large_groups_are_dealt_first_small_ones_fill_up_and_a_mixed_one_counts_for_its_commonest_label(
    seed: int,
) -> None:
    assert sorted(Counter(deal([7] * 10 + list(range(10, 16)), [0] * 16, 4, seed)).values()) == [2, 2, 2, 10]
    assert sorted(Counter(deal([0, 1, 2, 3, 3, 4, 4, 4], [1] * 8, 2, seed)).values()) == [4, 4]
    found = deal([0, 0, 0, 1, 2, 3], [1, 0, 1, 1, 1, 1], 2, seed)
    assert found[0] not in found[3:]


def test_the_smallest_of_equally_common_labels_is_the_commonest() -> None:
    groups, labels = [0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3], [2, 0, 1, 1, 2, 1, 2, 1, 1, 0, 2, 2, 0]
    assert commonest(np.array(groups), np.array(labels, np.int16), 4).tolist() == [2, 1, 1, 0]
