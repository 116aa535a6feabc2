"""The linear branch, compared with what scikit-learn makes of the same n-grams."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from textrnn.model import linear
from textrnn.text.ngrams import ngrams

STARTS = ["see you at", "claim your", "your parcel:"]
MIDDLES = ["the lamp", "two tickets", "a red box", "soup", "it"]
ENDS = ["", " today", " 8pm!", " 00000", " :-)"]
OTHERS = ["see the soup", "CLAIM two boxes 00000", "parcel", "", "your tickets, soup :-)"]

Bags = list[NDArray[np.uint32]]


def invented(classes: int, wrong: bool = False) -> tuple[Bags, NDArray[np.int8]]:
    """Return the n-grams and labels of every message; of those in the wrong, each seventh has the next label."""
    texts = [f"{start} {middle}{end}" for middle in MIDDLES for end in ENDS for start in STARTS[:classes]]
    labels = [(row + (wrong and row % 7 == 0)) % classes for row in range(len(texts))]
    return [ngrams(text) for text in texts], np.array(labels, np.int8)


def words(bag: NDArray[np.uint32]) -> list[str]:
    """Return each n-gram as a word; the words stand in the order of the numbers."""
    return [f"{gram:010}" for gram in bag.tolist()]


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_branch_decides_as_scikit_learn_does(classes: int, wrong: bool) -> None:
    bags, labels = invented(classes, wrong)
    others = [ngrams(text) for text in OTHERS]
    vectorizer = TfidfVectorizer(binary=True, analyzer=words)
    machine = LinearSVC(C=10, random_state=0).fit(vectorizer.fit_transform(bags), labels)
    branch = linear.fit(bags, labels)
    assert words(branch.known) == list(vectorizer.get_feature_names_out())
    for asked in (bags, others):
        expected = np.reshape(machine.decision_function(vectorizer.transform(asked)), (len(asked), -1))
        np.testing.assert_allclose(linear.decisions(branch, asked), expected, rtol=0, atol=1e-4)


def test_what_is_known_are_the_grams_of_all_messages_once_and_in_order() -> None:
    bags, labels = invented(2)
    branch = linear.fit(bags, labels)
    assert branch.known.tolist() == sorted({gram for bag in bags for gram in bag.tolist()})
    assert branch.known.dtype == np.uint32
    assert [len(branch.idf), len(branch.weights)] == [len(branch.known)] * 2


def test_a_gram_of_fewer_messages_counts_for_more() -> None:
    bags = [np.array(bag, np.uint32) for bag in ([1, 2], [1, 3], [1, 3, 4])]
    branch = linear.fit(bags, np.array([0, 1, 1], np.int8))
    np.testing.assert_allclose(branch.idf, 1 + np.log(4 / np.array([4, 2, 3, 2])), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_grams_which_are_not_known_are_left_out(classes: int) -> None:
    bags, labels = invented(classes)
    known = np.unique(np.concatenate(bags))
    branch = linear.fit(bags, labels)
    strange = np.setdiff1d(np.array([0, 1, known[3] + 1, known[-1] + 1, 2**32 - 1], np.uint32), known)
    assert len(strange) > 2
    longer = [np.union1d(bag, strange) for bag in bags]
    assert linear.decisions(branch, longer).tolist() == linear.decisions(branch, bags).tolist()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("bag", [[], [0, 5, 2**32 - 1]])
def test_a_message_of_which_nothing_is_known_gets_the_intercept(bag: list[int], classes: int) -> None:
    bags, labels = invented(classes)
    branch = linear.fit(bags, labels)
    found = linear.decisions(branch, [np.array(bag, np.uint32), bags[0], np.array(bag, np.uint32)])
    assert found[[0, 2]].tolist() == [branch.intercept.tolist()] * 2
    assert np.abs(found[1] - branch.intercept).max() > 0.1


def test_of_no_messages_there_are_no_decisions() -> None:
    assert linear.decisions(linear.fit(*invented(3)), []).shape == (0, 3)


def test_a_training_message_without_grams_is_no_obstacle() -> None:
    bags, labels = invented(2)
    branch = linear.fit([*bags, np.zeros(0, np.uint32)], np.append(labels, np.int8(1)))
    assert ((linear.decisions(branch, bags)[:, 0] > 0) == labels).all()


def test_what_is_fitted_is_rounded() -> None:
    branch = linear.fit(*invented(3, wrong=True))
    for array in (branch.idf, branch.weights, branch.intercept):
        assert (array == np.round(array, 6)).all()
        assert (array != np.round(array, 5)).any()
