"""evaluate: what it says about the test rows, and that its threshold comes from other ones."""

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
from tests.test_neighbours import cosines
from tests.test_scores import HEADLINE, MACRO
from tests.workspace import Workspace
from textrnn.artifacts import provenance, ragged
from textrnn.artifacts.messages import read_messages
from textrnn.core import paths
from textrnn.core.escape import field
from textrnn.core.files import read_json, read_table, write_array, write_text
from textrnn.inference import explain, predictor
from textrnn.metrics import scores

PREDICTION = ["row", "label", "predicted", "probability", "text"]
MISTAKE = [*PREDICTION[:-1], "similarity", "nearest_row", "nearest_label", "nearest_text", "tokens", "text"]
SUSPECT = ["row", "part", "label", "likelier", "probability_of_label", "text"]

both = pytest.mark.parametrize("labels", ["two", "three"])
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.getbasetemp(), TWO)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.getbasetemp(), THREE)


@pytest.fixture
def root(labels: str, request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(labels))


@pytest.fixture
def two_labels(two: Path, workspace: Workspace) -> Workspace:
    copied(workspace, two)
    return workspace


def lines_of(path: Path, names: list[str]) -> list[dict[str, str]]:
    """Return the lines below the header, which must hold these names. The last field may hold tabs."""
    header, *rows = read_table(path)
    assert header == names
    last = len(names) - 1
    return [dict(zip(names, [*row[:last], "\t".join(row[last:])], strict=True)) for row in rows]


def predictions(root: Path) -> list[dict[str, str]]:
    return lines_of(root / "data/scored/predictions.tsv", PREDICTION)


def mistakes(root: Path) -> list[dict[str, str]]:
    return lines_of(root / "data/scored/errors.tsv", MISTAKE)


def suspicions(root: Path) -> list[dict[str, str]]:
    return lines_of(root / "data/scored/label_errors.tsv", SUSPECT)


def held_out(root: Path) -> dict[int, list[float]]:
    """Return the probabilities of the labels of each row held out in training."""
    return {int(row): list(map(float, values)) for row, *values in read_table(root / "data/scored/held_out.tsv")[1:]}


def write_held_out(spam: dict[int, float]) -> None:
    lines = "".join(f"{row}\t{1 - value:.6f}\t{value:.6f}\n" for row, value in spam.items())
    write_text(paths.HELD_OUT, "row\tham\tspam\n" + lines)


def relabel(labels: NDArray[np.int8]) -> None:
    """Give the test rows these labels, in every file that has them."""
    messages = read_messages(paths.MESSAGES)
    for row, label in zip(ragged.load(paths.TEST).rows, labels, strict=True):
        messages[row] = (TWO[label], messages[row][1])
    Workspace.messages(Workspace(paths.ROOT), messages)
    write_array(paths.TEST / "labels.npy", labels)


def flat(metrics: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Return nested metrics under the names that DVC gives them."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


@both
def test_evaluate_writes_the_metrics_that_were_promised(root: Path) -> None:
    written = (root / "metrics/evaluate.json").read_text("utf-8")
    found = json.loads(written)
    counts = {f"{right}_{kind}" for right in ("true", "false") for kind in ("positives", "negatives")}
    scored = HEADLINE | (MACRO if root.name == "trained-3" else set())
    measured = scored | counts | {"majority_accuracy", "calibration_error"}
    promised = {f"{bound}.{name}" for bound in ("ci_low", "ci_high") for name in scored}
    promised |= measured | {f"without_label_errors.{name}" for name in evaluate.HEADLINE}
    assert set(flat(found)) == promised | {"threshold", "suspects.all", "suspects.test"}
    for value in flat(found).values():
        assert math.isfinite(value)
        assert value == round(value, 6)
    assert written == json.dumps(found, indent=2, sort_keys=True) + "\n"


@both
def test_the_metrics_are_those_of_the_predictions(root: Path) -> None:
    found, rows = read_json(root / "metrics/evaluate.json"), predictions(root)
    assert_measured(found, rows, read_json(root / "model/threshold.json")["positive_label"])
    assert found["ci_low"]["mcc"] < found["mcc"] < found["ci_high"]["mcc"]


def assert_measured(found: dict[str, Any], rows: list[dict[str, str]], positive: str) -> None:
    """Compare scores with those of lines of predictions.tsv."""
    label, answer = ([row[name] for row in rows] for name in ("label", "predicted"))
    truth, said = ([one == positive for one in column] for column in (label, answer))
    probability = [float(row["probability"]) for row in rows]
    expected = {
        "accuracy": metrics.accuracy_score(label, answer),
        "mcc": metrics.matthews_corrcoef(label, answer),
        "roc_auc": metrics.roc_auc_score(truth, probability),
        "average_precision": metrics.average_precision_score(truth, probability),
        "recall": metrics.recall_score(truth, said),
        "precision": metrics.precision_score(truth, said),
        "true_positives": sum(one and other for one, other in zip(truth, said, strict=True)),
    }
    wanted = {name: expected[name] for name in expected if name in found}
    assert len(wanted) >= 4
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)


