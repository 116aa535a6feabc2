"""The scores, their intervals, the curves and the threshold: hand-made examples, scikit-learn, simulations."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from textrnn.metrics import curves, intervals, scores, threshold
from textrnn.model.stacking import softmax

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]

HEADLINE = {  # the scores with an interval
    "accuracy", "average_precision", "false_positive_rate", "brier", "f1", "loss", "mcc", "precision",
    "recall", "roc_auc",
}  # fmt: skip
MACRO = {"macro_f1", "macro_precision", "macro_recall"}  # with more than two labels

# A probability of six digits, often close to another one.
ANSWERS = st.one_of(st.integers(0, 10**6), st.integers(0, 6), st.sampled_from([10**6, 10**6 - 1, 5 * 10**5]))
ROWS = st.lists(st.tuples(st.booleans(), ANSWERS.map(lambda answer: answer / 10**6)), min_size=2, max_size=30)
BOTH = ROWS.filter(lambda rows: len({label for label, _ in rows}) == 2)


def arrays(rows: list[tuple[bool, float]]) -> tuple[NDArray[np.bool_], Floats]:
    truth, probability = zip(*rows, strict=True)
    return np.array(truth), np.array(probability)


# Scores


LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 0], np.int8)
SPAM = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.1, 0.0])
PREDICTED = (SPAM >= 0.5).astype(np.int8)  # two found, one missed, one false alarm
EXPECTED = {
    "majority_accuracy": 5 / 8,
    "mcc": (2 * 4 - 1 * 1) / 15,
    "roc_auc": 14 / 15,  # of 15 pairs of a spam and a ham, one is in the wrong order
    "average_precision": (1 / 1 + 2 / 2 + 3 / 4) / 3,
    "calibration_error": (0.1 + 0.2 + 0.7 + 0.7 + 0.2 + (0.1 + 0.1) + 0) / 8,  # only the rows of 0.1 share a bin
    "recall": 2 / 3,
    "false_positive_rate": 1 / 5,
    "true_positives": 2,
    "false_positives": 1,
    "false_negatives": 1,
    "true_negatives": 4,
}


@pytest.mark.parametrize("positive", [1, 0])
def test_the_scores_are_those_of_the_hand_made_example(positive: int) -> None:
    labels, predicted = (LABELS, PREDICTED) if positive else (1 - LABELS, 1 - PREDICTED)
    columns = [1 - SPAM, SPAM] if positive else [SPAM, 1 - SPAM]
    found = scores.scores(labels, predicted, np.stack(columns, axis=1), positive)
    assert {name: found[name] for name in EXPECTED} == pytest.approx(EXPECTED)


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_a_probability_rounded_to_0_or_1_has_a_finite_loss(answer: float) -> None:
    spam = np.full(8, answer)
    found = scores.scores(LABELS, (spam >= 0.5).astype(np.int8), np.stack([1 - spam, spam], axis=1), 1)
    assert all(math.isfinite(value) for value in found.values())
    wrong = np.mean(answer != LABELS)
    assert found["loss"] == pytest.approx(-wrong * math.log(0.5e-6))  # no more than six digits can say


def test_probabilities_that_come_true_as_often_as_they_say_are_calibrated() -> None:
    truth, probability = np.array([1, 0, 0, 0, 1, 1, 0, 1], bool), np.repeat([0.25, 0.75], 4)
    assert scores.calibration_error(truth, probability) == pytest.approx(0)
    assert scores.calibration_error(~truth, probability) == pytest.approx(0.5)


ANSWERED = st.lists(
    st.tuples(
        st.integers(0, 5),  # the label
        st.integers(0, 5),  # the answer
        st.tuples(*[st.integers(1, 4)] * 3),  # proportional to the probabilities: there are many ties
    ),
    min_size=2,
    max_size=20,
)


@pytest.mark.filterwarnings("ignore:A single label")
@pytest.mark.parametrize("classes", [2, 3])
@settings(max_examples=12)
@given(rows=ANSWERED)
def test_the_scores_are_scikit_learns(rows: list[tuple[int, int, tuple[int, ...]]], classes: int) -> None:
    labels, predicted = (np.array([row[:2] for row in rows]).T % classes).astype(np.int8)
    shares = np.array([row[2][:classes] for row in rows], float)
    probabilities = shares / shares.sum(axis=1, keepdims=True)
    positive = classes - 1
    truth, answer, probability = labels == positive, predicted == positive, probabilities[:, positive]
    assume(truth.any() and not truth.all())
    macro = metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(classes), average="macro", zero_division=0
    )
    found = scores.scores(labels, predicted, probabilities, positive)
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "average_precision": metrics.average_precision_score(truth, probability),
        "brier": metrics.brier_score_loss(truth, probability),
        "f1": metrics.f1_score(truth, answer, zero_division=0),
        "loss": metrics.log_loss(labels, probabilities, labels=range(classes)),
        "mcc": metrics.matthews_corrcoef(labels, predicted),
        "precision": metrics.precision_score(truth, answer, zero_division=0),
        "recall": metrics.recall_score(truth, answer, zero_division=0),
        "roc_auc": metrics.roc_auc_score(truth, probability),
    }
    if classes > 2:
        expected |= dict(zip(("macro_precision", "macro_recall", "macro_f1"), macro[:3], strict=True))
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_the_majority_baseline_always_answers_the_commonest_label() -> None:
    found = scores.majority_baseline(LABELS, 2, positive=1)
    assert (found["mcc"], found["roc_auc"], found["accuracy"]) == (0, 0.5, 5 / 8)
    assert (found["recall"], found["false_positive_rate"]) == (0, 0)
    assert found["average_precision"] == pytest.approx(3 / 8)
    assert found["brier"] == pytest.approx(3 / 8 * 5 / 8)
    assert scores.majority_baseline(LABELS, 2, positive=0)["recall"] == 1


# The threshold


def platt(truth: NDArray[np.bool_], probability: Floats) -> Floats:
    """Return the probabilities calibrated on the truth, but for 0 and 1 as six digits may have rounded them."""
    inside = np.clip(probability, 0.5e-6, 1 - 0.5e-6)
    logits = np.log(inside / (1 - inside))[:, None]
    calibrated: Floats = LogisticRegression(C=100, tol=1e-8).fit(logits, truth).predict_proba(logits)[:, 1]
    return calibrated


def expected_mcc(positive: NDArray[np.bool_], likely: Floats) -> float:
    """Return the correlation of the expected counts, where each row is spam with its own probability."""
    found, false = likely[positive].sum(), (1 - likely[positive]).sum()
    missed, passed = likely[~positive].sum(), (1 - likely[~positive]).sum()
    product = (found + false) * (missed + passed) * (found + missed) * (false + passed)
    return float((found * passed - false * missed) / math.sqrt(product)) if product > 0 else 0.0


@settings(max_examples=12)
@given(BOTH)
@example([(True, 0.000001), (False, 0.0)])  # nothing lies between
@example([(True, 0.000002), (False, 0.000001)])
@example([(True, 1.0), (False, 1.0)])
def test_no_threshold_has_a_higher_expected_correlation_than_the_best(rows: list[tuple[bool, float]]) -> None:
    truth, probability = arrays(rows)
    best = threshold.best_threshold(truth, probability)
    assert best == round(best, 6)
    assert 0 <= best <= 1
    likely = platt(truth, probability)
    highest = max(expected_mcc(probability >= cut, likely) for cut in {0.0, 2.0, *probability})
    assert expected_mcc(probability >= best, likely) >= highest - 1e-6


@pytest.mark.parametrize(
    ("truth", "probability", "expected"),
    [
        ([1, 0, 1, 0], [0.9, 0.2, 0.8, 0.1], 0.5),
        ([0] * 9 + [1] * 9, [0.1] * 8 + [0.6] + [0.55] + [0.9] * 8, 0.575),  # one of each on the wrong side
    ],
)
def test_the_threshold_lies_half_way_between_two_probabilities(
    truth: list[int], probability: list[float], expected: float
) -> None:
    assert threshold.best_threshold(np.array(truth, bool), np.array(probability)) == pytest.approx(expected)


def drawn(rows: int, seed: int) -> tuple[NDArray[np.bool_], Floats]:
    """Return labels drawn by their logits, a seventh of them spam."""
    random = np.random.default_rng(seed)
    logits = random.normal(-3, 3, rows)
    return random.random(rows) < 1 / (1 + np.exp(-logits)), logits


def test_the_threshold_depends_on_no_single_row_near_it() -> None:
    truth, logits = drawn(2000, 0)
    probability = np.round(1 / (1 + np.exp(-logits)), 6)
    best = threshold.best_threshold(truth, probability)
    for row in np.argsort(np.abs(probability - best))[:10]:
        other = truth.copy()
        other[row] = not other[row]
        assert threshold.best_threshold(other, probability) == pytest.approx(best, abs=0.02)


@settings(max_examples=15)
@given(BOTH, st.lists(st.integers(0, 10**6), max_size=5))
def test_the_outcomes_of_thresholds_are_those_of_scikit_learn(rows: list[tuple[bool, float]], cuts: list[int]) -> None:
    truth, probability = arrays(rows)
    thresholds = [0.0, 1.0, *probability.tolist(), *(cut / 10**6 for cut in cuts)]
    for cut, found in zip(thresholds, threshold.outcomes(truth, probability, thresholds), strict=True):
        flagged = probability >= cut
        (passed, false), (missed, hit) = metrics.confusion_matrix(truth, flagged, labels=[False, True]).tolist()
        assert (found.threshold, found.missed, found.false_positives) == (cut, missed, false)
        assert found.flagged == hit + false
        assert found.recall == pytest.approx(hit / (hit + missed))
        assert found.false_positive_rate == pytest.approx(false / (false + passed))
        assert found.precision == (pytest.approx(hit / (hit + false)) if hit + false else None)
        assert found.mcc == pytest.approx(metrics.matthews_corrcoef(truth, flagged))


# The curves


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10).map(lambda score: score / 10)), min_size=2, max_size=40))
def test_the_curves_are_those_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    truth, probability = arrays(rows)
    assume(truth.any() and not truth.all())
    found = curves.curves(truth, probability)
    fpr, tpr, _ = metrics.roc_curve(truth, probability)
    precision, recall, _ = metrics.precision_recall_curve(truth, probability, drop_intermediate=True)
    observed, predicted = calibration_curve(truth, probability, n_bins=10, strategy="quantile")
    assert found["roc"] == curves.points(fpr=fpr, tpr=tpr)
    assert found["pr"] == curves.points(recall=recall, precision=precision)
    assert found["calibration"] == curves.points(predicted=predicted, observed=observed)


# Intervals


def answered(rows: int, classes: int = 2, seed: int = 0) -> tuple[Labels, Labels, Floats]:
    """Return labels, answers of which some are wrong, and their probabilities, many of them tied."""
    random = np.random.default_rng(seed)
    labels = random.choice(classes, rows, p=[0.6] + [0.4 / (classes - 1)] * (classes - 1))
    evidence = random.normal(0, 1, (rows, classes))
    evidence[np.arange(rows), labels] += 1.5
    probabilities = np.round(softmax(evidence), 2)
    return labels.astype(np.int8), probabilities.argmax(axis=1).astype(np.int8), probabilities


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("seed", range(2))
def test_every_interval_holds_the_score_measured(seed: int, classes: int) -> None:
    rows = answered(200, classes, seed)
    found = intervals.intervals(*rows, 1, 1000, seed=0)
    assert set(found) == {"ci_low", "ci_high"}
    wanted = HEADLINE | (MACRO if classes > 2 else set())
    assert set(found["ci_low"]) == set(found["ci_high"]) == wanted
    measured = scores.scores(*rows, 1)
    for name in wanted:
        assert found["ci_low"][name] < measured[name] < found["ci_high"][name], name


def test_a_seed_gives_the_same_interval_however_many_draws_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = (intervals.intervals(*answered(200, 3), 1, 200, seed) for seed in (0, 1))
    monkeypatch.setattr(intervals, "TOGETHER", 9 * 7)  # seven tables at a time, and four in the last turn
    assert intervals.intervals(*answered(200, 3), 1, 200, 0) == first
    for name in {"mcc"} | MACRO:
        assert first["ci_low"][name] != other["ci_low"][name] or first["ci_high"][name] != other["ci_high"][name]


@pytest.mark.parametrize("kinds", [[40, 30], [900, 131], [20, 20, 30]])
def test_without_a_mistake_no_score_is_certain(kinds: list[int]) -> None:
    labels = np.repeat(range(len(kinds)), kinds).astype(np.int8)
    probabilities = np.eye(len(kinds))[labels] * 0.8 + 0.1
    found = intervals.intervals(labels, labels, probabilities, 1, 500, seed=0)
    for name in (HEADLINE | MACRO) - {"brier", "loss", "false_positive_rate"} & set(found["ci_low"]):
        assert 0.8 < found["ci_low"][name] < 0.999, name
        assert found["ci_high"][name] == pytest.approx(1), name
    assert found["ci_low"]["false_positive_rate"] < 1e-9 < found["ci_high"]["false_positive_rate"]
    assert found["ci_low"]["mcc"] < found["ci_low"]["accuracy"], "the width is that of both kinds of error"


def covered(kinds: list[int], errors: list[float], trials: int) -> dict[str, float]:
    """Return how often the intervals of simulated tests hold the true score, by name, at these rates of error."""
    random = np.random.default_rng(0)
    classes = len(kinds)
    labels = np.repeat(range(classes), kinds)
    true = np.diag([rows * (1 - error) for rows, error in zip(kinds, errors, strict=True)])
    for label, (rows, error) in enumerate(zip(kinds, errors, strict=True)):
        true[label, np.arange(classes) != label] = rows * error / (classes - 1)
    expected = {"mcc": float(scores.matthews(true)), "precision": true[1, 1] / true[:, 1].sum()}
    expected |= {"recall": 1 - errors[1], "accuracy": np.trace(true) / len(labels)}
    expected |= {"f1": 2 * true[1, 1] / (true[1].sum() + true[:, 1].sum())}
    expected |= {name: float(score) for name, score in scores.macro_averages(true).items() if classes > 2}
    held = dict.fromkeys(expected, 0)
    for _ in range(trials):
        wrong = random.random(len(labels)) < np.array(errors)[labels]
        predicted = ((labels + wrong * random.integers(1, classes, len(labels))) % classes).astype(np.int8)
        found = intervals.intervals(labels.astype(np.int8), predicted, np.eye(classes)[predicted], 1, 300, seed=0)
        for name, score in expected.items():
            held[name] += found["ci_low"][name] <= score <= found["ci_high"][name]
    return {name: count / trials for name, count in held.items()}


@pytest.mark.parametrize(
    ("kinds", "errors"),
    [([40, 30], [0.01, 0.02]), ([900, 131], [0.002, 0.03]), ([60, 10], [0.005, 0.03]), ([25, 25, 25], [0.02] * 3)],
)
def test_the_intervals_hold_the_true_score_in_nineteen_of_twenty_tests_or_nearly(
    kinds: list[int], errors: list[float]
) -> None:
    for name, share in covered(kinds, errors, 150).items():
        assert share >= 0.88, name  # a bootstrap holds the true mcc in 46 to 93 % of these tests


@pytest.mark.parametrize(("distance", "wrong"), [(3.5, 0), (2, 0), (4, 0.1)])
def test_the_intervals_of_rankings_hold_the_true_areas(distance: float, wrong: float) -> None:
    random = np.random.default_rng(0)

    def drawn_rows(rows: int) -> tuple[NDArray[np.bool_], Floats]:
        truth = np.arange(rows) % 7 == 0
        found = truth & (random.random(rows) >= wrong)  # the others are positive rows that look like negative ones
        return truth, 1 / (1 + np.exp(-random.normal(distance * found, 1)))

    true = curves.areas(*drawn_rows(100_000))
    held = np.zeros(2)
    for _ in range(150):
        truth, probability = drawn_rows(300)
        measured = curves.areas(truth, probability)
        bounds = (
            intervals.wilson(measured[0] * truth.sum(), int(truth.sum())),
            intervals.of_area(truth, probability, measured[1]),
        )
        held += [low <= area <= high for (low, high), area in zip(bounds, true, strict=True)]
    assert (held / 150 >= 0.88).all()


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # this and the next two: Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (29, 29, 0.8830, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilsons_interval_is_the_published_one(hits: int, rows: int, low: float, high: float) -> None:
    assert intervals.wilson(hits, rows) == pytest.approx((low, high), abs=5e-5)
