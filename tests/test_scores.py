"""The scores, against hand-made examples and slower ways to compute them; and the stage that writes them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from stages import evaluate
from tests.models import THREE, TWO, copied, trained
from tests.workspace import Workspace
from textrnn import inference, paths, ragged, scores
from textrnn.files import read_json, read_table
from textrnn.messages import read_messages

Floats = NDArray[np.float64]

# An answer of six digits, often close to another one.
ANSWERS = st.one_of(st.integers(0, 10**6), st.integers(0, 6), st.sampled_from([10**6, 10**6 - 1, 5 * 10**5]))
ROWS = st.lists(st.tuples(st.booleans(), ANSWERS.map(lambda answer: answer / 10**6)), min_size=1, max_size=30)


def mcc_at(threshold: float, truth: NDArray[np.bool_], probability: Floats) -> float:
    predicted = probability >= threshold
    if len(set(predicted)) == 1 or len(set(truth)) == 1:
        return 0.0
    return float(metrics.matthews_corrcoef(truth, predicted))


@given(ROWS)
@example([(True, 0.000001), (False, 0.0)])  # nothing lies between
@example([(True, 0.000002), (False, 0.000001)])
@example([(False, 0.0)])
@example([(True, 1.0), (False, 1.0)])
def test_no_threshold_has_a_higher_correlation_than_the_best(rows: list[tuple[bool, float]]) -> None:
    truth, probability = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    best = scores.best_threshold(truth, probability)
    assert best == round(best, 6)
    assert 0 <= best <= 1
    every = {0.0, 2.0, *probability, *(probability + 5e-7)}
    highest = max(mcc_at(threshold, truth, probability) for threshold in every)
    assert mcc_at(best, truth, probability) >= highest - 1e-9


@pytest.mark.parametrize(
    ("truth", "probability", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 0.5),  # half-way between the two kinds
        ([1, 0, 1, 0], [0.9, 0.2, 0.8, 0.1], 0.5),  # in any order
        ([0, 1, 1], [0.0, 1.0, 1.0], 0.5),
        ([0, 1], [0.1, 0.2], 0.15),
        ([0, 1, 0, 0, 1], [0.1, 0.4, 0.4, 0.4, 0.9], 0.65),  # the fewest mistakes: one is missed
        ([1, 1, 1], [0.2, 0.4, 0.6], 0.3),  # one kind alone: all are equally good, the middle one is taken
        ([0, 0, 0], [0.2, 0.4, 0.6], 0.3),
    ],
)
def test_the_threshold_lies_in_the_middle_of_the_best(
    truth: list[int], probability: list[float], expected: float
) -> None:
    assert scores.best_threshold(np.array(truth, bool), np.array(probability)) == pytest.approx(expected)


LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 0], np.int8)
SPAM = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.1, 0.0])
PREDICTED = (SPAM >= 0.5).astype(np.int8)  # two caught, one missed, one blocked, four passed
EXPECTED = {
    "accuracy": 6 / 8,
    "majority_accuracy": 5 / 8,
    "precision": 2 / 3,
    "recall": 2 / 3,
    "f1": 2 / 3,
    "mcc": (2 * 4 - 1 * 1) / 15,
    "roc_auc": 14 / 15,  # of 15 pairs of a spam and a ham, one is in the wrong order
    "average_precision": (1 / 1 + 2 / 2 + 3 / 4) / 3,
    "brier": (0.01 + 0.04 + 0.49 + 0.49 + 0.04 + 0.01 + 0.01 + 0.0) / 8,
    "loss": -sum(map(math.log, [0.9, 0.8, 0.3, 0.3, 0.8, 0.9, 0.9, 1.0])) / 8,
    "spam_caught": 2 / 3,
    "blocked_ham": 1 / 5,
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
        "roc_auc": (4 + 2) / 8,  # one before all four others, one level with them
        "average_precision": 1 / 2 * 1 + 1 / 2 * (2 / 6),
        "brier": (0.4**2 + 0.8**2 + 4 * 0.2**2) / 6,
        "spam_caught": 1 / 2,
        "blocked_ham": 0,
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
    assert found["spam_caught"] == found["blocked_ham"] == predicted[0]


@pytest.mark.filterwarnings("ignore:A single label")
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_the_correlation_of_counts_is_that_of_rows(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = np.array(pairs).T
    counts = metrics.confusion_matrix(labels, predicted, labels=[0, 1, 2])
    both = scores.matthews(np.stack([counts, counts.T]))
    assert both == pytest.approx([metrics.matthews_corrcoef(labels, predicted)] * 2)


def answered(rows: int, classes: int = 2, seed: int = 0) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return labels and answers, a fifth of which are wrong."""
    random = np.random.default_rng(seed)
    labels = random.choice(classes, rows, p=[0.6] + [0.4 / (classes - 1)] * (classes - 1))
    other = (labels + random.integers(1, classes, rows)) % classes
    return labels.astype(np.int8), np.where(random.random(rows) < 0.2, other, labels).astype(np.int8)


