"""The scores, against hand-made examples, scikit-learn, and slower ways to compute them."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from textrnn.metrics import scores
from textrnn.model.stacking import softmax

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]

# What has bounds.
HEADLINE = {
    "accuracy", "average_precision", "false_positive_rate", "brier", "f1", "loss", "mcc", "precision",
    "recall", "roc_auc",
}  # fmt: skip
MACRO = {"macro_f1", "macro_precision", "macro_recall"}  # of more than two labels

# An answer of six digits, often close to another one.
ANSWERS = st.one_of(st.integers(0, 10**6), st.integers(0, 6), st.sampled_from([10**6, 10**6 - 1, 5 * 10**5]))
ROWS = st.lists(st.tuples(st.booleans(), ANSWERS.map(lambda answer: answer / 10**6)), min_size=2, max_size=30)


def platt(truth: NDArray[np.bool_], probability: Floats) -> Floats:
    """Return the probabilities calibrated on the truth, but for 0 and 1 as six digits may have rounded them."""
    inside = np.clip(probability, 0.5e-6, 1 - 0.5e-6)
    logits = np.log(inside / (1 - inside))[:, None]
    calibrated: Floats = LogisticRegression(C=100, tol=1e-8).fit(logits, truth).predict_proba(logits)[:, 1]
    return calibrated


def expected_mcc(positive: NDArray[np.bool_], likely: Floats) -> float:
    """Return the correlation of the expected counts, where each row is spam as likely as it is said to be."""
    caught, blocked = likely[positive].sum(), (1 - likely[positive]).sum()
    missed, passed = likely[~positive].sum(), (1 - likely[~positive]).sum()
    product = (caught + blocked) * (missed + passed) * (caught + missed) * (blocked + passed)
    return float((caught * passed - blocked * missed) / math.sqrt(product)) if product > 0 else 0.0


@settings(max_examples=50)
@given(ROWS)
@example([(True, 0.000001), (False, 0.0)])  # nothing lies between
@example([(True, 0.000002), (False, 0.000001)])
@example([(True, 1.0), (False, 1.0)])
def test_no_threshold_has_a_higher_expected_correlation_than_the_best(rows: list[tuple[bool, float]]) -> None:
    truth, probability = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assume(truth.any() and not truth.all())
    best = scores.best_threshold(truth, probability)
    assert best == round(best, 6)
    assert 0 <= best <= 1
    likely = platt(truth, probability)
    highest = max(expected_mcc(probability >= cut, likely) for cut in {0.0, 2.0, *probability})
    assert expected_mcc(probability >= best, likely) >= highest - 1e-6


@pytest.mark.parametrize(
    ("truth", "probability", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 0.5),  # half-way between the two kinds
        ([1, 0, 1, 0], [0.9, 0.2, 0.8, 0.1], 0.5),  # in any order
        ([0, 1, 1], [0.0, 1.0, 1.0], 0.5),
        ([0, 1], [0.1, 0.2], 0.15),
        ([0] * 9 + [1] * 9, [0.1] * 8 + [0.6] + [0.55] + [0.9] * 8, 0.575),  # one of each on the wrong side
    ],
)
def test_the_threshold_lies_half_way_between_two_probabilities(
    truth: list[int], probability: list[float], expected: float
) -> None:
    assert scores.best_threshold(np.array(truth, bool), np.array(probability)) == pytest.approx(expected)


def drawn(rows: int, seed: int) -> tuple[NDArray[np.bool_], Floats]:
    """Return labels drawn by their logits, a seventh of them spam."""
    random = np.random.default_rng(seed)
    logits = random.normal(-3, 3, rows)
    return random.random(rows) < 1 / (1 + np.exp(-logits)), logits


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("slope", "shift"), [(2, 0), (0.5, 0), (1, 2), (1, -2), (1.5, 1)])
def test_a_model_too_sure_or_leaning_to_one_side_flags_the_same_rows(seed: int, slope: float, shift: float) -> None:
    truth, logits = drawn(2000, seed)
    flagged = []
    for values in (logits, slope * logits + shift):
        probability = np.round(1 / (1 + np.exp(-values)), 6)
        flagged.append((probability >= scores.best_threshold(truth, probability)).sum())
    assert abs(int(flagged[0]) - int(flagged[1])) <= 0.01 * truth.sum()


def test_a_threshold_hangs_on_no_single_row_near_it() -> None:
    truth, logits = drawn(2000, 0)
    probability = np.round(1 / (1 + np.exp(-logits)), 6)
    best = scores.best_threshold(truth, probability)
    for row in np.argsort(np.abs(probability - best))[:10]:
        other = truth.copy()
        other[row] = not other[row]
        assert scores.best_threshold(other, probability) == pytest.approx(best, abs=0.02)


LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 0], np.int8)
SPAM = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.1, 0.0])
PREDICTED = (SPAM >= 0.5).astype(np.int8)  # two caught, one missed, one blocked, four passed
EXPECTED = {
    "accuracy": 6 / 8,
    "majority_accuracy": 5 / 8,
    "precision": 2 / 3,
    "f1": 2 / 3,
    "mcc": (2 * 4 - 1 * 1) / 15,
    "roc_auc": 14 / 15,  # of 15 pairs of a spam and a ham, one is in the wrong order
    "average_precision": (1 / 1 + 2 / 2 + 3 / 4) / 3,
    "brier": (0.01 + 0.04 + 0.49 + 0.49 + 0.04 + 0.01 + 0.01 + 0.0) / 8,
    "loss": -sum(map(math.log, [0.9, 0.8, 0.3, 0.3, 0.8, 0.9, 0.9, 1.0])) / 8,
    "calibration_error": (0.1 + 0.2 + 0.7 + 0.7 + 0.2 + (0.1 + 0.1) + 0) / 8,  # only the rows of 0.1 share a bin
    "recall": 2 / 3,
    "false_positive_rate": 1 / 5,
    "true_positives": 2,
    "false_positives": 1,
    "false_negatives": 1,
    "true_negatives": 4,
}


@pytest.mark.parametrize("positive", [1, 0])
def test_every_score_is_that_of_the_hand_made_example(positive: int) -> None:
    labels, predicted = (LABELS, PREDICTED) if positive else (1 - LABELS, 1 - PREDICTED)
    columns = [1 - SPAM, SPAM] if positive else [SPAM, 1 - SPAM]
    found = scores.scores(labels, predicted, np.stack(columns, axis=1), positive)
    assert found == pytest.approx(EXPECTED)


def test_of_three_labels_all_count_in_accuracy_and_the_positive_one_alone_in_recall() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2], np.int8)
    predicted = np.array([0, 1, 1, 1, 2, 0], np.int8)
    probabilities = np.full((6, 3), 0.2)
    probabilities[np.arange(6), predicted] = 0.6
    found = scores.scores(labels, predicted, probabilities, positive=2)
    expected = {
        "accuracy": 4 / 6,
        "majority_accuracy": 2 / 6,
        "mcc": (4 * 6 - (2 * 2 + 3 * 2 + 1 * 2)) / math.sqrt((36 - 4 - 9 - 1) * (36 - 12)),  # R_K, Gorodkin 2004
        "loss": -(4 * math.log(0.6) + 2 * math.log(0.2)) / 6,
        "precision": 1,
        "recall": 1 / 2,
        "f1": 2 / 3,
        "macro_precision": (1 / 2 + 2 / 3 + 1) / 3,
        "macro_recall": (1 / 2 + 1 + 1 / 2) / 3,
        "macro_f1": (1 / 2 + 4 / 5 + 2 / 3) / 3,
        "roc_auc": (4 + 2) / 8,  # one before all four others, one level with them
        "average_precision": 1 / 2 * 1 + 1 / 2 * (2 / 6),
        "brier": (0.4**2 + 0.8**2 + 4 * 0.2**2) / 6,
        "calibration_error": (abs(1 - 0.6) + abs(1 - 5 * 0.2)) / 6,
        "false_positive_rate": 0,
        "true_positives": 1,
        "false_positives": 0,
        "false_negatives": 1,
        "true_negatives": 4,
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_a_probability_rounded_to_0_or_1_has_a_finite_loss(answer: float) -> None:
    spam = np.full(8, answer)
    found = scores.scores(LABELS, (spam >= 0.5).astype(np.int8), np.stack([1 - spam, spam], axis=1), 1)
    assert all(math.isfinite(value) for value in found.values())
    wrong = np.mean(answer != LABELS)
    assert found["loss"] == pytest.approx(-wrong * math.log(0.5e-6))  # no more than six digits can say


@pytest.mark.parametrize("predicted", [np.zeros(8, np.int8), np.ones(8, np.int8)])
def test_one_answer_for_all_has_finite_scores(predicted: NDArray[np.int8]) -> None:
    found = scores.scores(LABELS, predicted, np.stack([1 - SPAM, SPAM], axis=1), 1)
    assert all(math.isfinite(value) for value in found.values())
    assert found["mcc"] == 0
    assert found["recall"] == found["false_positive_rate"] == predicted[0]


@pytest.mark.filterwarnings("ignore:A single label")
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_the_correlation_of_counts_is_that_of_rows(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = np.array(pairs).T
    counts = metrics.confusion_matrix(labels, predicted, labels=[0, 1, 2])
    both = scores.matthews(np.stack([counts, counts.T]))
    assert both == pytest.approx([metrics.matthews_corrcoef(labels, predicted)] * 2)


def test_the_calibration_error_is_that_of_the_hand_made_example() -> None:
    truth, probability = np.array([0, 1, 1, 1, 0], bool), np.array([0.1, 0.12, 0.5, 0.95, 1.0])  # in bins 1, 7 and 14
    assert scores.calibration_error(truth, probability) == pytest.approx((0.78 + 0.5 + 0.95) / 5)


def test_probabilities_which_come_true_as_often_as_they_say_are_calibrated() -> None:
    truth, probability = np.array([1, 0, 0, 0, 1, 1, 0, 1], bool), np.repeat([0.25, 0.75], 4)
    assert scores.calibration_error(truth, probability) == pytest.approx(0)
    assert scores.calibration_error(~truth, probability) == pytest.approx(0.5)


COUNTED = st.lists(
    st.tuples(
        st.integers(0, 5),  # the label
        st.integers(0, 5),  # the answer
        st.tuples(*[st.integers(1, 4)] * 3),  # what the probabilities are proportional to: often level with others
        st.tuples(*[st.integers(0, 3)] * 2),  # how often each of two samples drew the row
    ),
    min_size=2,
    max_size=20,
)


@pytest.mark.filterwarnings("ignore:A single label")
@pytest.mark.parametrize("classes", [2, 3])
@settings(max_examples=40)
@given(rows=COUNTED)
def test_the_scores_of_counts_are_scikit_learns_with_the_counts_as_weights(
    rows: list[tuple[int, int, tuple[int, ...], tuple[int, ...]]], classes: int
) -> None:
    labels, predicted = (np.array([row[:2] for row in rows]).T % classes).astype(np.int8)
    shares = np.array([row[2][:classes] for row in rows], float)
    probabilities = shares / shares.sum(axis=1, keepdims=True)
    counts = np.array([row[3] for row in rows], float).T
    positive = classes - 1
    truth, answer, probability = labels == positive, predicted == positive, probabilities[:, positive]
    assume(all((weights * truth).any() and (weights * ~truth).any() for weights in counts))
    found = scores.resampled(labels, predicted, probabilities, positive, counts)
    for number, weights in enumerate(counts):
        assert {name: values[number] for name, values in found.items()} == pytest.approx({
            "accuracy": metrics.accuracy_score(labels, predicted, sample_weight=weights),
            "average_precision": metrics.average_precision_score(truth, probability, sample_weight=weights),
            "brier": metrics.brier_score_loss(truth, probability, sample_weight=weights),
            "f1": metrics.f1_score(truth, answer, sample_weight=weights, zero_division=0),
            "loss": metrics.log_loss(labels, probabilities, labels=range(classes), sample_weight=weights),
            "mcc": metrics.matthews_corrcoef(labels, predicted, sample_weight=weights),
            "precision": metrics.precision_score(truth, answer, sample_weight=weights, zero_division=0),
            "recall": metrics.recall_score(truth, answer, sample_weight=weights, zero_division=0),
            "roc_auc": metrics.roc_auc_score(truth, probability, sample_weight=weights),
        } | (macro_averages(labels, predicted, classes, weights) if classes > 2 else {}), abs=1e-9)  # fmt: skip


def macro_averages(labels: Labels, predicted: Labels, classes: int, weights: Floats) -> dict[str, float]:
    """Return scikit-learn's."""
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(classes), average="macro", sample_weight=weights, zero_division=0
    )
    return {"macro_f1": f1, "macro_precision": precision, "macro_recall": recall}


