"""Rows which are likely mislabelled, found in hand-made probabilities."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from textrnn.evaluation.label_errors import suspects

Rows = list[tuple[int, list[float]]]


def found(rows: Rows) -> list[int]:
    """Return the suspects among rows of a label and its probabilities in sixteenths, which no sum rounds."""
    numbers = suspects(np.array([row[0] for row in rows], np.int8), np.array([row[1] for row in rows]) / 16)
    return [int(number) for number in numbers]


TWO: Rows = [(0, [14, 2]), (0, [12, 4]), (0, [4, 12]), (1, [2, 14]), (1, [10, 6])]  # usual: 10 for 0, 10 for 1


def test_a_row_that_reaches_the_usual_probability_of_another_label_is_suspect_the_least_likely_first() -> None:
    assert found(TWO) == [2, 4]
    assert found(TWO[::-1]) == [2, 0]


def test_a_row_that_falls_short_of_the_usual_probability_of_another_label_is_not() -> None:
    assert found([*TWO[:4], (1, [9.9, 6.1])]) == [2]


def test_of_three_labels_the_likeliest_of_those_reached_counts() -> None:
    rows: Rows = [  # usual: 7 for 0, 10 for 1, 20 / 3 for 2
        (0, [12, 2, 2]),
        (1, [4, 10, 2]),
        (2, [2, 6, 8]),
        (0, [2, 4, 10]),
        (2, [8, 4, 4]),
        (2, [7, 1, 8]),  # reaches 0 and its own label, which is likelier
        (0, [7, 1, 8]),  # reaches its own label and 2, which is likelier
    ]
    assert found(rows) == [3, 4, 6]


def test_equally_unlikely_rows_stand_in_the_order_of_the_data() -> None:
    assert found([(0, [4, 12]), (1, [4, 12]), (0, [4, 12]), (0, [14, 2]), (0, [2, 14])]) == [4, 0, 2]


def test_no_row_is_held_for_a_label_that_no_row_bears() -> None:
    assert found([(0, [2, 3, 11]), (0, [3, 2, 11]), (1, [2, 4, 10])]) == []
    assert found([(0, [14, 0, 2]), (2, [14, 0, 2])]) == [1]


def test_nothing_is_suspect_where_every_row_is_likeliest_under_its_own_label() -> None:
    assert found([(0, [9, 7]), (0, [15, 1]), (1, [1, 15]), (1, [7, 9])]) == []
    assert found([(0, [8, 6, 2]), (0, [14, 1, 1]), (1, [5, 6, 5]), (2, [1, 1, 14])]) == []


@pytest.mark.parametrize("classes", [2, 3, 4])
@given(
    rows=st.lists(st.tuples(st.integers(0, 11), st.lists(st.integers(0, 9), min_size=4, max_size=4)), max_size=12),
)
def test_no_row_is_suspect_which_is_likeliest_under_its_own_label(
    rows: list[tuple[int, list[int]]], classes: int
) -> None:
    shares = np.array([row[1][:classes] for row in rows], float).reshape(-1, classes) + 0.5
    probabilities: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    labels = np.array([row[0] % classes for row in rows], np.int8)
    own = np.arange(classes) == labels[:, None]
    sure = probabilities[own] > np.where(own, 0, probabilities).max(axis=1, initial=0)
    assert not sure[suspects(labels, probabilities)].any()


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 100)), min_size=1, max_size=12))
def test_the_names_of_the_labels_decide_nothing(rows: list[tuple[int, int]]) -> None:
    labels, spam = np.array([row[0] for row in rows], np.int8), np.array([row[1] / 100 for row in rows])
    assume((spam != 0.5).all())
    probabilities = np.stack([1 - spam, spam], axis=1)
    assert suspects(1 - labels, probabilities[:, ::-1]).tolist() == suspects(labels, probabilities).tolist()