def measured(labels: NDArray[np.int8], predicted: NDArray[np.int8]) -> dict[str, float]:
    return {"accuracy": float(np.mean(labels == predicted)), "mcc": metrics.matthews_corrcoef(labels, predicted)}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_an_interval_holds_what_was_measured(seed: int, classes: int) -> None:
    labels, predicted = answered(200, classes, seed)
    found = scores.intervals(labels, predicted, 1000, seed=0)
    for name, value in measured(labels, predicted).items():
        assert found["ci_low"][name] < value < found["ci_high"][name]


def test_more_rows_have_a_narrower_interval() -> None:
    few, many = (scores.intervals(*answered(rows), 1000, seed=0) for rows in (100, 10_000))
    for name in ("accuracy", "mcc"):
        assert few["ci_high"][name] - few["ci_low"][name] > 5 * (many["ci_high"][name] - many["ci_low"][name])


def test_an_interval_is_that_of_its_seed() -> None:
    first, again, other = (scores.intervals(*answered(200), 1000, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("classes", [2, 3])
def test_counts_are_resampled_as_rows_would_be(classes: int) -> None:
    labels, predicted = answered(300, classes)
    random = np.random.default_rng(5)
    resampled = []
    for _ in range(1000):
        rows = np.concatenate([random.choice(np.flatnonzero(labels == label), (labels == label).sum())
                               for label in range(classes)])  # fmt: skip
        resampled.append(measured(labels[rows], predicted[rows]))
    found = scores.intervals(labels, predicted, 20_000, seed=0)
    for name in ("accuracy", "mcc"):
        low, high = np.percentile([one[name] for one in resampled], [2.5, 97.5])
        assert found["ci_low"][name] == pytest.approx(low, abs=0.015)
        assert found["ci_high"][name] == pytest.approx(high, abs=0.015)


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_label_have_an_interval(label: int) -> None:
    labels = np.full(50, label, np.int8)
    predicted = np.where(np.arange(50) < 10, 1 - label, label).astype(np.int8)
    found = scores.intervals(labels, predicted, 1000, seed=0)
    assert 0.6 < found["ci_low"]["accuracy"] < 0.8 < found["ci_high"]["accuracy"] < 1
    assert found["ci_low"]["mcc"] == found["ci_high"]["mcc"] == 0


def test_an_interval_without_mistakes_has_no_width() -> None:
    found = scores.intervals(LABELS, LABELS, 100, seed=0)
    assert found == {"ci_low": {"accuracy": 1, "mcc": 1}, "ci_high": {"accuracy": 1, "mcc": 1}}


# The stage.


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.getbasetemp(), TWO)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.getbasetemp(), THREE)


@pytest.fixture
def two_labels(two: Path, workspace: Workspace) -> Workspace:
    copied(workspace, two)
    return workspace


@pytest.fixture
def three_labels(three: Path, workspace: Workspace) -> Workspace:
    copied(workspace, three)
    return workspace


def rows_of(path: Path) -> list[list[str]]:
    """Return row number, label, answer, probability and text of each line below the header."""
    header, *rows = read_table(path)
    assert header == ["row", "label", "predicted", "probability", "text"]
    return [[*row[:4], "\t".join(row[4:])] for row in rows]  # a text may hold tabs