@settings(max_examples=200)
@given(ROWS)
@example([(True, 1.0), (False, 0.0)])  # nothing but the penalty keeps the slope finite
@example([(False, 1.0), (True, 0.0)])
@example([(True, 0.5), (False, 0.5), (False, 0.5)])
def test_the_calibration_is_scikit_learns_logistic_regression(rows: list[tuple[bool, float]]) -> None:
    truth, probability = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assume(truth.any() and not truth.all())
    inside = np.clip(probability, 0.5e-6, 1 - 0.5e-6)
    found = scores.calibrated(np.log(inside / (1 - inside)), truth)
    assert found == pytest.approx(platt(truth, probability), abs=2e-4)


def answered(rows: int, classes: int = 2, seed: int = 0) -> tuple[Labels, Labels, Floats]:
    """Return labels, answers of which some are wrong, and their probabilities, many of them level with another."""
    random = np.random.default_rng(seed)
    labels = random.choice(classes, rows, p=[0.6] + [0.4 / (classes - 1)] * (classes - 1))
    evidence = random.normal(0, 1, (rows, classes))
    evidence[np.arange(rows), labels] += 1.5
    probabilities = np.round(softmax(evidence), 2)
    return labels.astype(np.int8), probabilities.argmax(axis=1).astype(np.int8), probabilities


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_an_interval_of_every_headline_score_holds_what_was_measured(seed: int, classes: int) -> None:
    rows = answered(200, classes, seed)
    found = scores.intervals(*rows, 1, 1000, seed=0)
    assert set(found) == {"ci_low", "ci_high"}
    wanted = HEADLINE | (MACRO if classes > 2 else set())
    assert set(found["ci_low"]) == set(found["ci_high"]) == wanted
    measured = scores.scores(*rows, 1)
    for name in wanted:
        assert found["ci_low"][name] < measured[name] < found["ci_high"][name], name


