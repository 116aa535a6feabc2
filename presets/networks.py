"""Run every kind of network that the tutorial describes on the tutorial's data, for the table in docs/origin.md.

Each network is an experiment: the preset presets/tutorial.txt with the overrides in NETWORKS. DVC runs it in a
temporary copy of HEAD, so nothing in the workspace changes.

Writes  presets/networks.json
Run     python -m presets.networks   (some four minutes on two cores)
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from textrnn.core.errors import UserError, run
from textrnn.core.files import write_metrics
from textrnn.core.progress import progress

HERE = Path(__file__).resolve().parent
PRESET = HERE / "tutorial.txt"
RESULTS = HERE / "networks.json"

TUTORIAL = "simple RNN (the tutorial)"
NETWORKS: dict[str, list[str]] = {
    TUTORIAL: [],
    "LSTM": ["train.cell=lstm"],
    "GRU": ["train.cell=gru"],
    "bidirectional RNN": ["train.bidirectional=true"],
    "two stacked RNNs, dropout between": ["train.layers=2"],
    "two stacked RNNs, no dropout": ["train.layers=2", "train.dropout=0"],
    "RNN with clipping": ["train.clip_norm=0.1"],
    "RNN with masking": ["train.masking=true"],
    "LSTM with masking": ["train.cell=lstm", "train.masking=true"],
    "simple RNN, 100 epochs": ["train.epochs=100"],
    "simple RNN, ten times the learning rate": ["train.learning_rate=0.005"],
    "the same with masking": ["train.learning_rate=0.005", "train.masking=true"],
}


def dvc(*arguments: str) -> str:
    """Return what the command prints. Raises UserError with the end of its messages if it fails."""
    command = [sys.executable, "-m", "dvc", *arguments]
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # stages run `python`: this one
    done = subprocess.run(
        command, cwd=HERE.parent, env=os.environ | {"PATH": here}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"dvc {shlex.join(arguments)}: {(done.stderr + done.stdout).strip()[-2000:]}")
    return done.stdout


def result(overrides: list[str]) -> dict[str, Any]:
    """Run one experiment, and return its row."""
    preset = shlex.split(PRESET.read_text("utf-8"))
    name = "tutorial-network"
    added = [part for override in overrides for part in ("-S", override)]
    dvc("exp", "run", "--temp", "--force", "--name", name, *preset, *added)
    compared = dvc("metrics", "diff", "--all", "--json", "HEAD", name)
    dvc("exp", "remove", name)
    return row(compared)


def row(compared: str) -> dict[str, Any]:
    """Return the table's row for one network, from the output of `dvc metrics diff --all --json` for its run."""
    files = {Path(path).stem: keys for path, keys in json.loads(compared).items()}
    wanted = {
        "epochs": ("train", "epochs"),
        "parameters": ("train", "parameters"),
        "train_accuracy": ("train", "accuracy.train"),
        "test_accuracy": ("train", "accuracy.test"),
        "test_loss": ("train", "loss.test"),
        "mcc": ("evaluate", "mcc"),
        "recall": ("evaluate", "recall"),
        "positive_share": ("clean", "positive_share"),
        "vocabulary_size": ("vectorize", "vocabulary_size"),
        "train_rows": ("split", "train"),
        "test_rows": ("split", "test"),
    }
    return {name: files[file][key]["new"] for name, (file, key) in wanted.items()}


def main() -> None:
    """Run all networks, and write their results."""
    write_metrics(RESULTS, {name: result(NETWORKS[name]) for name in progress(NETWORKS, "networks", unit="network")})


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
