"""The pipeline from end to end, with a real Git and a real DVC, on sixty invented messages."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.first_run import STAGES, stages_run
from tests.repository import ALONE, Repository, as_tsv, invented
from tests.server import body, running
from tests.test_dvc_yaml import listed


@pytest.fixture(scope="module")
def repository(ran: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository whose pipeline has run once, all of it committed. Tests leave it as it is."""
    return ran.copy(tmp_path_factory.mktemp("pipeline") / "first")


def test_a_second_repro_runs_no_stage_and_leaves_git_clean(repository: Repository) -> None:
    assert stages_run(repository.dvc("repro")) == []
    assert repository.git("status", "--porcelain") == ""


def test_a_forced_repro_runs_all_seven_and_gives_the_same_hashes(repository: Repository) -> None:
    assert stages_run(repository.dvc("repro", "--force")) == STAGES
    assert repository.git("status", "--porcelain") == ""


def test_another_folder_locale_and_hash_seed_give_the_same_hashes(repository: Repository, tmp_path: Path) -> None:
    other = Repository.tiny(tmp_path / "ein schöner Ordner")
    other.dvc("repro", PYTHONHASHSEED="1", LC_ALL="C", TZ="Asia/Kathmandu", TF_NUM_INTRAOP_THREADS="1")
    assert other.lock() == repository.lock()


def test_the_numbers_of_the_run_add_up(repository: Repository) -> None:
    read = {path.stem: json.loads(path.read_text("utf-8")) for path in (repository.folder / "metrics").glob("*.json")}
    clean, split, evaluate = read["clean"], read["split"], read["evaluate"]
    assert clean["rows"] == len(invented())
    assert clean["kept"] + clean["duplicates"] + clean["rejected"] == clean["rows"]
    assert split["train"] + split["validation"] + split["test"] == clean["kept"]
    counted = sum(evaluate[f"{right}_{answer}"] for right in ("true", "false") for answer in ("positives", "negatives"))
    assert counted == split["test"]


def test_the_model_tells_the_invented_spam_from_the_ham(repository: Repository) -> None:
    said = repository.run(
        sys.executable, "predict.py", "--format", "tsv", "WINNER!! claim your £500", "who feeds the cat"
    )
    assert [line.split("\t")[0] for line in said.splitlines()] == ["spam", "ham"]


def test_a_changed_cell_is_shown_by_params_metrics_plots_and_experiments(repository: Repository) -> None:
    try:
        ran = stages_run(repository.dvc("exp", "run", "--name", "with-lstm", "--set-param", "train.cell=lstm"))
        assert ran == ["train", "evaluate", "plot"]
        params = json.loads(repository.dvc("params", "diff", "--json"))
        assert params == {"params.yaml": {"train.cell": {"old": "gru", "new": "lstm"}}}
        metrics = json.loads(repository.dvc("metrics", "diff", "--json"))
        assert metrics["metrics/train.json"]["parameters"]["diff"] > 0
        drawn = json.loads(repository.dvc("plots", "diff", "--json", "--split", "HEAD"))["data"]
        assert {"HEAD", "workspace"} <= {revision for plot in drawn["loss"] for revision in plot["revisions"]}
        assert "lstm" in repository.dvc("exp", "show", "--csv", "--only-changed")
    finally:
        repository.git("checkout", "--quiet", ".")
        repository.dvc("checkout", "--quiet")


def test_every_chart_is_drawn_from_what_is_in_git(repository: Repository, tmp_path: Path) -> None:
    clone = repository.clone(tmp_path / "clone")
    drawn = json.loads(clone.dvc("plots", "show", "--json"))
    assert "errors" not in drawn
    images = {f"plots/images/{name}.png" for name in ("loss", "accuracy", "confusion", "roc", "pr", "calibration")}
    charts = {"loss", "accuracy", "confusion", "confusion, normalised", "roc", "precision and recall", "calibration"}
    assert set(drawn["data"]) == images | charts
    assert "evaluate.json" in clone.dvc("metrics", "show")


def test_queued_experiments_finish_and_download_nothing(tmp_path: Path) -> None:
    with running() as server:
        url = server.serves("/corpus", body(as_tsv(invented()).encode()))
        checksum = sha256(as_tsv(invented()).encode()).hexdigest()
        made = Repository.tiny(tmp_path / "queue", **{"download.source": url, "download.sha256": checksum} | ALONE)
        made.dvc("repro")
        made.commit("run")
        assert len(server.requests) == 1
        made.dvc("exp", "run", "--queue", "--set-param", "train.units=5,6")
        made.dvc("queue", "start", "--jobs", "1")
        wait_for(lambda: not any(word in made.dvc("queue", "status") for word in ("Queued", "Running")), 180)
        shown = made.dvc("queue", "status")
        assert shown.count("Success") == 2, shown
        assert len(server.requests) == 1


