"""A tiny model, trained by the stages on invented messages, and the helpers of the tests that need one."""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import workspace as workspaces
from tests.configs import SMALL
from tests.workspace import Workspace, made_once, shared
from textrnn.artifacts import provenance, ragged
from textrnn.core import paths
from textrnn.core.files import read_json, write_array, write_json
from textrnn.training.members import one_by_one

BEGINNINGS = [
    ["see you at", "can you bring", "I left", "mum says", "are we late for", "thanks for"],
    ["CLAIM your", "WIN a free", "URGENT! Collect your", "Last chance:", "You won a", "Reply YES for your"],
    ["your parcel:", "delivery of", "courier has", "track now:", "returned:", "on its way:"],
]
THINGS = ["the lamp", "two tickets", "Anna's bike", "a £500 voucher", "soup", "the red box", "café money", "it"]
ENDS = ["", " today", " tomorrow 8pm", "!!", " call 00000 12345", " www.prize.example", " :-)", "\tok"]

TWO = ("ham", "spam")
THREE = ("ham", "новости", 'win, "now"')
RECIPE: dict[str, Any] = SMALL | {
    "bidirectional": True, "units": 6, "embedding_size": 6, "subword_buckets": 40, "pooling": "mean_max",
    "epochs": 3, "batch_size": 8, "learning_rate": 0.02, "ensemble": 4, "linear": True,
}  # fmt: skip


def corpus(labels: tuple[str, ...], rows: int = 240) -> str:
    """Return invented lines, a tenth of them under a wrong label: no model of them is without error."""
    random = np.random.default_rng(0)
    lines = []
    for row in range(rows):
        kind = row % len(labels)
        text = random.choice(BEGINNINGS[kind]) + " " + random.choice(THINGS) + random.choice(ENDS)
        wrong = random.random() < 0.1
        lines.append(f"{labels[(kind + wrong) % len(labels)]}\t{text}\n")
    return "".join(lines)


@cache
def trained(base: Path, labels: tuple[str, ...]) -> Path:
    """Return a directory where the stages from clean to plot have run; the last label is the positive one.

    They run once for each set of labels. All processes of pytest share what they wrote: nobody may change it. `base` is
    pytest's base directory.
    """
    return made_once(shared(base) / f"trained-{len(labels)}", lambda root: train_in(root, labels))


def train_in(root: Path, labels: tuple[str, ...], **changes: Any) -> None:
    """Run the stages in a new directory, with these settings of section `train`."""
    from stages import clean, evaluate, plot, split, train, vectorize

    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        place(patch, root)
        workspace = Workspace(root)
        recipe = RECIPE if len(labels) == 2 else RECIPE | {"cell": "rnn", "bidirectional": False}  # compiled sooner
        evaluated = {"positive_label": labels[-1], "threshold": "held_out", "bootstrap_samples": 200}
        workspace.settings(
            clean__duplicates="keep",
            split__keep_together="none",
            **{f"train__{key}": value for key, value in (recipe | changes).items()},
            **{f"evaluate__{key}": value for key, value in evaluated.items()},
            plot__dpi=40,
        )
        workspace.corpus(corpus(labels))
        for stage in (clean, vectorize, split, train, evaluate, plot):
            workspace.run(stage.main)
            if stage is split and not (twins := paths.TEST / "twins.npy").exists():
                write_array(twins, np.zeros(len(ragged.load(paths.TEST).rows), bool))


def place(patch: pytest.MonkeyPatch, root: Path) -> None:
    """Point every path of the pipeline into `root`, and train the members one by one, in this process."""
    workspaces.place(patch, root)
    for module in ("textrnn.training.loop", "stages.train"):
        patch.setattr(f"{module}.CHECKPOINT", root / ".checkpoints/train.npz")
    patch.setattr("textrnn.training.learn.side_by_side", one_by_one)


def copied(workspace: Workspace, root: Path) -> None:
    """Fill an empty workspace with what `trained` returned."""
    shutil.copytree(root, workspace.root, dirs_exist_ok=True)


def resealed(directory: Path) -> None:
    """Give the model in `directory`, a file of which was changed, the checksums of what is there now."""
    record = read_json(directory / provenance.RECORD)
    record["parts"] = {name: provenance.checksum(directory / name) for name in record["parts"]}
    write_json(directory / provenance.RECORD, record)
    decision = read_json(directory / "threshold.json")
    decision["model"] = provenance.checksum(directory / provenance.RECORD)
    write_json(directory / "threshold.json", decision)
