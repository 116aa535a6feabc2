"""The loop over epochs: rounds, checkpoints, patience, and which epoch's weights are kept."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import Rows
from textrnn.core import paths
from textrnn.core.files import DIGITS
from textrnn.core.progress import progress
from textrnn.model.config import TrainConfig
from textrnn.model.stacking import Floats
from textrnn.training import checkpoint
from textrnn.training.batches import Collator
from textrnn.training.checkpoint import Arrays, Checkpoint
from textrnn.training.distributed.cluster import ALONE, Cluster, wait_for_all
from textrnn.training.history import (
    COLUMNS,
    best_epoch,
    calibrated_loss,
    epochs_of,
    log_loss,
    rounds_without_fall,
)

CHECKPOINT = paths.CHECKPOINTS / "train.npz"
WEIGHTS, LOGITS = "weights/", "logits"  # names in a state, see textrnn/training/trainer.py
ROUND = 16  # steps, at least, between two measurements for patience: a small corpus has few in an epoch


class Member(NamedTuple):
    """The rows that one network learns from, and the rows that it is measured on."""

    train: Rows
    held_out: Rows
    collator: Collator  # knows the words of the member's own training rows


class Ensemble(NamedTuple):
    """The networks of a model: a single one, or one for each fold, which it leaves out."""

    config: TrainConfig
    vocabulary_size: int
    classes: int
    members: list[Member]


class EpochResult(NamedTuple):
    """A round of one member: the means over its training rows in the last epoch, and its state afterwards."""

    loss: float
    accuracy: float
    state: Arrays  # with its LOGITS of the held-out rows


# Trains the members from the epoch after those done, from their states or (None) from the beginning, and yields all
# members' results for each round: one_by_one or side_by_side of textrnn/training/members.py.
Run = Callable[[Ensemble, int, list[Arrays] | None], Generator[list[EpochResult], None, None]]


class Fitted(NamedTuple):
    """The trained members."""

    history: Floats  # a row for each round, of COLUMNS
    kept_epoch: int  # whose weights these are
    weights: list[dict[str, NDArray[np.float32]]]  # of each member, by name
    logits: list[Floats]  # of each member, on its held-out rows


NOTHING = Fitted(np.zeros((0, len(COLUMNS))), 0, [], [])  # is trained without networks


def rounds(ensemble: Ensemble, done: int) -> Iterator[range]:
    """Yield the epochs after the `done` ones until each measurement: with patience, ROUND steps or more; else one."""
    config = ensemble.config
    steps = min(ceil(len(member.train.rows) / config.batch_size) for member in ensemble.members)
    size = ceil(ROUND / steps) if config.patience else 1
    for first in range(done + 1, config.epochs + 1, size):
        yield range(first, min(first + size, config.epochs + 1))


def fit(run: Run, ensemble: Ensemble, fingerprint: str, cluster: Cluster = ALONE) -> Fitted:
    """Train all members to the last epoch, or until patience ends.

    Every epoch trains each member once; held-out loss and accuracy are those of all members' held-out rows. With
    patience, the weights of the epoch with the lowest held-out loss are kept, else those of the last epoch. In a
    cluster all workers do the same, and only the chief keeps a checkpoint and prints.
    """
    config, count = ensemble.config, len(ensemble.members)
    labels = np.concatenate([member.held_out.labels for member in ensemble.members])
    saved = resumed(fingerprint, config.seed, cluster)
    history, now, best = saved or Checkpoint(np.zeros((0, len(COLUMNS))), {}, {})
    if saved and cluster.chief:
        print(f"resuming after epoch {epochs_of(history)}", flush=True)
    states = split_by_member(now, count) if saved else None
    with closing(run(ensemble, epochs_of(history), states)) as results_of:
        bar = progress(list(rounds(ensemble, epochs_of(history))), "train", unit="round")
        for epochs in bar:
            if config.patience and rounds_without_fall(history) >= config.patience:
                break
            results = next(results_of)
            history = np.vstack([history, [epochs[-1], *measured(results, labels)]])
            if cluster.chief:
                bar.write(", ".join(f"{name} {value:.6g}" for name, value in zip(COLUMNS, history[-1], strict=True)))
            now = {f"{number}/{name}": array for number, one in enumerate(results) for name, array in one.state.items()}
            if config.patience and best_epoch(history) == epochs[-1]:
                best = {name: now[name] for name in now if WEIGHTS in name or LOGITS in name}
            if cluster.chief:
                checkpoint.save(CHECKPOINT, fingerprint, Checkpoint(history, now, best))
    kept = split_by_member(best or now, count)
    kept_epoch = best_epoch(history) if config.patience else epochs_of(history)
    return Fitted(history, kept_epoch, [checkpoint.part(one, WEIGHTS) for one in kept], [one[LOGITS] for one in kept])


def measured(results: list[EpochResult], labels: NDArray[np.int16]) -> Floats:
    """Return loss (in nats) and accuracy on the training rows and on the held-out rows, rounded to DIGITS.

    The held-out loss of an ensemble is that of calibrated logits, since they are calibrated later: networks grow
    overconfident while their answers still become better.
    """
    logits = np.vstack([result.state[LOGITS] for result in results])
    trained = np.mean([(result.loss, result.accuracy) for result in results], axis=0)
    loss = calibrated_loss(logits, labels) if len(results) > 1 else log_loss(logits, labels)
    accuracy = np.mean(logits.argmax(axis=1) == labels)
    rounded: Floats = np.round([*trained, loss, accuracy], DIGITS) + 0.0  # which leaves no -0.0
    return rounded


def resumed(fingerprint: str, seed: int, cluster: Cluster) -> Checkpoint | None:
    """Return the checkpoint to resume from, if any. In a cluster, join it and return the chief's."""
    saved = checkpoint.load(CHECKPOINT, fingerprint) if cluster.chief else None
    if not cluster.several:
        return saved
    wait_for_all(cluster, fingerprint)
    from textrnn.model import runtime  # noqa: PLC0415  # side_by_side must fork before TensorFlow loads
    from textrnn.training import device  # noqa: PLC0415  # which imports this module
    from textrnn.training.distributed import collective  # noqa: PLC0415

    if device.wanted(os.environ) == "cpu":
        runtime.compute_on([])
    collective.join(cluster, seed)
    return collective.shared(cluster, saved)


def split_by_member(arrays: Arrays, count: int) -> list[Arrays]:
    """Return the state of each member from those of all."""
    return [checkpoint.part(arrays, f"{number}/") for number in range(count)]