def test_more_rows_have_a_narrower_interval() -> None:
    few, many = (scores.intervals(*answered(rows), 1, 500, seed=0) for rows in (100, 10_000))
    for name in HEADLINE:
        assert few["ci_high"][name] - few["ci_low"][name] > 4 * (many["ci_high"][name] - many["ci_low"][name]), name


def test_an_interval_is_that_of_its_seed() -> None:
    first, again, other = (scores.intervals(*answered(200), 1, 200, seed) for seed in (0, 0, 1))
    assert first == again
    for name in HEADLINE - {"recall", "false_positive_rate"}:
        assert first["ci_low"][name] != other["ci_low"][name] or first["ci_high"][name] != other["ci_high"][name]


def test_an_interval_is_the_same_however_many_samples_are_computed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = answered(150)
    at_once = scores.intervals(*rows, 1, 100, seed=0)
    monkeypatch.setattr(scores, "TOGETHER", 150 * 7)  # counts in memory: seven samples, and two in the last turn
    in_turns = scores.intervals(*rows, 1, 100, seed=0)
    for side, bounds in at_once.items():  # a product of matrices has other last bits in another shape
        assert in_turns[side] == pytest.approx(bounds, rel=1e-12)


@pytest.mark.parametrize("answer", [0, 1])
def test_each_label_is_resampled_within_itself(answer: int) -> None:
    labels, _, probabilities = answered(200)
    found = scores.intervals(labels, np.full(200, answer, np.int8), probabilities, 1, 200, seed=0)
    share = np.mean(labels == answer)
    assert found["ci_low"]["accuracy"] == pytest.approx(share)
    assert found["ci_high"]["accuracy"] == pytest.approx(share)


