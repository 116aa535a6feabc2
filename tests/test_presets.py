"""The tutorial, repeated on the real corpus, which the package index ships."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from presets import networks
from tests.repository import Repository
from textrnn.files import read_json

PRESET = networks.PRESET.read_text("utf-8")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return every metric after the README's command, by file and name."""
    made = Repository.new(tmp_path_factory.mktemp("tutorial") / "repository")
    command = ["xargs", "dvc", "exp", "run", "--name", "tutorial"]
    environment = made.environment()
    subprocess.run(command, cwd=made.folder, env=environment, input=PRESET, text=True, capture_output=True, check=True)
    shown = json.loads(made.dvc("metrics", "show", "--json"))
    return {Path(path).stem: file["data"] for path, file in shown[""]["data"].items()}


def test_the_preset_is_the_recipe_of_the_tutorial(metrics: dict[str, Any]) -> None:
    assert metrics["vectorize"]["vocabulary_size"] == 933
    assert metrics["split"]["train"] == 4459
    assert metrics["split"]["validation"] == 0
    assert metrics["train"]["epochs"] == 20


def test_its_accuracy_is_what_answering_ham_always_scores(metrics: dict[str, Any]) -> None:
    accuracy = metrics["train"]["accuracy"]["test"]
    assert 0.86 <= accuracy <= 0.89
    assert abs(accuracy - metrics["evaluate"]["majority_accuracy"]) < 0.02
    assert metrics["evaluate"]["majority_accuracy"] == pytest.approx(
        1 - metrics["split"]["spam_share"]["test"], abs=1e-6
    )


def test_the_committed_results_are_those_of_the_code(metrics: dict[str, Any]) -> None:
    committed = read_json(networks.RESULTS)
    assert list(committed) == sorted(networks.NETWORKS)
    assert committed[networks.TUTORIAL] == networks.row(metrics)


def test_every_kind_of_network_that_the_tutorial_describes_has_a_row() -> None:
    lines = {override for overrides in networks.NETWORKS.values() for override in overrides}
    wanted = {"train.cell=lstm", "train.cell=gru", "train.bidirectional=true", "train.layers=2"}
    assert wanted | {"train.clip_norm=1", "train.masking=true"} <= lines
