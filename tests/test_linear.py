"""The linear branch and its stacking with the network, compared with what scikit-learn computes."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import log_loss
from sklearn.svm import LinearSVC

from textrnn.core import paths
from textrnn.model import linear, stacking
from textrnn.model.config import ClassWeight
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


@pytest.mark.parametrize(("classes", "class_weight"), [(2, None), (3, None), (3, "balanced")])
def test_the_branch_decides_as_scikit_learn_does(classes: int, class_weight: ClassWeight) -> None:
    bags, labels = messages(classes)
    vectorizer = TfidfVectorizer(binary=True, analyzer=words)
    machine = LinearSVC(C=10, class_weight=class_weight, random_state=0).fit(vectorizer.fit_transform(bags), labels)
    branch = linear.fit(bags, labels, class_weight)
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


Sources = list[Floats]


def sources_of(classes: int, rows: int = 300) -> tuple[Sources, NDArray[np.int16]]:
    """Return a network's logits, decisions, sizes, and labels. The first label is the commonest; no source is sure.

    The logits are multiples of an eighth, so that their sums and differences are exact.
    """
    random = np.random.default_rng(classes)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes + 1, rows - classes) % classes])
    logits = np.eye(classes)[labels] * 2 + random.normal(0, 1.5, (rows, classes))
    decisions = np.eye(classes)[labels] - 0.5 + random.normal(0, 0.6, (rows, classes))
    decisions = decisions[:, 1:] - decisions[:, :1] if classes == 2 else decisions
    sizes = 4 - labels[:, None] / classes + random.normal(0, 0.5, (rows, 1))
    return [np.round(8 * logits) / 8, decisions, sizes], labels.astype(np.int16)


def optimum(sources: Sources, labels: NDArray[np.int16], balanced: bool) -> Floats:
    """Return the blended logits (rows, labels) that SciPy finds under the same penalty and bounds."""
    classes, rows = sources[0].shape[1], len(labels)
    alone = [-0.5, 0.5] if classes == 2 else np.zeros(classes)  # what a single column says
    centred = [source if source.shape[1] == classes else (source - source.mean()) * alone for source in sources]
    counts = rows / (classes * np.bincount(labels)[labels]) if balanced else np.ones(rows)

    def logits(found: Floats) -> Floats:
        return np.asarray(sum(weight * source for weight, source in zip(found, centred, strict=False)) + found[3:])

    def loss(found: Floats) -> float:
        own = log_softmax(logits(found), axis=1)[np.arange(rows), labels]
        return float(0.005 * (found[:3] ** 2).sum() + (found[3:] ** 2).sum() / 2 - counts @ own)

    bounds = [(0, None), (0, None), *[(None, None)] * (1 + classes)]
    return logits(minimize(loss, np.zeros(3 + classes), bounds=bounds, options={"maxfun": 10**6}).x)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize(("classes", "learnt"), [(2, 1), (2, -1), (3, 1), (3, -1), (3, 0), (8, 1)])
def test_the_blend_has_the_least_penalised_loss_of_weights_that_are_not_negative(
    classes: int, learnt: int, class_weight: ClassWeight
) -> None:
    (logits, *others), labels = sources_of(classes)
    sources = [logits * learnt, *others]
    blend = stacking.fit(sources, labels, class_weight)
    expected = softmax(optimum(sources, labels, class_weight == "balanced"), axis=1)
    np.testing.assert_allclose(softmax(stacking.apply(blend, sources), axis=1), expected, rtol=0, atol=5e-4)
    assert (blend.scales.shape, blend.bias.shape) == ((3, classes), (classes,))
    network, linear_branch, size = blend.scales
    assert (network == network[0]).all()
    assert (network[0] > 0) == (learnt == 1), "a network that has learnt nothing has no weight"
    assert linear_branch[-1] > 0
    assert (size < 0).tolist() == [False, True] if classes == 2 else not size.any()


def test_a_blend_of_sources_that_are_all_wrong_answers_with_the_shares_of_the_labels() -> None:
    (logits, decisions, _), labels = sources_of(3)
    blend = stacking.fit([-logits, -decisions], labels)
    assert not blend.scales.any()
    found = stacking.softmax(stacking.apply(blend, [logits, decisions]))[0]
    assert found == pytest.approx(np.bincount(labels) / len(labels), abs=0.01)


def test_without_networks_the_sizes_may_have_a_negative_weight_and_wrong_decisions_none() -> None:
    (_, decisions, sizes), labels = sources_of(2)
    for learnt in (1, -1):
        blend = stacking.fit([decisions * learnt, sizes], labels)
        assert (blend.scales[0, 1] > 0) == (learnt == 1)
        assert blend.scales[0].any() == (learnt == 1)
        assert blend.scales[1, 1] < 0
    assert stacking.cross_fitted([decisions, sizes], labels, np.arange(len(labels)) % 3).shape == (len(labels), 2)


def test_only_the_differences_of_a_rows_logits_count() -> None:
    (logits, *others), labels = sources_of(4)
    moved = logits + np.random.default_rng(0).integers(-9, 10, (len(labels), 1))
    blend, again = stacking.fit([logits, *others], labels), stacking.fit([moved, *others], labels)
    assert [array.tobytes() for array in again] == [array.tobytes() for array in blend]


@pytest.mark.parametrize("classes", [8, 20])
def test_held_out_rows_are_blended_as_well_as_fitted_ones_and_not_worse_than_by_the_better_part(classes: int) -> None:
    sources, labels = sources_of(classes, 40 * classes)
    fold = np.arange(len(labels)) % 5
    nothing = np.zeros_like(sources[0])
    blended, network, branch = (
        log_loss(labels, stacking.softmax(stacking.cross_fitted(given, labels, fold)))
        for given in (sources, sources[:1], [nothing, *sources[1:]])
    )
    fitted = log_loss(labels, stacking.softmax(stacking.apply(stacking.fit(sources, labels), sources)))
    assert fitted < blended < 1.25 * fitted
    assert blended < min(network, branch)


def test_a_fold_is_blended_without_its_rows() -> None:
    sources, labels = sources_of(3)
    fold = np.arange(len(labels)) % 3
    found = stacking.cross_fitted(sources, labels, fold)
    here = fold == 1
    blend = stacking.fit([one[~here] for one in sources], labels[~here])
    assert found[here].tolist() == stacking.apply(blend, [one[here] for one in sources]).tolist()
    again = stacking.cross_fitted(sources, np.where(here, (labels + 1) % 3, labels).astype(np.int16), fold)
    assert (again == found).all(axis=1).tolist() == here.tolist()


def digest() -> str:
    blends = [stacking.fit(*sources_of(classes, 400)) for classes in (4, 20)]
    return hashlib.sha256(b"".join(array.tobytes() for blend in blends for array in blend)).hexdigest()


@pytest.mark.parametrize(
    "variables",
    [{"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Haswell"}],
    ids=str,
)
def test_a_blend_has_the_same_bytes_whatever_computes_its_matrices(variables: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.test_linear import digest; print(digest())"],
        cwd=paths.ROOT, env=os.environ | variables, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == digest()


def test_overconfident_logits_are_tempered() -> None:
    (logits, *_), labels = sources_of(2)
    blend = stacking.fit([10 * logits], labels)
    tempered = stacking.softmax(stacking.apply(blend, [10 * logits]))
    assert log_loss(labels, tempered) < log_loss(labels, softmax(10 * logits, axis=1)) / 2
    assert tempered.mean(axis=0) == pytest.approx(np.bincount(labels) / len(labels), abs=0.01)


@CLASSES
def test_the_weights_stay_finite_where_the_rows_are_separable(classes: int) -> None:
    labels = np.arange(60, dtype=np.int16) % classes
    blend = stacking.fit([np.eye(classes)[labels]], labels)
    assert blend.scales.max() < 100
    assert softmax(stacking.apply(blend, [np.eye(classes)]), axis=1).diagonal().min() > 0.98
