"""The scores, their intervals and the threshold: hand-made examples, scikit-learn, a simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from textrnn.metrics import intervals, scores, threshold
from textrnn.metrics.paired import difference, verdict
from textrnn.metrics.scores import Floats, Labels
from textrnn.metrics.wilson import ENDS, wilson
from textrnn.model.stacking import softmax

MACRO = {"macro_f1", "macro_precision", "macro_recall", "weighted_f1", "weighted_precision"}
HEADLINE = {"accuracy", "average_precision", "brier", "f1", "false_positive_rate", "loss", "mcc", "precision", "recall",
            "roc_auc"} | MACRO  # the scores with an interval  # fmt: skip
OVERALL = {"accuracy", "loss", "mcc", "top_3_accuracy"} | MACRO  # of more than three labels without a positive one

# Scores


LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 0], np.int16)
SPAM = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.1, 0.0])
PREDICTED = (SPAM >= 0.5).astype(np.int16)  # two found, one missed, one false alarm
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
    found = scores.scores(LABELS, (spam >= 0.5).astype(np.int16), np.stack([1 - spam, spam], axis=1), 1)
    assert all(math.isfinite(value) for value in found.values())
    wrong = np.mean(answer != LABELS)
    assert found["loss"] == pytest.approx(-wrong * math.log(0.5e-6))  # no more than six digits can say


def test_probabilities_that_come_true_as_often_as_they_say_are_calibrated() -> None:
    truth, probability = np.array([1, 0, 0, 0, 1, 1, 0, 1], bool), np.repeat([0.25, 0.75], 4)
    assert scores.calibration_error(truth, probability) == pytest.approx(0)
    assert scores.calibration_error(~truth, probability) == pytest.approx(0.5)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=12))
def test_correlation_and_macro_averages_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    labels, predicted = zip(*rows, [0, 1], strict=True)  # scikit-learn warns of a single label
    table = metrics.confusion_matrix(labels, predicted, labels=range(3))
    expected: dict[str, float] = {}
    for kind in ("macro", "weighted"):
        found = metrics.precision_recall_fscore_support(labels, predicted, average=kind, zero_division=0)
        expected |= dict(zip((f"{kind}_precision", f"{kind}_recall", f"{kind}_f1"), found[:3], strict=True))
    assert expected.pop("weighted_recall") == pytest.approx(metrics.accuracy_score(labels, predicted))
    counts = scores.margins(np.array(labels, np.int16), np.array(predicted, np.int16))
    assert scores.averages(*counts) == pytest.approx(expected)
    correlation = metrics.matthews_corrcoef(labels, predicted)
    assert scores.correlation(*counts) == pytest.approx(correlation)
    assert scores.matthews(np.stack([table, table.T])) == pytest.approx([correlation] * 2)


def test_without_a_positive_label_the_scores_are_over_all_labels() -> None:
    labels, predicted, probabilities = simulated(200, 5, np.random.default_rng(0))
    found = scores.scores(labels, predicted, probabilities, None)
    assert set(found) == OVERALL | {"majority_accuracy", "calibration_error"}
    assert found["top_3_accuracy"] == metrics.top_k_accuracy_score(labels, probabilities, k=3)
    right, sure = labels == predicted, probabilities.max(axis=1)
    assert found["calibration_error"] == scores.calibration_error(right, sure)
    named = scores.scores(labels, predicted, probabilities, 1)
    shared = OVERALL - {"top_3_accuracy"}
    assert {name: found[name] for name in shared} == {name: named[name] for name in shared}


def test_the_majority_baseline_always_answers_the_commonest_label() -> None:
    found = scores.majority_baseline(LABELS, 2, positive=1)
    assert (found["mcc"], found["roc_auc"], found["accuracy"]) == (0, 0.5, 5 / 8)
    assert (found["recall"], found["false_positive_rate"]) == (0, 0)
    assert found["average_precision"] == pytest.approx(3 / 8)
    assert found["brier"] == pytest.approx(3 / 8 * 5 / 8)
    assert scores.majority_baseline(LABELS, 2, positive=0)["recall"] == 1


# The threshold


@pytest.mark.parametrize(
    ("truth", "probability", "expected"),
    [
        ([1, 0, 1, 0], [0.9, 0.2, 0.8, 0.1], 0.5),
        ([0] * 9 + [1] * 9, [0.1] * 8 + [0.6] + [0.55] + [0.9] * 8, 0.575),  # one of each on the wrong side
        ([1, 0], [0.000001, 0.0], 0.000001),  # nothing lies between
        ([1, 0], [0.000002, 0.000001], 0.000002),
    ],
)
def test_the_threshold_lies_half_way_between_two_probabilities(
    truth: list[int], probability: list[float], expected: float
) -> None:
    assert threshold.best_threshold(np.array(truth, bool), np.array(probability)) == pytest.approx(expected)


def test_no_threshold_has_a_higher_expected_correlation_and_no_single_row_decides_it() -> None:
    random = np.random.default_rng(0)
    probability = np.round(1 / (1 + np.exp(-random.normal(-3, 3, 500))), 3)
    truth = random.random(500) < probability
    likely = threshold.calibrated(probability, truth)

    def expected(cut: float) -> float:
        pairs = ([kind[probability < cut].sum(), kind[probability >= cut].sum()] for kind in (1 - likely, likely))
        return float(scores.matthews(np.array(list(pairs))))

    best = threshold.best_threshold(truth, probability)
    assert expected(best) == pytest.approx(max(map(expected, [0, 2, *probability])))
    for row in np.argsort(np.abs(probability - best))[:5]:
        other = truth.copy()
        other[row] = not other[row]
        assert threshold.best_threshold(other, probability) == pytest.approx(best, abs=0.1)


# Intervals


def simulated(rows: int, classes: int, random: np.random.Generator) -> tuple[Labels, Labels, Floats]:
    """Return labels (a seventh of the rows have 1, and so on), the likeliest labels, and the probabilities."""
    labels = np.where(np.arange(rows) % 7 < classes, np.arange(rows) % 7, 0)
    logits = random.normal(0, 1.5, (rows, classes))
    logits[np.arange(rows), labels] += 3
    probabilities = softmax(logits)
    return labels.astype(np.int16), probabilities.argmax(axis=1).astype(np.int16), probabilities


def bounds(
    labels: Labels, predicted: Labels, probabilities: Floats, positive: int | None, samples: int, seed: int
) -> dict[str, dict[str, float]]:
    rows = labels, predicted, probabilities, positive
    return intervals.intervals(scores.scores(*rows), *rows, samples, seed)


@pytest.mark.parametrize(("classes", "positive", "wanted"), [(2, 1, HEADLINE), (3, 1, HEADLINE), (5, None, OVERALL)])
def test_every_interval_holds_the_score_measured(classes: int, positive: int | None, wanted: set[str]) -> None:
    rows = simulated(200, classes, np.random.default_rng(0))
    found = bounds(*rows, positive, 1000, seed=0)
    assert set(found) == {"ci_low", "ci_high"}
    assert set(found["ci_low"]) == set(found["ci_high"]) == wanted
    measured = scores.scores(*rows, positive)
    for name in wanted:
        assert found["ci_low"][name] < measured[name] < found["ci_high"][name], name


def test_a_seed_gives_the_same_interval_however_many_draws_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = simulated(200, 3, np.random.default_rng(0))
    first, other = (bounds(*rows, 1, 200, seed) for seed in (0, 1))
    monkeypatch.setattr(intervals, "TOGETHER", 7)  # tables at a time, and four in the last turn
    assert bounds(*rows, 1, 200, 0) == first
    for name in {"mcc"} | MACRO:
        assert first["ci_low"][name] != other["ci_low"][name] or first["ci_high"][name] != other["ci_high"][name]


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_drawing_few_cells_is_as_drawing_the_whole_table(classes: int) -> None:
    labels, predicted, _ = simulated(300, classes, np.random.default_rng(0))
    found = intervals.drawn(labels, predicted, 2000, seed=0)
    table = metrics.confusion_matrix(labels, predicted, labels=range(classes))
    prior = np.full((classes, classes), 1 / (classes * (classes - 1)))
    np.fill_diagonal(prior, 1 / classes)
    whole = np.random.default_rng(0).standard_gamma(table + prior, (2000, classes, classes))
    expected = scores.matthews(whole / whole.sum(axis=2, keepdims=True) * table.sum(axis=1, keepdims=True))
    if classes == 2:
        assert found["mcc"] == pytest.approx(expected)
    assert np.quantile(found["mcc"], ENDS) == pytest.approx(np.quantile(expected, ENDS), abs=0.005)


def test_the_cells_drawn_grow_with_the_rows_and_not_with_the_square_of_the_labels() -> None:
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 1000, (2, 5000)).astype(np.int16)
    rows, columns, shapes = intervals.cells(*scores.numbered(labels, predicted))
    assert len(shapes) == len({*zip(rows.tolist(), columns.tolist(), strict=True)}) <= 5000 + 2 * 1000
    assert shapes.sum() == pytest.approx(5000 + 2), "two pseudo-counts in all: a right and a wrong one"


def test_labels_without_rows_or_answers_change_nothing_and_one_answered_without_rows_is_drawn() -> None:
    labels, predicted = np.repeat(np.array([[3, 3, 8, 8], [3, 8, 8, 9]], np.int16), 10, axis=1)
    found = intervals.drawn(labels, predicted, 200, seed=0)
    assert all(np.isfinite(values).all() for values in found.values())
    assert (
        found["macro_recall"].tolist()
        == intervals.drawn(labels - 3, predicted - 3, 200, seed=0)["macro_recall"].tolist()
    )
    perfect = intervals.drawn(labels[:20], labels[:20], 200, seed=0)
    assert set(perfect["mcc"].tolist()) == {0}, "of one label nothing can be told"


@pytest.mark.parametrize("kinds", [[900, 131], [20, 20, 30]])
def test_without_a_mistake_no_score_is_certain(kinds: list[int]) -> None:
    labels = np.repeat(range(len(kinds)), kinds).astype(np.int16)
    probabilities = np.eye(len(kinds))[labels] * 0.8 + 0.1
    found = bounds(labels, labels, probabilities, 1, 500, seed=0)
    for name in HEADLINE - {"brier", "loss", "false_positive_rate"} & set(found["ci_low"]):
        assert 0.8 < found["ci_low"][name] < 0.999, name
        assert found["ci_high"][name] == pytest.approx(1), name
    assert found["ci_low"]["false_positive_rate"] < 1e-9 < found["ci_high"]["false_positive_rate"]
    assert found["ci_low"]["mcc"] < found["ci_low"]["accuracy"], "the width is that of both kinds of error"


def test_the_intervals_hold_the_true_scores_in_nineteen_of_twenty_tests_or_nearly() -> None:
    random = np.random.default_rng(0)
    true = scores.scores(*simulated(300_000, 2, random), 1)
    held = dict.fromkeys(HEADLINE, 0)
    for _ in range(100):
        found = bounds(*simulated(140, 2, random), 1, 200, seed=0)
        for name in HEADLINE:
            held[name] += found["ci_low"][name] <= true[name] <= found["ci_high"][name]
    assert min(held.values()) >= 88, held  # a bootstrap holds the true mcc in 46 to 93 of 100 such tests


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
    assert wilson(hits / max(1, rows), rows) == pytest.approx((low, high), abs=5e-5)


# Two models on the same rows


def test_the_difference_of_two_models_has_the_standard_error_of_a_mean_of_paired_differences() -> None:
    random = np.random.default_rng(0)
    right = random.random(5000) < 0.9
    other = np.where(random.random(5000) < 0.1, random.random(5000) < 0.5, right)
    found = difference(right, other)
    apart = right.astype(int) - other.astype(int)
    assert found["accuracy"] == pytest.approx(apart.mean())
    assert found["standard_error"] == pytest.approx(apart.std() / np.sqrt(5000), rel=0.01)
    assert difference(other, right) == {
        "accuracy": -found["accuracy"], "standard_error": found["standard_error"], "rows": 5000,
    }  # fmt: skip


def test_two_models_that_agree_on_every_row_are_not_equal_beyond_doubt() -> None:
    for rows, least in ((70, 0.01), (5000, 0.0001)):
        found = difference(np.ones(rows, bool), np.ones(rows, bool))
        assert found["accuracy"] == 0
        assert least < found["standard_error"] < 2 * least


@pytest.mark.parametrize(
    ("gain", "error", "said"),
    [
        (0.0161, 0.003, "the networks add +1.6 ± 0.3 points of accuracy here"),
        (
            0.0001,
            0.001,
            "the networks add nothing measurable here (+0.0 ± 0.1 points of accuracy): train.ensemble: 0 would do",
        ),
        (-0.011, 0.004, "the networks do harm here (-1.1 ± 0.4 points of accuracy): train.ensemble: 0 would do"),
        (0.02, 0.015, "whether the networks help cannot be told from so few messages (+2.0 ± 1.5 points of accuracy)"),
    ],
)
def test_what_the_networks_add_is_told_from_chance_and_from_too_few_messages(
    gain: float, error: float, said: str
) -> None:
    assert verdict({"accuracy": gain, "standard_error": error, "rows": 1000}) == said


def test_a_few_rows_in_the_wrong_order_do_not_make_every_answer_the_same() -> None:
    probability = np.linspace(0.45, 0.55, 40)
    truth = probability < 0.5  # by chance: the probabilities are those of rows that a model has not learnt
    assert 0.49 < threshold.best_threshold(truth, probability) < 0.51