def names_of(value: Any, prefix: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {prefix}
    return {name for key, one in value.items() for name in names_of(one, f"{prefix}.{key}" if prefix else key)}


def test_evaluate_writes_the_metrics_that_were_promised(two: Path) -> None:
    written = (two / "metrics/evaluate.json").read_text("utf-8")
    found = json.loads(written)
    promised = {
        "accuracy", "loss", "precision", "recall", "f1", "mcc", "roc_auc", "average_precision", "spam_caught",
        "blocked_ham", "brier", "threshold", "ci_low.mcc", "ci_high.mcc", "ci_low.accuracy", "ci_high.accuracy",
    }  # fmt: skip
    assert promised <= names_of(found)
    flat = [found[name] for name in found if not name.startswith("ci_")]
    flat += [*found["ci_low"].values(), *found["ci_high"].values()]
    assert all(isinstance(value, int | float) and math.isfinite(value) for value in flat)
    assert all(value == round(value, 6) for value in flat)
    assert written == json.dumps(found, indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize("labels", ["two", "three"])
def test_the_metrics_are_those_of_the_predictions(labels: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(labels)
    found = read_json(root / "metrics/evaluate.json")
    rows = rows_of(root / "data/scored/predictions.tsv")
    positive = read_json(root / "model/threshold.json")["positive_label"]
    label, answer = ([row[place] for row in rows] for place in (1, 2))
    truth = [one == positive for one in label]
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(label, answer), abs=1e-6)
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(label, answer), abs=1e-6)
    probability = [float(row[3]) for row in rows]
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, probability), abs=1e-6)
    assert found["recall"] == pytest.approx(metrics.recall_score(truth, [one == positive for one in answer]), abs=1e-6)
    assert found["ci_low"]["mcc"] < found["mcc"] < found["ci_high"]["mcc"]