@both
def test_the_predictions_are_the_test_rows_with_their_texts_tabs_and_all(root: Path) -> None:
    messages, rows = read_messages(root / "data/clean/messages.tsv"), predictions(root)
    assert [int(row["row"]) for row in rows] == ragged.load(root / "data/split/test").rows.tolist()
    expected = [messages[int(row["row"])] for row in rows]
    assert [(row["label"], row["text"]) for row in rows] == [(label, field(text)) for label, text in expected]
    assert any("\\t" in row["text"] for row in rows)


@both
def test_the_errors_are_the_wrong_predictions(root: Path) -> None:
    wrong = [row for row in predictions(root) if row["label"] != row["predicted"]]
    found = [{name: row[name] for name in PREDICTION} for row in mistakes(root)]
    assert wrong
    assert sorted(found, key=lambda row: int(row["row"])) == wrong


def test_the_surest_mistake_of_two_labels_is_the_one_farthest_from_the_threshold(two: Path) -> None:
    threshold = read_json(two / "model/threshold.json")["threshold"]
    distances = [abs(float(row["probability"]) - threshold) for row in mistakes(two)]
    assert len(set(distances)) > 2
    assert distances == sorted(distances, reverse=True)


def test_the_surest_mistake_of_three_labels_is_the_likeliest(three: Path) -> None:
    wrong = [row["text"] for row in mistakes(three)]
    likeliest = predictor.probabilities(predictor.load(three / "model"), wrong).max(axis=1).tolist()
    assert len(likeliest) > 2
    assert likeliest == sorted(likeliest, reverse=True)


@both
def test_beside_a_mistake_stands_the_training_row_that_is_most_like_it(root: Path) -> None:
    messages = read_messages(root / "data/clean/messages.tsv")
    known = [row for part in ("train", "validation") for row in ragged.load(root / f"data/split/{part}").rows.tolist()]
    for line in mistakes(root):
        every = cosines(messages[int(line["row"])][1], [messages[row][1] for row in known])
        place = known.index(int(line["nearest_row"]))
        assert every[place] == pytest.approx(max(every))
        assert float(line["similarity"]) == pytest.approx(max(every), abs=5.1e-4)
        label, text = messages[known[place]]
        assert (line["nearest_label"], line["nearest_text"]) == (label, field(text))


def test_texts_with_tabs_survive_as_the_last_column_of_the_errors(two_labels: Workspace) -> None:
    two_labels.settings(evaluate__threshold=1)
    two_labels.run(evaluate.main)
    messages, found = read_messages(paths.MESSAGES), mistakes(paths.ROOT)
    assert [row["text"] for row in found] == [field(messages[int(row["row"])][1]) for row in found]
    assert any("\\t" in row["text"] for row in found)
    assert any("\t" in messages[int(row["nearest_row"])][1] for row in found)
    assert {row["nearest_label"] for row in found} == set(TWO)


