"""`train.ensemble: 0`: the linear branch alone, from end to end, by the commands that a user types."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.repository import Repository

MESSAGES = ("WINNER!! claim your £500 prize", "Mum, who feeds the cat")


@pytest.fixture(scope="module")
def alone(ran: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository where an experiment without networks has run, on a machine that has no TensorFlow."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "missing").mkdir()
    (folder / "missing/tensorflow.py").write_text("raise ImportError('no network is trained')\n")
    made = ran.copy(folder / "run")
    made.dvc(
        "exp", "run", "-S", "train.ensemble=0", "-S", "train.linear=true", PYTHONPATH=str(folder / "missing")
    )  # fmt: skip
    return made


def test_the_pipeline_runs_to_its_end_without_tensorflow_and_tells_the_labels_apart(alone: Repository) -> None:
    read = {path.stem: json.loads(path.read_text("utf-8")) for path in (alone.folder / "metrics").glob("*.json")}
    assert read["train"] == {"epochs": 0, "kept_epoch": 0, "parameters": 0}
    assert read["evaluate"]["accuracy"] > 0.9
    assert (alone.folder / "model/history.tsv").read_text("utf-8").count("\n") == 1, "a header alone"
    assert (alone.folder / "model/vocabulary.tsv").read_text("utf-8") == "", "the linear branch holds no text"
    with np.load(alone.folder / "data/trained/weights.npz") as weights:
        assert list(weights) == []
    said = alone.dvc("status")
    assert "up to date" in said


def test_predict_py_answers_and_explains(alone: Repository) -> None:
    said = alone.run("python", "predict.py", "--explain", "--format", "jsonl", *MESSAGES)
    found = [json.loads(line) for line in said.splitlines()]
    assert [line["label"] for line in found] == ["spam", "ham"]
    assert [token for token, _ in found[0]["explanation"]] == ["WINNER", "!!", "claim", "your", "£", "500", "prize"]


def test_the_report_and_the_charts_are_those_of_a_model_without_networks(alone: Repository) -> None:
    page = (alone.folder / "report/index.html").read_text("utf-8")
    assert "A linear model of character and word n-grams, without networks." in page
    for words in ("by epoch", "Networks alone", "the networks add", "that the networks read"):
        assert words not in page
    assert {path.stem for path in (alone.folder / "plots/images").iterdir()} == {
        "confusion", "roc", "pr", "calibration",
    }  # fmt: skip
    drawn = json.loads(alone.dvc("plots", "show", "--json"))
    assert "errors" not in drawn


def test_neither_networks_nor_a_linear_branch_are_no_model(ran: Repository, tmp_path: Path) -> None:
    made = ran.copy(tmp_path / "run")
    said = made.dvc_fails("exp", "run", "-S", "train.ensemble=0")
    assert "expected networks or the linear branch, found neither" in said