@pytest.mark.parametrize("classes", [2, 3])
def test_counts_are_resampled_as_rows_would_be(classes: int) -> None:
    rows = answered(300, classes)
    labels, predicted, probabilities = rows
    random = np.random.default_rng(5)
    of_rows = []
    for _ in range(400):
        chosen = np.concatenate([random.choice(np.flatnonzero(labels == label), (labels == label).sum())
                                 for label in range(classes)])  # fmt: skip
        of_rows.append(scores.scores(labels[chosen], predicted[chosen], probabilities[chosen], 1))
    found = scores.intervals(*rows, 1, 10_000, seed=0)
    for name in HEADLINE - {"recall", "false_positive_rate"}:
        low, high = np.percentile([one[name] for one in of_rows], [2.5, 97.5])
        assert found["ci_low"][name] == pytest.approx(low, abs=0.02), name
        assert found["ci_high"][name] == pytest.approx(high, abs=0.02), name


def test_without_mistakes_only_the_shares_of_few_rows_are_unsure() -> None:
    sure = np.stack([1 - LABELS, LABELS], axis=1).astype(float)
    found = scores.intervals(LABELS, LABELS, sure, 1, 100, seed=0)
    ideal = dict.fromkeys(HEADLINE, 1.0) | dict.fromkeys(("brier", "loss", "false_positive_rate"), 0.0)
    assert found["ci_low"] == pytest.approx(ideal | {"recall": 3 / (3 + 1.959964**2)})
    assert found["ci_high"] == pytest.approx(ideal | {"false_positive_rate": 1.959964**2 / (5 + 1.959964**2)})