def test_without_a_mistake_the_errors_are_a_header_alone(two_labels: Workspace) -> None:
    relabel(np.array([TWO.index(row["predicted"]) for row in predictions(paths.ROOT)], np.int8))
    two_labels.run(evaluate.main)
    assert mistakes(paths.ROOT) == []
    assert two_labels.metrics("evaluate")["accuracy"] == 1


# Suspects


def test_the_suspects_are_rows_that_were_given_a_wrong_label(two: Path) -> None:
    messages = read_messages(two / "data/clean/messages.tsv")
    assert {int(row["row"]) for row in predictions(two)} | set(held_out(two)) == set(range(len(messages)))
    planted = {
        row for row, (label, text) in enumerate(messages) if not text.startswith(tuple(BEGINNINGS[TWO.index(label)]))
    }
    found = {int(line["row"]) for line in suspicions(two)}
    assert found <= planted
    assert len(found) > 0.8 * len(planted) > 10


@both
def test_a_suspect_is_shown_with_its_label_the_likelier_one_and_the_least_likely_first(root: Path) -> None:
    messages, lines = read_messages(root / "data/clean/messages.tsv"), suspicions(root)
    test = {int(row["row"]) for row in predictions(root)}
    names, model = sorted({label for label, _ in messages}), predictor.load(root / "model")
    assert {line["part"] for line in lines} == {"test", "held out"}
    for line in lines:
        row = int(line["row"])
        assert (line["label"], line["text"]) == (messages[row][0], field(messages[row][1]))
        assert line["part"] == ("test" if row in test else "held out")
        likely = predictor.probabilities(model, [messages[row][1]])[0] if row in test else np.array(held_out(root)[row])
        assert float(line["probability_of_label"]) == pytest.approx(likely[names.index(line["label"])], abs=2e-6)
        assert line["likelier"] == names[likely.argmax()]
    own = [float(line["probability_of_label"]) for line in lines]
    assert own == sorted(own)
    assert any("\\t" in line["text"] for line in lines)


def test_a_suspect_is_likelier_to_bear_another_label_than_its_own(two_labels: Workspace) -> None:
    messages = read_messages(paths.MESSAGES)
    spam = {row: 0.3 if messages[row][0] == "spam" else 0.01 for row in held_out(paths.ROOT)}
    doubtful = next(row for row in spam if messages[row][0] == "ham")
    write_held_out(spam | {doubtful: 0.45})  # more than most spam has, and yet ham is likelier
    two_labels.run(evaluate.main)
    assert [line for line in suspicions(paths.ROOT) if line["likelier"] == line["label"]] == []


@both
def test_the_metrics_count_the_suspects_and_score_the_test_rows_without_them(root: Path) -> None:
    found, lines = read_json(root / "metrics/evaluate.json"), suspicions(root)
    doubtful = {line["row"] for line in lines if line["part"] == "test"}
    assert found["suspects"] == {"all": len(lines), "test": len(doubtful)}
    sure = [row for row in predictions(root) if row["row"] not in doubtful]
    assert len(sure) < len(predictions(root))
    assert_measured(found["without_label_errors"], sure, read_json(root / "model/threshold.json")["positive_label"])
    assert found["without_label_errors"]["mcc"] > found["mcc"]


def test_suspects_are_counted_even_where_no_label_would_be_left_without_them(two_labels: Workspace) -> None:
    relabel(1 - np.array([TWO.index(row["predicted"]) for row in predictions(paths.ROOT)], np.int8))
    two_labels.run(evaluate.main)
    found, lines = two_labels.metrics("evaluate"), suspicions(paths.ROOT)
    doubtful = [line["row"] for line in lines if line["part"] == "test"]
    assert len({row["label"] for row in predictions(paths.ROOT) if row["row"] not in doubtful}) < 2
    assert found["without_label_errors"]["accuracy"] == found["accuracy"] == 0, "scores need both labels"
    assert found["suspects"] == {"all": len(lines), "test": len(doubtful)}


# The threshold