@pytest.mark.parametrize("everyone", [True, False], ids=["the whole process group", "dvc alone"])
def test_a_killed_repro_resumes_at_the_epoch_it_had_reached(everyone: bool, tmp_path: Path) -> None:
    made = Repository.tiny(tmp_path / "killed", **{"train.epochs": 60, "train.patience": 0} | ALONE)
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=made.folder, env=made.environment(), stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
        checkpoint = made.folder / ".checkpoints/train.npz"
        wait_for(lambda: checkpoint.exists() or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "said").read_text()
        (os.killpg if everyone else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
    again = made.dvc("repro")
    assert "resuming after epoch" in again
    assert stages_run(again) == ["train", "evaluate", "plot"]
    assert not checkpoint.exists()
    resumed = made.lock()
    made.dvc("repro", "--force")
    assert made.lock() == resumed


def wait_for(happened: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until `happened` says so."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_csv_of_three_labels_with_named_columns_becomes_a_classifier(tmp_path: Path) -> None:
    topics = {"погода": "дождь солнце ветер снег", "спорт, разное": "матч гол счёт игра", "еда": "суп хлеб чай сыр"}
    made = Repository.tiny(
        tmp_path / "topics",
        **{
            "download.source": "topics.csv",
            "clean.format": "csv",
            "clean.label_column": "topic",
            "clean.text_column": "text",
            "evaluate.positive_label": "еда",
            "train.epochs": 15,
        },
    )
    with (made.folder / "topics.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "topic"])
        for topic, words in topics.items():
            first, second, third, fourth = words.split()
            for number, extra in enumerate(("сегодня", "вчера", "завтра", "всегда", "опять")):
                for a, b in ((first, second), (third, fourth), (second, third), (first, fourth)):
                    writer.writerow([number, f'{extra} "{a}",\n{b}', topic])
    made.dvc("repro")
    with (made.folder / "plots/confusion.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["actual"], row["predicted"]) for row in rows} == {(a, b) for a in topics for b in topics}
    metrics = json.loads((made.folder / "metrics/evaluate.json").read_text("utf-8"))
    assert (
        sum(int(row["count"]) for row in rows) == json.loads((made.folder / "metrics/split.json").read_text())["test"]
    )
    assert metrics["accuracy"] > 0.8


OPENED = """
import os, runpy, sys
root, seen = os.getcwd(), set()
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        writes = arguments[1] is not None and any(letter in arguments[1] for letter in "wxa+")
        seen.add(("writes" if writes else "reads", arguments[0]))
    elif event == "os.rename":
        seen.add(("writes", str(arguments[1])))
sys.addaudithook(note)
try:
    runpy.run_module(sys.argv.pop(), run_name="__main__")
finally:
    for kind, path in sorted(seen):
        print("AUDIT", kind, os.path.relpath(os.path.abspath(path), root), sep="\\t")
"""


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_opens_exactly_the_files_that_dvc_yaml_lists(repository: Repository, stage: str) -> None:
    said = repository.run(sys.executable, "-c", OPENED, f"stages.{stage}")
    lines = [line.split("\t") for line in said.splitlines() if line.startswith("AUDIT")]
    folders = ("data/", "model/", "metrics/", "plots/", "report/")
    # A file without a name is opened by its folder.
    own = [
        (kind, path) for _, kind, path in lines if path.startswith(folders) and not (repository.folder / path).is_dir()
    ]
    reads = {path for kind, path in own if kind == "reads"}
    writes = {path for kind, path in own if kind == "writes" and not path.endswith(".tmp")}
    inputs, outputs = listed(stage, "deps"), listed(stage, "outs", "metrics")
    # What it has written itself it may read: train takes the checksums of the model's parts.
    assert {path for path in reads - writes if not covered(path, inputs)} == set()
    assert {path for path in writes if not covered(path, outputs)} == set()
    assert {path for path in outputs if not any(covered(written, [path]) for written in writes)} == set()
    data = [path for path in inputs if path.startswith(("data/", "model/"))]
    assert {path for path in data if not any(covered(read, [path]) for read in reads)} == set()


def covered(path: str, listed: list[str]) -> bool:
    """Return whether `path` is one of the paths listed, or lies in one of them."""
    return any(Path(path).is_relative_to(entry) for entry in listed)
