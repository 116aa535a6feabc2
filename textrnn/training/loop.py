"""The members of a model, trained epoch by epoch: one network, or one for each fold.

A member of an ensemble leaves out its fold of the rows, so together the members say of every row what a
network says of it which has not seen it.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import Rows
from textrnn.core import paths
from textrnn.core.progress import progress
from textrnn.model.config import TrainConfig
from textrnn.model.probabilities import log_loss, softmax
from textrnn.training import checkpoint
from textrnn.training.batches import Collator
from textrnn.training.checkpoint import Arrays, Checkpoint
from textrnn.training.distributed.cluster import ALONE, Cluster
from textrnn.training.distributed.rendezvous import meet
from textrnn.training.parent import parent_watch

COLUMNS = ("epoch", "train_loss", "train_accuracy", "held_out_loss", "held_out_accuracy")
CHECKPOINT = paths.CHECKPOINTS / "train.npz"
WEIGHTS, LOGITS = "weights/", "logits"  # names in a state, see textrnn/training/trainer.py

Floats = NDArray[np.float64]


class Member(NamedTuple):
    """What one network learns from, and what it is held out on."""

    train: Rows
    held_out: Rows
    collator: Collator  # which knows the words of its own training rows


class EpochResult(NamedTuple):
    """An epoch of one member: the means over its training rows, and its state afterwards."""

    loss: float
    accuracy: float
    state: Arrays  # with its LOGITS of the held-out rows


# Trains the members from the epoch after those done, from their states or (None) from the beginning, and yields all
# members' turns for each epoch, without end; calls its third argument now and then, which may raise.
Run = Callable[[int, list[Arrays] | None, Callable[[], None]], Generator[list[EpochResult], None, None]]


class Fitted(NamedTuple):
    """What has become of the members."""

    history: Floats  # a row for each epoch, of COLUMNS
    weights: list[dict[str, NDArray[np.float32]]]  # of each member, by name
    logits: list[Floats]  # of each member, on its held-out rows


def fit(run: Run, members: list[Member], config: TrainConfig, mark: str, cluster: Cluster = ALONE) -> Fitted:
    """Train all members to the last epoch, or to where patience ends.

    Every epoch trains each member once; held-out loss and accuracy are those of all members' held-out rows. With
    patience, the weights are those of the best epoch. In a cluster all workers do the same, and the chief alone
    keeps a checkpoint, and tells of it.
    """
    alive = parent_watch()
    labels = np.concatenate([member.held_out.labels for member in members])
    saved = kept(mark, config.seed, cluster)
    history, now, best = saved or Checkpoint(np.zeros((0, len(COLUMNS))), {}, {})
    if saved and cluster.chief:
        print(f"resuming after epoch {len(history)}", flush=True)
    states = parted(now, len(members)) if saved else None
    with closing(run(len(history), states, alive)) as turns:
        bar = progress(range(len(history) + 1, config.epochs + 1), "train", "epoch")
        for epoch in bar:
            if config.patience and epoch > best_epoch(history) + config.patience:
                break
            ended = next(turns)
            probabilities = softmax(np.vstack([turn.state[LOGITS] for turn in ended]))
            accuracy = float(np.mean(probabilities.argmax(axis=1) == labels))
            trained = np.mean([(turn.loss, turn.accuracy) for turn in ended], axis=0)
            history = np.vstack([history, np.round([epoch, *trained, log_loss(probabilities, labels), accuracy], 6)])
            if cluster.chief:
                bar.write(", ".join(f"{name} {value:.6g}" for name, value in zip(COLUMNS, history[-1], strict=True)))
            now = {f"{number}/{name}": array for number, turn in enumerate(ended) for name, array in turn.state.items()}
            if config.patience and best_epoch(history) == epoch:
                best = now
            alive()
            if cluster.chief:
                checkpoint.save(CHECKPOINT, mark, Checkpoint(history, now, best))
    chosen = parted(best or now, len(members))
    return Fitted(history, [checkpoint.part(one, WEIGHTS) for one in chosen], [one[LOGITS] for one in chosen])


def kept(mark: str, seed: int, cluster: Cluster) -> Checkpoint | None:
    """Return the checkpoint from which training goes on, if any: in a cluster, which is joined, the chief's."""
    saved = checkpoint.load(CHECKPOINT, mark) if cluster.chief else None
    if not cluster.several:
        return saved
    meet(cluster, mark)
    from textrnn.training.distributed import collective  # noqa: PLC0415  # loads TensorFlow, which is torn by the forks of side_by_side

    collective.join(cluster, seed)
    return collective.shared(cluster, saved)


def parted(arrays: Arrays, count: int) -> list[Arrays]:
    """Return the state of each member from those of all."""
    return [checkpoint.part(arrays, f"{number}/") for number in range(count)]


def best_epoch(history: Floats) -> int:
    """Return the first epoch with the lowest held-out loss, 0 before any."""
    return 1 + int(history[:, COLUMNS.index("held_out_loss")].argmin()) if len(history) else 0
