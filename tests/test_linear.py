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
from textrnn.model import linear, newton, stacking
from textrnn.model.config import ClassWeight
from textrnn.text.ngrams import Bags, bags
from textrnn.training import branches

STARTS = ["see you at", "claim your", "your parcel:"]
MIDDLES = ["the lamp", "two tickets", "a red box", "soup", "it"]
ENDS = ["", " today", " 8pm!", " 00000", " :-)"]
OTHERS = ["see the soup", "CLAIM two boxes 00000", "parcel", "", "ЖЖЖ", "your tickets, soup :-)"]

Floats = NDArray[np.float64]
CLASSES = pytest.mark.parametrize("classes", [2, 3])


def messages(classes: int) -> tuple[list[str], NDArray[np.int16]]:
    """Return invented messages and labels. Every seventh has a wrong label; one has no n-gram, and one repeats some."""
    texts = [f"{start} {middle}{end}" for middle in MIDDLES for end in ENDS for start in STARTS[:classes]]
    labels = [(row + (row % 7 == 0)) % classes for row in range(len(texts) + 2)]
    return [*texts, "", "soup soup, the soup"], np.array(labels, np.int16)


def words(text: str) -> list[str]:
    """Return each n-gram as a word, as often as it stands in the text. The words sort as the n-grams do."""
    found = bags([text])
    return [f"{gram:010}" for gram in np.repeat(found.grams, found.counts).tolist()]


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize(("classes", "penalty", "class_weight"), [(2, 10, None), (3, 1, None), (3, 10, "balanced")])
def test_a_machine_decides_as_scikit_learn_does(
    classes: int, penalty: float, class_weight: ClassWeight, counted: bool
) -> None:
    texts, labels = messages(classes)
    vectorizer = TfidfVectorizer(binary=not counted, sublinear_tf=counted, analyzer=words)
    machine = LinearSVC(C=penalty, tol=linear.TOLERANCE, class_weight=class_weight, random_state=0)
    machine.fit(vectorizer.fit_transform(texts), labels)
    branch = linear.fit(bags(texts), labels, penalty, counted, class_weight)
    assert [f"{gram:010}" for gram in branch.known.tolist()] == list(vectorizer.get_feature_names_out())
    np.testing.assert_allclose(branch.idf, vectorizer.idf_, atol=1e-6)
    for asked in (texts, OTHERS):
        expected = np.reshape(machine.decision_function(vectorizer.transform(asked)), (len(asked), -1))
        np.testing.assert_allclose(linear.decisions(branch, bags(asked), len(asked)), expected, rtol=0, atol=1e-4)


@CLASSES
def test_unknown_n_grams_are_left_out_and_without_a_known_one_the_intercept_decides(classes: int) -> None:
    texts, labels = messages(classes)
    branch = linear.fit(bags(texts), labels, 1, True, None)
    found = bags(texts)
    strange = np.setdiff1d(np.array([0, branch.known[3] + 1, branch.known[-1] + 1, 2**33 - 1], np.uint64), branch.known)
    owners, count = np.arange(len(texts)), len(strange)
    longer = Bags(
        np.concatenate([found.grams, np.tile(strange, len(texts))]),
        np.concatenate([found.owners, np.repeat(owners, count)]),
        np.concatenate([found.counts, np.full(len(texts) * count, 2)]),
    )
    order = np.lexsort((longer.grams, longer.owners))
    longer = Bags(longer.grams[order], longer.owners[order], longer.counts[order])
    decided = linear.decisions(branch, found, len(texts))
    assert linear.decisions(branch, longer, len(texts)).tolist() == decided.tolist()
    assert decided[-2].tolist() == branch.intercept.tolist()
    assert linear.decisions(branch, bags([]), 0).shape == (0, len(branch.intercept))


@CLASSES
def test_where_no_text_has_an_n_gram_nothing_is_decided(classes: int) -> None:
    branch = linear.fit(bags([""] * 6), np.arange(6, dtype=np.int16) % classes, 1, False, None)
    decided = linear.decisions(branch, bags(["see you", ""]), 2)
    assert not decided.any()
    assert decided.shape == (2, 1 if classes == 2 else 3)