def test_the_shares_caught_and_blocked_have_wilsons_intervals() -> None:
    found = scores.intervals(LABELS, PREDICTED, np.stack([1 - SPAM, SPAM], axis=1), 1, 100, seed=0)
    for name, (hits, rows) in {"recall": (2, 3), "false_positive_rate": (1, 5)}.items():
        assert [found["ci_low"][name], found["ci_high"][name]] == scores.wilson(hits, rows).tolist()


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # this and the next two: Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (29, 29, 0.8830, 1.0),
        (0, 900, 0.0, 3.841459 / 903.841459),
        (900, 900, 900 / 903.841459, 1.0),
        (5, 10, 0.5 - 0.263407, 0.5 + 0.263407),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilsons_interval_is_the_published_one(hits: int, rows: int, low: float, high: float) -> None:
    assert scores.wilson(hits, rows) == pytest.approx([low, high], abs=5e-5)


@given(st.integers(1, 2000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows))))
def test_wilsons_interval_holds_its_share_and_is_mirrored(counted: tuple[int, int]) -> None:
    hits, rows = counted
    low, high = scores.wilson(hits, rows)
    assert 0 <= low <= hits / rows + 1e-15
    assert hits / rows - 1e-15 <= high <= 1
    assert low < high
    assert scores.wilson(rows - hits, rows) == pytest.approx([1 - high, 1 - low])
