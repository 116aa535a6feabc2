"""The pipeline from end to end, with a real Git and a real DVC, on sixty invented messages."""

import json
from pathlib import Path

import pytest

from bench.outputs import of_files, of_lock
from stages import clean, download, evaluate, plot, split, train, vectorize
from tests.models import place
from tests.repository import STAGES, Repository, invented, stages_run
from tests.test_dvc_yaml import listed
from tests.workspace import Workspace


def test_a_run_whose_training_was_killed_ends_with_the_bytes_of_one_in_another_folder(
    ran: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m bench.kills` kills every stage, and `python -m bench.reproduce` runs under many circumstances."""
    said = ran.folder.with_name("said").read_text("utf-8")
    assert stages_run(said) == STAGES[4:]
    assert "resuming after epoch 2" in said
    assert list(ran.folder.glob(".checkpoints/*")) == []
    clone = ran.clone(tmp_path / "ein schöner Ordner")
    place(monkeypatch, clone.folder)
    for stage in (download, clean, vectorize, split, train, evaluate, plot):
        Workspace(clone.folder).run(stage.main)
    hashes = of_lock(ran.lock().encode())
    assert of_files(clone.folder, hashes) == hashes
    assert clone.git("status", "--porcelain") == ""


def test_the_numbers_of_the_run_add_up(ran: Repository) -> None:
    read = {path.stem: json.loads(path.read_text("utf-8")) for path in (ran.folder / "metrics").glob("*.json")}
    scores = json.loads((ran.folder / "data/scored/scores.json").read_text("utf-8"))
    cleaned, parts = read["clean"], read["split"]
    assert read["evaluate"]["accuracy"] == scores["accuracy"]
    assert cleaned["rows"] == len(invented())
    assert cleaned["kept"] + cleaned["duplicates"] + cleaned["rejected"] == cleaned["rows"]
    assert parts["train"] + parts["validation"] + parts["test"] == cleaned["kept"]
    counted = sum(scores[f"{right}_{answer}"] for right in ("true", "false") for answer in ("positives", "negatives"))
    assert counted == parts["test"]
    assert scores["accuracy"] > 0.8, "spam is told from ham"


def test_every_chart_is_drawn_once_from_what_is_in_git(ran: Repository, tmp_path: Path) -> None:
    clone = ran.clone(tmp_path / "clone")
    drawn = json.loads(clone.dvc("plots", "show", "--json"))
    assert "errors" not in drawn
    charts = {"loss", "accuracy", "confusion", "confusion, normalised", "roc", "precision and recall", "calibration"}
    assert set(drawn["data"]) == charts
    images = {path.stem for path in (clone.folder / "plots/images").iterdir()}
    assert images == {"loss", "accuracy", "confusion", "roc", "pr", "calibration"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_opens_exactly_the_files_that_dvc_yaml_lists(ran: Repository, stage: str) -> None:
    lines = [line.split("\t") for line in ran.folder.with_name("opened").read_text("utf-8").splitlines()]
    folders = ("data/", "model/", "metrics/", "plots/", "report/")
    kept = [(name, kind, path) for name, kind, path in lines if ".tmp" not in path]  # the others are removed or renamed
    own = {
        (kind, path)
        for name, kind, path in kept
        if name == stage and path.startswith(folders) and not (ran.folder / path).is_dir()  # a file without a name
    }
    reads = {path for kind, path in own if kind == "reads"}
    writes = {path for kind, path in own if kind == "writes"}
    inputs, outputs = listed(stage, "deps"), listed(stage, "outs", "metrics")
    # A stage may read what it has written: train takes the checksums of the model's parts.
    assert {path for path in reads - writes if not covered(path, inputs)} == set()
    assert {path for path in writes if not covered(path, outputs)} == set()
    assert {path for path in outputs if not any(covered(written, [path]) for written in writes)} == set()
    data = [path for path in inputs if path.startswith(("data/", "model/"))]
    assert {path for path in data if not any(covered(read, [path]) for read in reads)} == set()


def covered(path: str, listed: list[str]) -> bool:
    """Return whether `path` is one of the paths listed, or lies in one of them."""
    return any(Path(path).is_relative_to(entry) for entry in listed)