def test_the_threshold_is_the_best_one_of_the_held_out_rows(two: Path) -> None:
    messages, probabilities = read_messages(two / "data/clean/messages.tsv"), held_out(two)
    truth = np.array([messages[row][0] == "spam" for row in probabilities])
    expected = scores.best_threshold(truth, np.array([spam for _, spam in probabilities.values()]))
    assert len(truth) == sum(len(ragged.load(two / f"data/split/{part}").rows) for part in ("train", "validation"))
    model = provenance.checksum(two / "model/model.json")
    assert read_json(two / "model/threshold.json") == {"model": model, "positive_label": "spam", "threshold": expected}
    assert read_json(two / "metrics/evaluate.json")["threshold"] == expected
    for row in predictions(two):
        assert row["predicted"] == ("spam" if float(row["probability"]) >= expected else "ham")


@pytest.mark.parametrize("change", ["the other label for each", "one label for all but a row"])
def test_a_threshold_is_chosen_without_a_look_at_test_rows(two_labels: Workspace, change: str) -> None:
    threshold, before = (paths.MODEL / "threshold.json").read_bytes(), two_labels.metrics("evaluate")["accuracy"]
    labels = np.asarray(ragged.load(paths.TEST).labels)
    relabel(1 - labels if change == "the other label for each" else np.sign(np.arange(len(labels))).astype(np.int8))
    two_labels.run(evaluate.main)
    assert two_labels.metrics("evaluate")["accuracy"] < before - 0.1
    assert (paths.MODEL / "threshold.json").read_bytes() == threshold


def test_a_threshold_follows_the_held_out_rows(two_labels: Workspace) -> None:
    before = read_json(paths.MODEL / "threshold.json")["threshold"]
    write_held_out({row: spam / 2 for row, (_, spam) in held_out(paths.ROOT).items()})
    two_labels.run(evaluate.main)
    assert read_json(paths.MODEL / "threshold.json")["threshold"] < min(before, 0.5)


@pytest.mark.parametrize("threshold", [0.25, 0, 1, 0.9, 0.123456789])
def test_a_threshold_given_as_a_number_is_used_as_it_is(two_labels: Workspace, threshold: float) -> None:
    two_labels.settings(evaluate__threshold=threshold)
    two_labels.run(evaluate.main)
    assert read_json(paths.MODEL / "threshold.json")["threshold"] == threshold
    assert two_labels.metrics("evaluate")["threshold"] == round(threshold, 6)
    for row in predictions(paths.ROOT):
        assert row["predicted"] == ("spam" if float(row["probability"]) >= threshold else "ham")


@pytest.mark.parametrize("kinds", [(), ("ham",), ("spam",)], ids=["no rows", "ham alone", "spam alone"])
def test_without_held_out_rows_of_both_kinds_no_threshold_can_be_chosen_but_one_can_be_given(
    two_labels: Workspace, kinds: tuple[str, ...]
) -> None:
    messages = read_messages(paths.MESSAGES)
    write_held_out({row: spam for row, (_, spam) in held_out(paths.ROOT).items() if messages[row][0] in kinds})
    said = two_labels.failure(evaluate.main)
    assert said.startswith("error: params.yaml: expected held-out rows of both kinds to choose evaluate.threshold by")
    assert "split.validation_share" in said
    two_labels.settings(evaluate__threshold=0.5, evaluate__bootstrap_samples=100)
    two_labels.run(evaluate.main)
    assert two_labels.metrics("evaluate")["threshold"] == 0.5


# The answers


def test_the_probability_is_that_of_the_positive_label(two: Path, two_labels: Workspace) -> None:
    two_labels.settings(evaluate__positive_label="ham", evaluate__threshold=0.5)
    two_labels.run(evaluate.main)
    after = predictions(paths.ROOT)
    for spam, ham in zip(predictions(two), after, strict=True):
        assert float(spam["probability"]) + float(ham["probability"]) == pytest.approx(1, abs=2e-6)
        assert ham["predicted"] == ("ham" if float(ham["probability"]) >= 0.5 else "spam")
    assert_measured(two_labels.metrics("evaluate"), after, "ham")