@pytest.mark.parametrize("labels", ["two", "three"])
def test_the_predictions_are_the_test_rows_with_their_texts(labels: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(labels)
    messages = read_messages(root / "data/clean/messages.tsv")
    rows = rows_of(root / "data/scored/predictions.tsv")
    assert [int(row[0]) for row in rows] == ragged.load(root / "data/split/test").rows.tolist()
    assert [(row[1], row[4]) for row in rows] == [messages[int(row[0])] for row in rows]
    assert any("\t" in row[4] for row in rows)


@pytest.mark.parametrize("labels", ["two", "three"])
def test_the_errors_are_the_wrong_predictions(labels: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(labels)
    wrong = [row for row in rows_of(root / "data/scored/predictions.tsv") if row[1] != row[2]]
    found = rows_of(root / "data/scored/errors.tsv")
    assert wrong
    assert sorted(found) == sorted(wrong)


def test_the_surest_mistake_of_two_labels_is_the_one_farthest_from_the_threshold(two: Path) -> None:
    threshold = read_json(two / "model/threshold.json")["threshold"]
    distances = [abs(float(row[3]) - threshold) for row in rows_of(two / "data/scored/errors.tsv")]
    assert distances == sorted(distances, reverse=True)


def test_the_surest_mistake_of_three_labels_is_the_likeliest(three: Path) -> None:
    messages = read_messages(three / "data/clean/messages.tsv")
    wrong = [messages[int(row[0])][1] for row in rows_of(three / "data/scored/errors.tsv")]
    likeliest = inference.probabilities(inference.load(three / "model"), wrong).max(axis=1).tolist()
    assert len(likeliest) > 2
    assert likeliest == sorted(likeliest, reverse=True)


def test_the_threshold_is_the_best_one_of_the_validation_rows(two: Path) -> None:
    messages = read_messages(two / "data/clean/messages.tsv")
    rows = ragged.load(two / "data/split/validation")
    probability = inference.probabilities(inference.load(two / "model"), [messages[row][1] for row in rows.rows])[:, 1]
    expected = scores.best_threshold(rows.labels == 1, probability)
    assert read_json(two / "model/threshold.json") == {"positive_label": "spam", "threshold": expected}
    assert read_json(two / "metrics/evaluate.json")["threshold"] == expected
    for row in rows_of(two / "data/scored/predictions.tsv"):
        assert row[2] == ("spam" if float(row[3]) >= expected else "ham")


@pytest.mark.parametrize("threshold", [0.25, 0, 1, 0.9, 0.123456789])
def test_a_threshold_given_as_a_number_is_used_as_it_is(two_labels: Workspace, threshold: float) -> None:
    two_labels.settings(evaluate__threshold=threshold)
    two_labels.run(evaluate.main)
    assert read_json(paths.MODEL / "threshold.json") == {"positive_label": "spam", "threshold": threshold}
    assert two_labels.metrics("evaluate")["threshold"] == round(threshold, 6)
    for row in rows_of(paths.PREDICTIONS):
        assert row[2] == ("spam" if float(row[3]) >= threshold else "ham")


def test_the_probability_is_that_of_the_positive_label(two: Path, two_labels: Workspace) -> None:
    two_labels.settings(evaluate__positive_label="ham", evaluate__threshold=0.5)
    two_labels.run(evaluate.main)
    before, after = (rows_of(root / "data/scored/predictions.tsv") for root in (two, two_labels.root))
    for spam, ham in zip(before, after, strict=True):
        assert float(spam[3]) + float(ham[3]) == pytest.approx(1, abs=2e-6)
        assert ham[2] == ("ham" if float(ham[3]) >= 0.5 else "spam")
    found = two_labels.metrics("evaluate")
    assert found["roc_auc"] == pytest.approx(read_json(two / "metrics/evaluate.json")["roc_auc"], abs=1e-3)
    hams = [row for row in after if row[1] == "ham"]
    assert found["recall"] == pytest.approx(sum(row[2] == "ham" for row in hams) / len(hams), abs=1e-6)


def test_of_three_labels_the_likeliest_is_the_answer(three: Path) -> None:
    messages = read_messages(three / "data/clean/messages.tsv")
    rows = rows_of(three / "data/scored/predictions.tsv")
    model = inference.load(three / "model")
    probabilities = inference.probabilities(model, [messages[int(row[0])][1] for row in rows])
    names = sorted(THREE)
    assert [row[2] for row in rows] == [names[place] for place in probabilities.argmax(axis=1)]
    assert {row[2] for row in rows} == set(THREE)
    assert [row[3] for row in rows] == [f"{value:.6f}" for value in probabilities[:, names.index(THREE[-1])]]


@pytest.mark.parametrize("labels", ["two_labels", "three_labels"])
def test_a_second_evaluation_writes_the_same_bytes(labels: str, request: pytest.FixtureRequest) -> None:
    workspace: Workspace = request.getfixturevalue(labels)
    outputs = [paths.MODEL / "threshold.json", paths.METRICS / "evaluate.json", paths.PREDICTIONS, paths.MISTAKES]
    before = [path.read_bytes() for path in outputs]
    for path in outputs:
        path.unlink()
    workspace.run(evaluate.main)
    assert [path.read_bytes() for path in outputs] == before


def drop_validation() -> None:
    ragged.save(paths.VALIDATION, ragged.take(ragged.load(paths.VALIDATION), np.zeros(0, np.int64)))


def test_without_validation_rows_no_threshold_can_be_chosen(two_labels: Workspace) -> None:
    drop_validation()
    two_labels.settings(evaluate__threshold="validation")
    said = two_labels.failure(evaluate.main)
    assert "evaluate.threshold" in said
    assert "split.validation_share" in said


def test_without_validation_rows_a_number_is_enough(two_labels: Workspace) -> None:
    drop_validation()
    two_labels.settings(evaluate__threshold=0.5)
    two_labels.run(evaluate.main)
    assert two_labels.metrics("evaluate")["threshold"] == 0.5


@pytest.mark.parametrize("kind", [False, True])
def test_validation_rows_of_one_kind_cannot_choose_a_threshold(two_labels: Workspace, kind: bool) -> None:
    rows = ragged.load(paths.VALIDATION)
    ragged.save(paths.VALIDATION, ragged.take(rows, np.flatnonzero((rows.labels == 1) == kind)))
    two_labels.settings(evaluate__threshold="validation")
    assert "validation rows of both kinds" in two_labels.failure(evaluate.main)


@pytest.mark.parametrize("name", ["model.onnx", "settings.json", "vocabulary.tsv"])
def test_a_model_that_lacks_a_file_is_a_users_error(two_labels: Workspace, name: str) -> None:
    (paths.MODEL / name).unlink()
    two_labels.settings()
    said = two_labels.failure(evaluate.main)
    assert name in said
    assert "dvc repro" in said