def test_fitting_again_gives_the_same_rounded_numbers() -> None:
    texts, labels = messages(3)
    branch, again = (linear.fit(bags(texts), labels, 10, True, None) for _ in range(2))
    assert [array.tobytes() for array in again[:4]] == [array.tobytes() for array in branch[:4]]
    for array in (branch.idf, branch.weights, branch.intercept):
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
    moved = [source * alone if source.shape[1] == 1 else source for source in sources]
    moved = [source - source.mean(axis=1, keepdims=True) for source in moved]
    centred = [source - source.mean(axis=0) for source in moved]
    signal = np.array([source.std() for source in centred[:2]])
    counts = rows / (classes * np.bincount(labels)[labels]) if balanced else np.ones(rows)

    def logits(found: Floats) -> Floats:
        return np.asarray(sum(weight * source for weight, source in zip(found, centred, strict=False)) + found[3:])

    def loss(found: Floats) -> float:
        own = log_softmax(logits(found), axis=1)[np.arange(rows), labels]
        prior = np.log(signal @ found[:2] + 1e-300)
        return float(0.005 * (found[:3] ** 2).sum() + (found[3:] ** 2).sum() / 2 - counts @ own - prior)

    bounds = [(0, None), (0, None), *[(None, None)] * (1 + classes)]
    start = np.repeat([1.0, 0.0], [2, 1 + classes])
    return logits(minimize(loss, start, bounds=bounds, options={"maxfun": 10**6}).x)


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
    assert blend.scales.max() < 0.01
    found = stacking.softmax(stacking.apply(blend, [logits, decisions]))[0]
    assert found == pytest.approx(np.bincount(labels) / len(labels), abs=0.01)


@CLASSES
def test_few_rows_are_blended_alike_wherever_the_decisions_on_a_label_lie(classes: int) -> None:
    (logits, decisions, sizes), labels = sources_of(classes, 30)
    far = decisions - 3.0 * np.arange(1, decisions.shape[1] + 1)  # as those on rare labels do
    blend, moved = (stacking.fit([logits, some, sizes], labels) for some in (decisions, far))
    np.testing.assert_allclose(moved.scales, blend.scales, rtol=0, atol=2e-4)
    found, expected = stacking.apply(moved, [logits, far, sizes]), stacking.apply(blend, [logits, decisions, sizes])
    np.testing.assert_allclose(stacking.softmax(found), stacking.softmax(expected), rtol=0, atol=2e-3)


@CLASSES
def test_a_source_keeps_a_weight_though_few_rows_speak_against_it(classes: int) -> None:
    (_, decisions, sizes), labels = sources_of(classes, 300)
    weights = [stacking.fit([-decisions[:rows], sizes[:rows]], labels[:rows]).scales[0, -1] for rows in (30, 300)]
    assert weights[0] > 3 * weights[1] > 0


def test_without_networks_the_sizes_may_have_a_negative_weight_and_wrong_decisions_hardly_any() -> None:
    (_, decisions, sizes), labels = sources_of(2)
    for learnt in (1, -1):
        blend = stacking.fit([decisions * learnt, sizes], labels)
        assert blend.scales[0, 1] > 1 if learnt == 1 else 0 < blend.scales[0, 1] < 0.01
        assert blend.scales[1, 1] < 0
    assert stacking.cross_fitted([decisions, sizes], labels, np.arange(len(labels)) % 3).shape == (len(labels), 2)


def test_only_the_differences_of_a_rows_logits_count() -> None:
    (logits, *others), labels = sources_of(4)
    moved = logits + np.random.default_rng(0).integers(-9, 10, (len(labels), 1))
    blend, again = stacking.fit([logits, *others], labels), stacking.fit([moved, *others], labels)
    assert [array.tobytes() for array in again[:2]] == [array.tobytes() for array in blend[:2]]


@pytest.mark.parametrize("classes", [8, 20])
def test_held_out_rows_are_blended_as_well_as_fitted_ones_and_not_worse_than_by_the_better_part(classes: int) -> None:
    sources, labels = sources_of(classes, 40 * classes)
    fold = np.arange(len(labels)) % 5
    nothing = np.zeros_like(sources[0])
    (blend, logits), (_, network), (_, branch) = (
        stacking.blended(given, labels, fold) for given in (sources, sources[:1], [nothing, *sources[1:]])
    )
    blended, *parts = (stacking.losses(one, labels).mean() for one in (logits, network, branch))
    fitted = stacking.losses(stacking.apply(blend, sources), labels).mean()
    assert fitted < blended < 1.25 * fitted
    assert blended < min(parts)


