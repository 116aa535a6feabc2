"""Logits to probabilities, and their loss, in NumPy: TensorFlow's own differ in the last bits by processor."""

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of (rows, classes) logits."""
    odds: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def log_loss(probabilities: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """Return the mean cross entropy in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.maximum(chosen, np.finfo(np.float32).tiny))))
