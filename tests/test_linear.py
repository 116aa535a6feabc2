"""The linear branch and its stacking with the network, compared with what scikit-learn computes."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.svm import LinearSVC

from textrnn.model import linear, stacking
from textrnn.text.ngrams import ngrams

STARTS = ["see you at", "claim your", "your parcel:"]
MIDDLES = ["the lamp", "two tickets", "a red box", "soup", "it"]
ENDS = ["", " today", " 8pm!", " 00000", " :-)"]
OTHERS = ["see the soup", "CLAIM two boxes 00000", "parcel", "", "ЖЖЖ", "your tickets, soup :-)"]

Bags = list[NDArray[np.uint32]]
Floats = NDArray[np.float64]
CLASSES = pytest.mark.parametrize("classes", [2, 3])


def messages(classes: int) -> tuple[Bags, NDArray[np.int16]]:
    """Return the n-grams and labels of invented messages. Every seventh has a wrong label; one has no n-gram."""
    texts = [f"{start} {middle}{end}" for middle in MIDDLES for end in ENDS for start in STARTS[:classes]] + [""]
    labels = [(row + (row % 7 == 0)) % classes for row in range(len(texts))]
    return [ngrams(text) for text in texts], np.array(labels, np.int16)


def words(bag: NDArray[np.uint32]) -> list[str]:
    """Return each n-gram as a word. The words sort as the hashes do."""
    return [f"{gram:010}" for gram in bag.tolist()]


@CLASSES
def test_the_branch_decides_as_scikit_learn_does(classes: int) -> None:
    bags, labels = messages(classes)
    vectorizer = TfidfVectorizer(binary=True, analyzer=words)
    machine = LinearSVC(C=10, random_state=0).fit(vectorizer.fit_transform(bags), labels)
    branch = linear.fit(bags, labels)
    assert words(branch.known) == list(vectorizer.get_feature_names_out())
    np.testing.assert_allclose(branch.idf, vectorizer.idf_, atol=1e-6)
    for asked in (bags, [ngrams(text) for text in OTHERS]):
        expected = np.reshape(machine.decision_function(vectorizer.transform(asked)), (len(asked), -1))
        np.testing.assert_allclose(linear.decisions(branch, asked), expected, rtol=0, atol=1e-4)


@CLASSES
def test_unknown_n_grams_are_left_out_and_without_a_known_one_the_intercept_decides(classes: int) -> None:
    bags, labels = messages(classes)
    branch = linear.fit(bags, labels)
    strange = np.setdiff1d(np.array([0, branch.known[3] + 1, branch.known[-1] + 1, 2**32 - 1], np.uint32), branch.known)
    longer = linear.decisions(branch, [np.union1d(bag, strange) for bag in bags])
    assert longer.tolist() == linear.decisions(branch, bags).tolist()
    assert linear.decisions(branch, [strange]).tolist() == [branch.intercept.tolist()]
    assert linear.decisions(branch, []).shape == (0, len(branch.intercept))


def test_fitting_again_gives_the_same_rounded_numbers() -> None:
    branch, again = (linear.fit(*messages(3)) for _ in range(2))
    assert [array.tobytes() for array in branch] == [array.tobytes() for array in again]
    for array in branch[1:]:
        assert (array == np.round(array, 6)).all()
        assert (array != np.round(array, 5)).any()


def held_out(classes: int, others: int) -> tuple[Floats, Floats, NDArray[np.int16]]:
    """Return logits, further features and labels. Both hint at the label, and neither is sure.

    The logits are multiples of an eighth, so that their sums and differences are exact.
    """
    random = np.random.default_rng(classes + 10 * others)
    labels = random.integers(0, classes, 300).astype(np.int16)
    logits = np.eye(classes)[labels] * 2 + random.normal(0, 2, (len(labels), classes))
    return np.round(8 * logits) / 8, labels[:, None] * 0.5 + random.normal(0, 1, (len(labels), others)), labels


@pytest.mark.parametrize(("classes", "others"), [(2, 0), (2, 3), (4, 1)])
def test_the_blend_is_logistic_regression_on_the_differences_of_the_logits(classes: int, others: int) -> None:
    logits, features, labels = held_out(classes, others)
    joined = np.hstack([logits[:, 1:] - logits[:, :1], features])
    expected = LogisticRegression(C=100, tol=1e-8, max_iter=10_000).fit(joined, labels).predict_proba(joined)
    blend = stacking.fit(logits, features, labels)
    assert (blend.kernel.shape, blend.bias.shape) == ((classes + others, classes), (classes,))
    found = softmax(stacking.apply(blend, logits, features), axis=1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)  # the weights are rounded to four digits
    moved = logits + np.random.default_rng(0).integers(-9, 10, (len(labels), 1))
    again = stacking.fit(moved, features, labels)
    assert [array.tobytes() for array in again] == [array.tobytes() for array in blend]


def test_overconfident_logits_are_tempered() -> None:
    logits, nothing, labels = held_out(2, 0)
    blend = stacking.fit(10 * logits, nothing, labels)
    tempered = stacking.softmax(stacking.apply(blend, 10 * logits, nothing))
    assert log_loss(labels, tempered) < log_loss(labels, softmax(10 * logits, axis=1)) / 2
    assert tempered.mean(axis=0) == pytest.approx(np.bincount(labels) / len(labels), abs=1e-3)


@CLASSES
def test_the_weights_stay_finite_where_the_rows_are_separable(classes: int) -> None:
    labels = np.arange(60, dtype=np.int16) % classes
    blend = stacking.fit(np.eye(classes)[labels], np.zeros((60, 0)), labels)
    assert np.abs(blend.kernel).max() < 100
    assert softmax(stacking.apply(blend, np.eye(classes), np.zeros((classes, 0))), axis=1).diagonal().min() > 0.98
