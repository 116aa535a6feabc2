"""presets/: `xargs dvc exp run < presets/tutorial.txt` is the tutorial's recipe, whose results are committed."""

import json
import shlex

from ruamel.yaml import YAML

from presets import networks
from stages import clean, download, evaluate, split, train, vectorize
from tests.workspace import Workspace
from textrnn.core.files import read_json
from textrnn.evaluation.checks import flattened

STAGES = (download, clean, vectorize, split, train, evaluate)


def test_the_committed_results_of_the_tutorial_are_those_of_the_code(workspace: Workspace) -> None:
    lines = [part for part in shlex.split(networks.PRESET.read_text("utf-8")) if part != "-S"]
    changes = dict(line.split("=", 1) for line in lines)
    assert "clean.remove_pattern" in changes, "a line that xargs and the shell must not split"
    own = {key.replace(".", "__"): YAML(typ="safe", pure=True).load(value) for key, value in changes.items()}
    workspace.settings(**own, evaluate__bootstrap_samples=100)  # of intervals, which the results have none of
    for stage in STAGES:
        workspace.run(stage.main)
    names = [stage.__name__.removeprefix("stages.") for stage in STAGES[1:]]
    measured = {f"metrics/{name}.json": flattened(workspace.metrics(name)) for name in names}
    as_diff = {file: {name: {"new": value} for name, value in flat.items()} for file, flat in measured.items()}
    row = networks.row(json.dumps(as_diff))

    committed = read_json(networks.RESULTS)
    assert list(committed) == sorted(networks.NETWORKS)
    overrides = {override for network in networks.NETWORKS.values() for override in network}
    wanted = {"train.cell=lstm", "train.cell=gru", "train.bidirectional=true", "train.layers=2"}
    assert wanted | {"train.clip_norm=0.1", "train.masking=true"} <= overrides
    assert row == committed[networks.TUTORIAL]
    assert (row["vocabulary_size"], row["train_rows"], row["test_rows"], row["epochs"]) == (933, 4459, 1115, 20)
    assert abs(row["test_accuracy"] - (1 - row["positive_share"])) < 0.02, "as good as answering ham always"
