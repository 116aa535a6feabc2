"""The tutorial, repeated on the real corpus, which the package index ships."""

import subprocess
from typing import Any

import pytest

from presets import networks
from tests.repository import Repository
from textrnn.core.files import read_json

PRESET = networks.PRESET.read_text("utf-8")


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the tutorial's row, after the README's command."""
    made = Repository.new(tmp_path_factory.mktemp("tutorial") / "repository")
    command = ["xargs", "dvc", "exp", "run", "--name", "tutorial"]
    environment = made.environment()
    subprocess.run(command, cwd=made.folder, env=environment, input=PRESET, text=True, capture_output=True, check=True)
    return networks.row(made.dvc("metrics", "diff", "--all", "--json"))


def test_the_preset_is_the_recipe_of_the_tutorial(row: dict[str, Any]) -> None:
    assert (row["vocabulary_size"], row["train_rows"], row["test_rows"], row["epochs"]) == (933, 4459, 1115, 20)


def test_its_accuracy_is_about_what_answering_ham_always_scores(row: dict[str, Any]) -> None:
    assert 0.86 <= row["test_accuracy"] <= 0.89
    assert abs(row["test_accuracy"] - row["majority_accuracy"]) < 0.02


def test_the_committed_results_are_those_of_the_code(row: dict[str, Any]) -> None:
    committed = read_json(networks.RESULTS)
    assert list(committed) == sorted(networks.NETWORKS)
    assert committed[networks.TUTORIAL] == row


def test_every_kind_of_network_that_the_tutorial_describes_has_a_row() -> None:
    lines = {override for overrides in networks.NETWORKS.values() for override in overrides}
    wanted = {"train.cell=lstm", "train.cell=gru", "train.bidirectional=true", "train.layers=2"}
    assert wanted | {"train.clip_norm=0.1", "train.masking=true"} <= lines
