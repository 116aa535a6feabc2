"""The blend of network and linear branch, compared with scikit-learn's own probabilities; softmax and log loss."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from textrnn.model import stacking

Floats = NDArray[np.float64]


def invented(classes: int, others: int, rows: int = 300) -> tuple[Floats, Floats, NDArray[np.int8]]:
    """Return logits, further features and labels which both tell of, neither surely.

    The logits are multiples of an eighth, so that sums and differences of them are exact.
    """
    random = np.random.default_rng(classes + 10 * others)
    labels = random.integers(0, classes, rows).astype(np.int8)
    logits = np.eye(classes)[labels] * 2 + random.normal(0, 2, (rows, classes))
    beside = labels[:, None] * 0.5 + random.normal(0, 1, (rows, others))
    return np.round(8 * logits) / 8, beside, labels


KINDS = pytest.mark.parametrize(("classes", "others"), [(2, 0), (2, 3), (3, 5)])


@KINDS
def test_the_blend_answers_as_logistic_regression_on_the_differences_of_the_logits(classes: int, others: int) -> None:
    logits, beside, labels = invented(classes, others)
    differences = np.column_stack([logits[:, place] - logits[:, 0] for place in range(1, classes)])
    features = np.hstack([differences, beside])
    expected = LogisticRegression(C=100, tol=1e-8, max_iter=10_000).fit(features, labels).predict_proba(features)
    mixed = stacking.fit(logits, beside, labels)
    assert (mixed.kernel.shape, mixed.bias.shape) == ((classes + others, classes), (classes,))
    found = softmax(stacking.apply(mixed, logits, beside), axis=1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)
    assert np.ptp(found) > 0.9


@KINDS
def test_a_constant_added_to_all_logits_of_a_row_changes_nothing(classes: int, others: int) -> None:
    logits, beside, labels = invented(classes, others)
    moved = logits + np.random.default_rng(0).integers(-9, 10, (len(labels), 1))
    mixed = stacking.fit(logits, beside, labels)
    again = stacking.fit(moved, beside, labels)
    assert [array.tobytes() for array in again] == [array.tobytes() for array in mixed]
    np.testing.assert_allclose(
        stacking.apply(mixed, moved, beside), stacking.apply(mixed, logits, beside), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_the_weights_stay_finite_where_the_rows_are_separable(classes: int) -> None:
    labels = np.arange(60, dtype=np.int8) % classes
    mixed = stacking.fit(np.eye(classes)[labels], np.zeros((60, 0)), labels)
    assert np.abs(mixed.kernel).max() < 100
    assert softmax(stacking.apply(mixed, np.eye(classes), np.zeros((classes, 0))), axis=1).diagonal().min() > 0.98


def test_the_weights_are_rounded() -> None:
    mixed = stacking.fit(*invented(3, 2))
    for array in mixed:
        np.testing.assert_allclose(array, np.round(array, 4), rtol=0, atol=1e-12)
        assert np.abs(array - np.round(array, 3)).max() > 1e-5


@pytest.mark.parametrize(
    ("logits", "expected"),
    [([0.0, np.log(3)], [0.25, 0.75]), ([1000.0, 1000.0 + np.log(3)], [0.25, 0.75]), ([-1000.0, 1000.0], [0.0, 1.0])],
)
def test_the_softmax_of_any_logits_is_finite(logits: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(stacking.softmax(np.array([logits, logits])), [expected, expected], atol=1e-12)


def test_the_loss_is_the_mean_cross_entropy_and_finite_for_an_impossible_label() -> None:
    probabilities, labels = np.array([[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]]), np.array([0, 1, 0], np.int8)
    assert stacking.log_loss(probabilities, labels) == pytest.approx(-np.log([0.5, 0.75, 0.1]).mean())
    assert 50 < stacking.log_loss(np.array([[1.0, 0.0]]), np.array([1], np.int8)) < 100