def confused(rows: int = 900) -> tuple[Sources, NDArray[np.int16]]:
    """Return a source that takes two of six labels for each other."""
    (logits, *_), labels = sources_of(6, rows)
    return [logits[:, [0, 1, 2, 3, 5, 4]]], labels


def test_a_matrix_corrects_a_source_that_takes_two_labels_for_each_other_as_scipy_would() -> None:
    sources, labels = confused()
    fold = np.arange(len(labels)) % 5
    blend, logits = stacking.blended(sources, labels, fold)
    plain = stacking.cross_fitted(sources, labels, fold)
    gain = stacking.losses(plain, labels) - stacking.losses(logits, labels)
    assert gain.mean() > 5 * gain.std() / len(gain) ** 0.5
    assert blend.matrix is not None
    assert blend.matrix.shape == (6, 6)

    without = stacking.fit(sources, labels)
    before = stacking.apply(without, sources)
    scores = before - before.mean(axis=1, keepdims=True)
    scores = (scores - scores.mean(axis=0)) / scores.std()

    def loss(found: Floats) -> float:
        return float(stacking.losses(before + scores @ found.reshape(6, 6), labels).sum() + 15 * (found**2).sum())

    best = minimize(loss, np.zeros(36)).x.reshape(6, 6)
    found = stacking.apply(stacking.fit(sources, labels, None, 30.0), sources)
    expected = softmax(before + scores @ best, axis=1)
    np.testing.assert_allclose(softmax(found, axis=1), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("classes", "rows"), [(2, 300), (3, 35), (3, 300), (8, 200), (20, 800)])
def test_there_is_no_matrix_where_labels_or_rows_are_few_or_it_is_worth_nothing(classes: int, rows: int) -> None:
    sources, labels = sources_of(classes, rows)
    fold = np.arange(len(labels)) % 5
    blend, logits = stacking.blended(sources, labels, fold)
    assert blend.matrix is None
    assert logits.tolist() == stacking.cross_fitted(sources, labels, fold).tolist()


def test_that_a_blend_is_not_yet_the_best_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sources, labels = confused()
    stacking.fit(sources, labels, None, 30.0)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(newton, "MOST_STEPS", 1)
    stacking.fit(sources, labels, None, 30.0)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith("note: the blend was still changing after 1 steps, by up to ") for line in said)


def test_a_fold_is_blended_without_its_rows() -> None:
    for penalty in (None, 10.0):
        sources, labels = sources_of(3)
        fold = np.arange(len(labels)) % 3
        found = stacking.cross_fitted(sources, labels, fold, None, penalty)
        here = fold == 1
        blend = stacking.fit([one[~here] for one in sources], labels[~here], None, penalty)
        assert found[here].tolist() == stacking.apply(blend, [one[here] for one in sources]).tolist()
        other = np.where(here, (labels + 1) % 3, labels).astype(np.int16)
        again = stacking.cross_fitted(sources, other, fold, None, penalty)
        assert (again == found).all(axis=1).tolist() == here.tolist()


def digest() -> str:
    arrays: list[NDArray[np.generic] | None] = []
    for classes in (3, 8, 20):
        arrays += stacking.fit(*sources_of(classes, 400), None, 30.0)
        texts = [f"{text} {row}" for row, text in enumerate(messages(3)[0] * 4)]
        labels, fold = np.arange(len(texts), dtype=np.int16) % classes, np.arange(len(texts)) // classes % 3
        branch = branches.linear_branch(texts, labels, fold).values()
        arrays += [array for source in branch for array in (*source.machine[:4], source.decisions)]
        arrays += stacking.blended([source.decisions for source in branch], labels, fold)[0]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays if array is not None)).hexdigest()


@pytest.mark.parametrize(
    "variables",
    [{"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Haswell"}],
    ids=str,
)
def test_branch_and_blend_have_the_same_bytes_whatever_computes_its_matrices(variables: dict[str, str]) -> None:
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
