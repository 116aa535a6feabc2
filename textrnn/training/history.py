"""The history of a training, a row for each round: which epoch to keep, and whether the loss still falls."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from textrnn.model.stacking import Floats, softmax

COLUMNS = ("epoch", "train_loss", "train_accuracy", "held_out_loss", "held_out_accuracy")
LEAST_FALL = 0.005  # of the held-out loss, as a share: patience takes less for none
SMALLEST, LARGEST = np.log([0.02, 50])  # inverse temperatures of the held-out logits


def log_loss(logits: Floats, labels: NDArray[np.int16]) -> float:
    """Return the mean cross entropy of (rows, classes) logits, in nats."""
    own = np.maximum(softmax(logits)[np.arange(len(labels)), labels], np.finfo(np.float32).tiny)
    return -float(np.mean(np.log(own)))


def calibrated_loss(logits: Floats, labels: NDArray[np.int16]) -> float:
    """Return the cross entropy at the temperature that makes it lowest (Guo et al. 2017)."""
    found = minimize_scalar(
        lambda one: log_loss(logits * np.exp(one), labels), bounds=(SMALLEST, LARGEST), options={"xatol": 1e-6}
    )
    return float(found.fun)


def epochs_of(history: Floats) -> int:
    """Return how many epochs a history tells of."""
    return int(history[-1, 0]) if len(history) else 0


def best_epoch(history: Floats) -> int:
    """Return the first measured epoch with the lowest held-out loss, 0 before any."""
    return int(history[history[:, COLUMNS.index("held_out_loss")].argmin(), 0]) if len(history) else 0


def rounds_without_fall(history: Floats) -> int:
    """Return how many measurements there have been since the held-out loss last fell by LEAST_FALL or more."""
    lowest, since = np.inf, 0
    for loss in history[:, COLUMNS.index("held_out_loss")]:
        # Below a loss of 0 there is none, and each further 0 would be a fall.
        fell = lowest > 0 and loss <= lowest * (1 - LEAST_FALL)
        lowest, since = (loss, 0) if fell else (lowest, since + 1)
    return since
