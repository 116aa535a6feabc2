"""The pipeline from end to end, with a real Git and a real DVC, on sixty invented messages."""

import json
from pathlib import Path

import pytest

from bench.circumstances import CIRCUMSTANCES
from bench.reproduce import Origin, reproduce
from tests.repository import STAGES, Repository, invented, stages_run
from tests.test_dvc_yaml import listed
from tests.workspace import wait_for


@pytest.fixture(scope="module")
def repository(ran: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a copy of the repository whose pipeline has run; its tests leave it as it is."""
    return ran.copy(tmp_path_factory.mktemp("pipeline") / "first")


def test_a_second_repro_runs_no_stage_and_leaves_git_clean(repository: Repository) -> None:
    assert stages_run(repository.dvc("repro")) == []
    assert repository.git("status", "--porcelain") == ""


def test_a_clone_ends_with_the_same_bytes_though_its_training_was_killed(ran: Repository, tmp_path: Path) -> None:
    """`python -m bench.reproduce` runs the other circumstances."""
    (circumstance,) = (one for one in CIRCUMSTANCES if one.name == "killed")
    elsewhere = {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Kathmandu", "TF_NUM_INTRAOP_THREADS": "1"}
    row = circumstance._replace(folder="ein schöner Ordner", environment=elsewhere)
    outcome = reproduce(row, Origin.head(ran.folder), tmp_path, b"")
    assert outcome.equal, (outcome.differ, outcome.failure)
    assert list(outcome.files) == STAGES
    assert list(tmp_path.iterdir()) == [], "what is equal is removed"


def test_the_numbers_of_the_run_add_up(ran: Repository) -> None:
    read = {path.stem: json.loads(path.read_text("utf-8")) for path in (ran.folder / "metrics").glob("*.json")}
    clean, split, evaluate = read["clean"], read["split"], read["evaluate"]
    assert clean["rows"] == len(invented())
    assert clean["kept"] + clean["duplicates"] + clean["rejected"] == clean["rows"]
    assert split["train"] + split["validation"] + split["test"] == clean["kept"]
    counted = sum(evaluate[f"{right}_{answer}"] for right in ("true", "false") for answer in ("positives", "negatives"))
    assert counted == split["test"]
    assert evaluate["accuracy"] > 0.8, "spam is told from ham"


def test_every_chart_is_drawn_from_what_is_in_git(ran: Repository, tmp_path: Path) -> None:
    clone = ran.clone(tmp_path / "clone")
    drawn = json.loads(clone.dvc("plots", "show", "--json"))
    assert "errors" not in drawn
    images = {f"plots/images/{name}.png" for name in ("loss", "accuracy", "confusion", "roc", "pr", "calibration")}
    charts = {"loss", "accuracy", "confusion", "confusion, normalised", "roc", "precision and recall", "calibration"}
    assert set(drawn["data"]) == images | charts
    assert "evaluate.json" in clone.dvc("metrics", "show")


def test_a_queued_experiment_runs_only_the_stages_that_depend_on_its_setting(repository: Repository) -> None:
    repository.dvc("exp", "run", "--queue", "--name", "more", "--set-param", "plot.dpi=52")
    repository.dvc("queue", "start", "--jobs", "1")
    wait_for(lambda: list((repository.folder / ".git/refs/exps").rglob("more")))  # written once it has succeeded
    assert stages_run(repository.dvc("queue", "logs", "more")) == ["plot"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_opens_exactly_the_files_that_dvc_yaml_lists(ran: Repository, stage: str) -> None:
    lines = [line.split("\t") for line in ran.folder.with_name("opened").read_text("utf-8").splitlines()]
    folders = ("data/", "model/", "metrics/", "plots/", "report/")
    own = {
        (kind, path)
        for name, kind, path in lines
        if name == stage and path.startswith(folders) and not (ran.folder / path).is_dir()  # a file without a name
    }
    reads = {path for kind, path in own if kind == "reads"}
    writes = {path for kind, path in own if kind == "writes" and not path.endswith(".tmp")}
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
