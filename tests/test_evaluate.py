"""The stage evaluate: the scores of the test rows, the tables, and a threshold that no test row chose."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from stages import evaluate
from tests.models import BEGINNINGS, THREE, TWO, copied, trained
from tests.test_metrics import HEADLINE
from tests.workspace import Workspace
from textrnn.artifacts import provenance, ragged
from textrnn.artifacts.messages import TWINS, read_messages
from textrnn.core import paths
from textrnn.core.escape import field
from textrnn.core.files import read_array, read_json, read_table, write_array, write_text
from textrnn.evaluation.checks import flattened
from textrnn.evaluation.tables import nearest
from textrnn.inference import decision, explain, loading, predictor
from textrnn.metrics.paired import verdict
from textrnn.metrics.threshold import best_threshold
from textrnn.model import stacking
from textrnn.model.stacking import softmax

PREDICTION = ["file", "line", "row", "label", "predicted", "probability", "text"]
COLUMNS = {
    "predictions": " ".join(PREDICTION),
    "errors": "file line row label predicted probability probability_of_label similarity nearest_file nearest_line "
    "nearest_row nearest_label nearest_text tokens text",
    "labels": "label rows predicted precision precision_low precision_high recall recall_low recall_high f1 "
    "confused_with confused",
    "disguises": "disguise example rows changed recall false_positive_rate",
    "label_errors": "file line label likelier new_label probability_of_label part row text",
}

both = pytest.mark.parametrize("labels", [TWO, THREE], ids=["two", "three"])


@pytest.fixture
def root(labels: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.getbasetemp(), labels)


@pytest.fixture
def two_labels(trained_model: Path, workspace: Workspace) -> Workspace:
    copied(workspace, trained_model.parent)
    return workspace


def table(root: Path, name: str) -> list[dict[str, str]]:
    """Return the lines below the header, which must hold the columns promised."""
    header, *rows = read_table(root / f"data/scored/{name}.{'csv' if name == 'label_errors' else 'tsv'}")
    *columns, last = COLUMNS[name].split()
    is_positive_of_many = read_json(root / "model/threshold.json")["positive_label"] in set(THREE) - set(TWO)
    own = ["probability_of_positive"] * (name == "predictions" and is_positive_of_many)
    assert header == [*columns, *own, last]
    return [dict(zip(header, row, strict=True)) for row in rows]


def twins_of(root: Path) -> NDArray[np.bool_]:
    return np.asarray(read_array(root / "data/split/test/twins.npy"))


def held_out(root: Path) -> dict[int, list[float]]:
    """Return the probabilities of the labels of each row held out in training."""
    return {int(row): list(map(float, values)) for row, *values in read_table(root / "data/scored/held_out.tsv")[1:]}


def write_held_out(spam: dict[int, float]) -> None:
    lines = "".join(f"{row}\t{1 - value:.6f}\t{value:.6f}\n" for row, value in spam.items())
    write_text(paths.HELD_OUT, "row\tham\tspam\n" + lines)


def without_folds() -> None:
    """Let train have written what it writes of a single network."""
    np.savez(paths.OUT_OF_FOLD, fold=np.zeros(0, np.int64))


def relabel(labels: NDArray[np.int16]) -> None:
    """Give the test rows these labels, in every file that has them."""
    messages = read_messages(paths.MESSAGES)
    for row, label in zip(ragged.load(paths.TEST).rows, labels, strict=True):
        messages[row] = (TWO[label], messages[row][1])
    Workspace.messages(Workspace(paths.ROOT), messages)
    write_array(paths.TEST / "labels.npy", labels)


@both
def test_evaluate_writes_the_metrics_of_its_predictions(root: Path) -> None:
    written = (root / "data/scored/scores.json").read_text("utf-8")
    found = json.loads(written)
    baselines, gains = found.pop("baselines"), found.pop("gain_over")
    counts = {f"{right}_{kind}" for right in ("true", "false") for kind in ("positives", "negatives")}
    measured = HEADLINE | counts | {"majority_accuracy", "calibration_error"}
    promised = {f"{bound}.{name}" for bound in ("ci_low", "ci_high") for name in HEADLINE}
    promised |= measured | {"threshold", "label_errors.all", "label_errors.test"}
    promised |= {f"test_twins.{name}" for name in TWINS}
    if twins_of(root).any():
        promised |= {f"without_twins.{name}" for name in ("rows", "accuracy", "mcc", "macro_f1")}
    assert set(flattened(found)) == promised
    assert all(math.isfinite(value) and value == round(value, 6) for value in flattened(found).values())
    assert written == json.dumps(found | {"baselines": baselines, "gain_over": gains}, indent=2, sort_keys=True) + "\n"
    assert set(baselines) == {"majority", "tfidf", "linear", "networks"}
    assert set(baselines["linear"]) == set(baselines["networks"]) == set(baselines["majority"])
    assert set(gains) == {"tfidf", "linear", "networks"}
    everything = sum(len(ragged.load(root / f"data/split/{part}").rows) for part in ("train", "validation", "test"))
    assert {one["rows"] for one in gains.values()} == {everything}
    assert baselines["majority"]["accuracy"] == found["majority_accuracy"]
    assert_measured(found, table(root, "predictions"), read_json(root / "model/threshold.json")["positive_label"])


def assert_measured(found: dict[str, Any], rows: list[dict[str, str]], positive: str) -> None:
    """Compare scores with those of lines of predictions.tsv."""
    label, answer = ([row[name] for row in rows] for name in ("label", "predicted"))
    truth, flagged = ([one == positive for one in column] for column in (label, answer))
    likely = [float(row.get("probability_of_positive", row["probability"])) for row in rows]
    expected = {
        "accuracy": metrics.accuracy_score(label, answer),
        "mcc": metrics.matthews_corrcoef(label, answer),
        "average_precision": metrics.average_precision_score(truth, likely),
        "recall": metrics.recall_score(truth, flagged),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.usefixtures("two_labels")
def test_undisguised_the_sample_is_answered_as_the_test_rows_are() -> None:
    found = {row["disguise"]: row for row in table(paths.ROOT, "disguises")}
    scores = read_json(paths.SCORES)
    assert int(found["none"]["rows"]) == len(ragged.load(paths.TEST).rows)  # few enough to take all
    for name in ("recall", "false_positive_rate"):
        assert float(found["none"][name]) == pytest.approx(scores[name], abs=1e-6)
    assert float(found["none"]["changed"]) == 0 < float(found["look-alikes"]["changed"])


@both
def test_the_predictions_are_the_test_rows_and_the_errors_the_wrong_ones(root: Path) -> None:
    messages, rows = read_messages(root / "data/clean/messages.tsv"), table(root, "predictions")
    assert [int(row["row"]) for row in rows] == ragged.load(root / "data/split/test").rows.tolist()
    expected = [messages[int(row["row"])] for row in rows]
    assert [(row["label"], row["text"]) for row in rows] == [(label, field(text)) for label, text in expected]
    assert any("\\t" in row["text"] for row in rows)
    assert all((row["file"], int(row["line"])) == ("sms-spam", int(row["row"]) + 1) for row in rows)
    wrong = [
        {name: row[name] for name in PREDICTION} | {"probability": ""}
        for row in rows
        if row["label"] != row["predicted"]
    ]
    found = table(root, "errors")
    assert wrong
    without = [{name: row[name] for name in PREDICTION} | {"probability": ""} for row in found]
    assert sorted(without, key=lambda row: int(row["row"])) == wrong
    if root.name == "trained-2":
        threshold = read_json(root / "model/threshold.json")["threshold"]
        spam = [float(row["probability" if row["predicted"] == "spam" else "probability_of_label"]) for row in found]
        distances = [abs(value - threshold) for value in spam]
        assert distances == sorted(distances, reverse=True), "the surest first"
    else:
        likely = predictor.probabilities(loading.load(root / "model"), [text for _, text in expected])
        assert [row["predicted"] for row in rows] == [sorted(THREE)[place] for place in likely.argmax(axis=1)]
        assert [float(row["probability"]) for row in rows] == likely.max(axis=1).tolist(), "that of the answer"
        of_positive = likely[:, sorted(THREE).index(THREE[-1])].tolist()
        assert [float(row["probability_of_positive"]) for row in rows] == of_positive


@both
def test_a_mistake_has_the_probability_of_its_answer_and_of_its_label_and_of_no_other(root: Path) -> None:
    messages, model = read_messages(root / "data/clean/messages.tsv"), loading.load(root / "model")
    names = sorted({label for label, _ in messages})
    for line in table(root, "errors"):
        likely = predictor.probabilities(model, [messages[int(line["row"])][1]])[0]
        for column, label in (("probability", "predicted"), ("probability_of_label", "label")):
            assert float(line[column]) == pytest.approx(likely[names.index(line[label])], abs=2e-6)


@both
def test_a_mistake_comes_with_its_tokens_and_with_the_most_similar_training_row(root: Path) -> None:
    messages, model = read_messages(root / "data/clean/messages.tsv"), loading.load(root / "model")
    known = [row for part in ("train", "validation") for row in ragged.load(root / f"data/split/{part}").rows.tolist()]
    names = sorted({label for label, _ in messages})
    lines = table(root, "errors")
    places, similarity = nearest([messages[int(line["row"])][1] for line in lines], [messages[row][1] for row in known])
    for line, place, alike in zip(lines, places, similarity, strict=True):
        label, text = messages[known[place]]
        assert (int(line["nearest_row"]), line["similarity"]) == (known[place], f"{alike:.3f}")
        assert (line["nearest_file"], int(line["nearest_line"])) == ("sms-spam", known[place] + 1)
        assert (line["nearest_label"], line["nearest_text"]) == (label, field(text))
        text, answer = messages[int(line["row"])][1], names.index(line["predicted"])
        token, weight = max(explain.strongest(explain.pieces(model, text, answer)), key=lambda one: one[1])
        if weight > 0:
            assert line["tokens"].split()[0] == f"{token}={weight:.2f}"
    assert sum(bool(line["tokens"]) for line in lines) > 3


def test_without_a_mistake_the_errors_are_a_header_alone(two_labels: Workspace) -> None:
    relabel(np.array([TWO.index(row["predicted"]) for row in table(paths.ROOT, "predictions")], np.int16))
    two_labels.run(evaluate.main)
    assert table(paths.ROOT, "errors") == []
    assert two_labels.metrics("evaluate")["accuracy"] == 1


# Label errors


@both
def test_a_label_error_has_its_label_and_the_likelier_one_and_the_metrics_count_it(root: Path) -> None:
    messages, lines = read_messages(root / "data/clean/messages.tsv"), table(root, "label_errors")
    test = {int(row["row"]) for row in table(root, "predictions")}
    names, model = sorted({label for label, _ in messages}), loading.load(root / "model")
    assert {line["part"] for line in lines} == {"test", "held out"}
    for line in lines:
        row = int(line["row"])
        assert (line["file"], int(line["line"]), line["new_label"]) == ("sms-spam", row + 1, "")
        assert (line["label"], line["text"]) == (messages[row][0], field(messages[row][1]))
        assert line["part"] == ("test" if row in test else "held out")
        likely = predictor.probabilities(model, [messages[row][1]])[0] if row in test else np.array(held_out(root)[row])
        assert float(line["probability_of_label"]) == pytest.approx(likely[names.index(line["label"])], abs=2e-6)
        assert line["likelier"] == names[likely.argmax()]
    own = [float(line["probability_of_label"]) for line in lines]
    assert own == sorted(own), "the least likely label first"
    counted = {"all": len(lines), "test": sum(line["part"] == "test" for line in lines)}
    assert read_json(root / "data/scored/scores.json")["label_errors"] == counted
    assert test | set(held_out(root)) == set(range(len(messages)))
    if names == list(TWO):
        own = [text.startswith(tuple(BEGINNINGS[TWO.index(label)])) for label, text in messages]
        planted = set(np.flatnonzero(~np.array(own)).tolist())
        assert {int(line["row"]) for line in lines} <= planted
        assert len(lines) > 0.8 * len(planted) > 10


# What DVC compares


@both
def test_dvc_compares_at_most_ten_numbers_of_a_stage_which_are_among_all_scores(root: Path) -> None:
    for file in (root / "metrics").iterdir():
        assert len(flattened(read_json(file))) <= 10, file
    scores, compared = read_json(root / "data/scored/scores.json"), read_json(root / "metrics/evaluate.json")
    assert len(compared) == 10
    assert compared.pop("baseline_mcc") == scores["baselines"]["tfidf"]["mcc"]
    assert compared == {name: scores[name] for name in compared}


def test_any_score_can_be_required_an_interval_and_a_lead_over_the_baseline_too(two_labels: Workspace) -> None:
    bounds = {"ci_low.mcc": 0.0, "true_positives": 1, "baselines.tfidf.mcc": 0.1, "label_errors.all": 1}
    two_labels.settings(evaluate__bootstrap_samples=200, evaluate__require=bounds)
    two_labels.run(evaluate.main)
    two_labels.settings(evaluate__bootstrap_samples=200, evaluate__require={"ci_low.mcc": 1.0})
    assert "expected ci_low.mcc of at least 1, found 0." in two_labels.failure(evaluate.main)


# What each part adds


@both
def test_each_part_alone_is_scored_with_a_threshold_of_its_own(root: Path) -> None:
    names = [name for name, _ in read_table(root / "data/vectors/classes.tsv")]
    test, model = ragged.load(root / "data/split/test"), loading.load(root / "model")
    parts = [ragged.load(root / f"data/split/{part}") for part in ("train", "validation")]
    labels = np.concatenate([part.labels for part in parts])
    messages, scores = read_messages(root / "data/clean/messages.tsv"), read_json(root / "data/scored/scores.json")
    texts = [messages[row][1] for row in test.rows]
    outputs = predictor.outputs(model, texts, ["networks", "characters", "words", "size"])
    with np.load(root / "data/trained/out_of_fold.npz") as arrays:
        known = {name: arrays[name].astype(float) for name in arrays}
    assert [len(array) for array in known.values()] == [len(labels)] * 5
    for part, sources in (("networks", ["networks"]), ("linear", ["characters", "words", "size"])):
        blend, logits = stacking.blended([known[name] for name in sources], labels, known["fold"].astype(int))
        probabilities = softmax(stacking.apply(blend, [outputs[name] for name in sources]))
        answers = probabilities.argmax(axis=1)
        if len(names) == 2:
            cut = best_threshold(labels == 1, np.round(softmax(logits)[:, 1], 6))
            answers = probabilities[:, 1] >= cut
        found = scores["baselines"][part]
        assert found["accuracy"] == pytest.approx((answers == test.labels).mean(), abs=1e-6)
        assert found["loss"] == pytest.approx(metrics.log_loss(test.labels, probabilities), abs=1e-4)


def test_the_terminal_says_what_the_networks_add(two_labels: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    two_labels.settings(evaluate__bootstrap_samples=200)
    evaluate.main()
    assert f"note: {verdict(read_json(paths.SCORES)['gain_over']['linear'])}\n" in capsys.readouterr().err


# The threshold


def test_the_threshold_is_the_best_one_of_the_held_out_rows(trained_model: Path) -> None:
    two = trained_model.parent
    messages, probabilities = read_messages(two / "data/clean/messages.tsv"), held_out(two)
    truth = np.array([messages[row][0] == "spam" for row in probabilities])
    expected = best_threshold(truth, np.array([spam for _, spam in probabilities.values()]))
    assert len(truth) == sum(len(ragged.load(two / f"data/split/{part}").rows) for part in ("train", "validation"))
    model = provenance.checksum(two / "model/model.json")
    assert read_json(two / "model/threshold.json") == {"model": model, "positive_label": "spam", "threshold": expected}
    assert read_json(two / "metrics/evaluate.json")["threshold"] == expected
    for row in table(two, "predictions"):
        assert row["predicted"] == ("spam" if float(row["probability"]) >= expected else "ham")


def test_without_held_out_rows_of_both_kinds_only_a_given_threshold_works(
    trained_model: Path, two_labels: Workspace
) -> None:
    messages = read_messages(paths.MESSAGES)
    write_held_out({row: spam for row, (_, spam) in held_out(paths.ROOT).items() if messages[row][0] == "ham"})
    said = two_labels.failure(evaluate.main)
    assert said.startswith("error: params.yaml: expected held-out rows of both kinds to choose evaluate.threshold by")
    assert "split.validation_share" in said
    paths.HELD_OUT.unlink()
    assert "data/scored/held_out.tsv, found none: run `dvc repro`" in two_labels.failure(evaluate.main)
    write_held_out({})
    without_folds()
    two_labels.settings(evaluate__positive_label="ham", evaluate__threshold=0.123456789)
    two_labels.run(evaluate.main)
    assert read_json(paths.MODEL / "threshold.json")["threshold"] == 0.123456789
    assert two_labels.metrics("evaluate")["threshold"] == 0.123457
    after = table(paths.ROOT, "predictions")
    for spam, ham in zip(table(trained_model.parent, "predictions"), after, strict=True):
        assert float(spam["probability"]) + float(ham["probability"]) == pytest.approx(1, abs=2e-6)
        assert ham["predicted"] == ("ham" if float(ham["probability"]) >= 0.123456789 else "spam")
    assert_measured(two_labels.metrics("evaluate"), after, "ham")


# More than two labels, and none positive


def test_without_a_positive_label_every_label_counts_alike(
    tmp_path_factory: pytest.TempPathFactory, workspace: Workspace
) -> None:
    copied(workspace, trained(tmp_path_factory.getbasetemp(), THREE))
    workspace.settings(evaluate__positive_label=None, evaluate__bootstrap_samples=200)
    workspace.run(evaluate.main)
    decided, found = read_json(paths.MODEL / "threshold.json"), read_json(paths.SCORES)
    assert set(workspace.metrics("evaluate")) == {"accuracy", "baseline_mcc", "loss", "macro_f1", "mcc"}
    assert (decided["positive_label"], decided["threshold"]) == (None, None)
    assert decision.read(paths.MODEL, sorted(THREE)) == decision.Rule(None, 0.0)
    assert {"macro_f1", "weighted_f1"} <= set(found["ci_low"])
    assert not {"threshold", "recall", "average_precision", "true_positives"} & set(found)
    rows = table(paths.ROOT, "predictions")
    messages = read_messages(paths.MESSAGES)
    texts = [messages[int(row["row"])][1] for row in rows]
    likely = predictor.probabilities(loading.load(paths.MODEL), texts).max(axis=1)
    assert [float(row["probability"]) for row in rows] == likely.tolist(), "that of the answer"
    label, answer = ([row[name] for row in rows] for name in ("label", "predicted"))
    labels = table(paths.ROOT, "labels")
    assert found["macro_recall"] == pytest.approx(np.mean([float(line["recall"]) for line in labels]), abs=1e-6)
    for line in labels:
        assert int(line["rows"]) == label.count(line["label"])
        assert int(line["predicted"]) == answer.count(line["label"])
        if line["confused_with"]:
            pairs = zip(label, answer, strict=True)
            assert int(line["confused"]) == sum(pair == (line["label"], line["confused_with"]) for pair in pairs)


def test_rows_with_a_twin_outside_the_test_part_are_scored_with_and_without(two_labels: Workspace) -> None:
    rows = table(paths.ROOT, "predictions")
    right = np.array([row["label"] == row["predicted"] for row in rows])
    write_array(paths.TEST / "twins.npy", right)
    two_labels.run(evaluate.main)
    found = read_json(paths.SCORES)
    assert found["without_twins"] == {"rows": (~right).sum(), "accuracy": 0, "mcc": -1, "macro_f1": 0}
    assert found["accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    write_array(paths.TEST / "twins.npy", np.ones(len(rows), bool))
    two_labels.run(evaluate.main)
    assert read_json(paths.SCORES)["without_twins"] == {"rows": 0}


# Requirements and warnings


def test_a_score_worse_than_required_fails_the_stage_once_the_same_bytes_are_written(two_labels: Workspace) -> None:
    outputs = [paths.MODEL / "threshold.json", paths.METRICS / "evaluate.json", paths.SCORES]
    outputs += [paths.PREDICTIONS, paths.ERRORS, paths.LABELS, paths.LABEL_ERRORS]
    before = [path.read_bytes() for path in outputs]
    for path in outputs:
        path.unlink()
    two_labels.settings(evaluate__bootstrap_samples=200, evaluate__require={"mcc": 1.0, "false_positive_rate": 1.0})
    said = two_labels.failure(evaluate.main)
    assert said.startswith("error: params.yaml: expected mcc of at least 1, found 0.")
    assert "false_positive_rate" not in said
    assert [path.read_bytes() for path in outputs] == before


def test_other_labels_of_test_rows_change_the_scores_and_the_warnings_but_not_the_threshold(
    two_labels: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    header, *before = paths.WARNINGS.read_text("utf-8").splitlines()
    assert header == "warning", "never empty"
    assert ["ten lines of scikit-learn" in warning for warning in before] == [True] * len(before)
    threshold, before = (paths.MODEL / "threshold.json").read_bytes(), two_labels.metrics("evaluate")["accuracy"]
    labels = np.asarray(ragged.load(two_labels.root / "data/split/test").labels)
    relabel(np.sign(np.arange(len(labels))).astype(np.int16))
    evaluate.main()
    header, *found = paths.WARNINGS.read_text("utf-8").splitlines()
    assert header == "warning"
    assert found[0].startswith("the test has only 1 row of 'ham': ")
    said = verdict(read_json(paths.SCORES)["gain_over"]["linear"])
    assert capsys.readouterr().err == "".join(f"note: {line}\n" for line in [*found, said])
    assert two_labels.metrics("evaluate")["accuracy"] < before - 0.1
    assert (paths.MODEL / "threshold.json").read_bytes() == threshold
