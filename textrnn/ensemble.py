"""The members of a model trained side by side, epoch by epoch: one network, or one for each fold.

A member of an ensemble leaves out its fold of the rows, so together the members say of every row what a
network says of it which has not seen it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn import checkpoint, paths
from textrnn.batches import Encoder
from textrnn.network import weights
from textrnn.parent import parent_watch
from textrnn.progress import progress
from textrnn.ragged import Rows
from textrnn.recipe import Recipe
from textrnn.training import Trainer, log_loss, softmax

COLUMNS = ("epoch", "train_loss", "train_accuracy", "held_out_loss", "held_out_accuracy")
CHECKPOINT = paths.CHECKPOINTS / "train.npz"

Floats = NDArray[np.float64]


class Member(NamedTuple):
    """What one network learns from, and what it is held out on."""

    train: Rows
    held_out: Rows
    encoder: Encoder  # which knows the words of its own training rows


class Fitted(NamedTuple):
    """What has become of the members."""

    history: Floats  # a row for each epoch, of COLUMNS
    weights: list[dict[str, NDArray[np.float32]]]  # of each member, by name
    logits: list[Floats]  # of each member, on its held-out rows


def fit(trainer: Trainer, members: list[Member], recipe: Recipe, mark: str) -> Fitted:
    """Train all members to the last epoch, or to where patience ends.

    Every epoch trains each member once; held-out loss and accuracy are those of all members' held-out rows. With
    patience, the weights are those of the best epoch.
    """
    alive = parent_watch()
    saved = checkpoint.load(CHECKPOINT, mark)
    if saved:
        print(f"resuming after epoch {len(saved.history)}", flush=True)
        history, best = saved.history, saved.best
        states = [checkpoint.part(saved.now, f"{number}/") for number in range(len(members))]
    else:
        history, best = np.zeros((0, len(COLUMNS))), {}
        states = [trainer.beginning(number) for number in range(len(members))]
    bar = progress(range(len(history) + 1, recipe.epochs + 1), "train", "epoch")
    for epoch in bar:
        if recipe.patience and epoch > best_epoch(history) + recipe.patience:
            break
        trained, logits = [], []
        for number, member in enumerate(members):
            trainer.restore(states[number])
            trained.append(trainer.epoch(member.train, member.encoder, epoch, (recipe.seed, epoch, number), alive))
            logits.append(trainer.predict(member.held_out, member.encoder))
            states[number] = trainer.state()
        probabilities = softmax(np.vstack(logits))
        labels = np.concatenate([member.held_out.labels for member in members])
        accuracy = float(np.mean(probabilities.argmax(axis=1) == labels))
        row = [epoch, *np.mean(trained, axis=0), log_loss(probabilities, labels), accuracy]
        history = np.vstack([history, np.round(row, 6)])
        bar.write(", ".join(f"{name} {value:.6g}" for name, value in zip(COLUMNS, history[-1], strict=True)))
        now = {f"{number}/{name}": array for number, one in enumerate(states) for name, array in one.items()}
        if recipe.patience and best_epoch(history) == epoch:
            best = now
        alive()
        checkpoint.save(CHECKPOINT, mark, checkpoint.Checkpoint(history, now, best))
    if best:
        states = [checkpoint.part(best, f"{number}/") for number in range(len(members))]
    arrays, logits = [], []
    for state, member in zip(states, members, strict=True):
        trainer.restore(state)
        arrays.append(weights(trainer.network))
        logits.append(trainer.predict(member.held_out, member.encoder))
    return Fitted(history, arrays, logits)


def best_epoch(history: Floats) -> int:
    """Return the first epoch with the lowest held-out loss, 0 before any."""
    return 1 + int(history[:, COLUMNS.index("held_out_loss")].argmin()) if len(history) else 0