def test_of_three_labels_the_likeliest_is_the_answer(three: Path) -> None:
    rows, names = predictions(three), sorted(THREE)
    messages = read_messages(three / "data/clean/messages.tsv")
    texts = [messages[int(row["row"])][1] for row in rows]
    probabilities = predictor.probabilities(predictor.load(three / "model"), texts)
    assert [row["predicted"] for row in rows] == [names[place] for place in probabilities.argmax(axis=1)]
    assert {row["predicted"] for row in rows} == set(THREE)
    assert [row["probability"] for row in rows] == [
        f"{value:.6f}" for value in probabilities[:, names.index(THREE[-1])]
    ]


@pytest.mark.parametrize("labels", ["two", "three"])
def test_a_second_evaluation_writes_the_same_bytes(root: Path, workspace: Workspace) -> None:
    copied(workspace, root)
    outputs = [paths.MODEL / "threshold.json", paths.METRICS / "evaluate.json"]
    outputs += [paths.PREDICTIONS, paths.ERRORS, paths.LABEL_ERRORS]
    before = [path.read_bytes() for path in outputs]
    for path in outputs:
        path.unlink()
    workspace.run(evaluate.main)
    assert [path.read_bytes() for path in outputs] == before


@pytest.mark.parametrize("path", ["model/model.onnx", "model/settings.json", "model/vocabulary.tsv", "model/ngrams.npy",
                                  "data/scored/held_out.tsv"])  # fmt: skip
def test_a_missing_file_is_a_users_error(two_labels: Workspace, path: str) -> None:
    (two_labels.root / path).unlink()
    said = two_labels.failure(evaluate.main)
    assert path in said
    assert "dvc repro" in said


# What is required, and what is doubtful


def test_a_score_worse_than_required_fails_the_stage_once_all_is_written(two_labels: Workspace) -> None:
    before = {
        path: (two_labels.root / path).read_bytes() for path in ("metrics/evaluate.json", "data/scored/errors.tsv")
    }
    for path in before:
        (two_labels.root / path).unlink()
    two_labels.settings(evaluate__bootstrap_samples=200, evaluate__require={"mcc": 1.0, "false_positive_rate": 1.0})
    said = two_labels.failure(evaluate.main)
    assert said.startswith("error: params.yaml: expected mcc of at least 1, found 0.")
    assert "false_positive_rate" not in said
    assert {path: (two_labels.root / path).read_bytes() for path in before} == before


def test_a_score_as_good_as_required_passes(two_labels: Workspace) -> None:
    two_labels.settings(evaluate__require={"mcc": 0.1, "loss": 10, "ci_low.accuracy": 0.2})
    two_labels.run(evaluate.main)


@both
def test_beside_a_mistake_stand_the_tokens_that_misled(root: Path) -> None:
    messages, model = read_messages(root / "data/clean/messages.tsv"), predictor.load(root / "model")
    names = sorted({label for label, _ in messages})
    told = 0
    for line in mistakes(root):
        text, answer = messages[int(line["row"])][1], names.index(line["predicted"])
        for named in line["tokens"].split():
            token, _, weight = named.rpartition("=")
            assert float(weight) >= 0
            assert token in text
            told += 1
        best, most = max(explain.strongest(explain.pieces(model, text, answer)), key=lambda one: one[1])
        if most > 0:
            assert line["tokens"].split()[0] == f"{best}={most:.2f}"
    assert told > 5


def test_few_rows_are_noted_on_stderr_and_in_a_file(two_labels: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert paths.WARNINGS.read_text("utf-8") == ""
    labels = np.asarray(ragged.load(two_labels.root / "data/split/test").labels)
    relabel(np.sign(np.arange(len(labels))).astype(np.int8))
    evaluate.main()
    notes = paths.WARNINGS.read_text("utf-8").splitlines()
    assert notes[0].startswith("the test has only 1 row of 'ham': ")
    assert capsys.readouterr().err == "".join(f"note: {note}\n" for note in notes)
