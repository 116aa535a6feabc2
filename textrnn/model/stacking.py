"""Logits to probabilities: softmax, and the blend of network and linear branch fitted on held-out rows.

Stacking (Wolpert 1992) by logistic regression; of the network alone, this is Platt's scaling (1999). In NumPy, as
TensorFlow's own exponentials differ in the last bits by processor.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

C = 100.0  # a weak penalty: it keeps the weights finite where the rows are separable
DIGITS = 4  # of the weights: the last bits of an exponential differ between processors

Floats = NDArray[np.float64]


class Blend(NamedTuple):
    """Blended logits are features · kernel + bias, where the features are the network's logits, then the others."""

    kernel: Floats  # (features, classes)
    bias: Floats  # (classes)


def fit(logits: Floats, others: Floats, labels: NDArray[np.int8]) -> Blend:
    """Return the weights of (rows, classes) logits and of (rows, others) further features.

    Only the differences between a row's logits matter, so the first class' logit is subtracted from the others.
    """
    classes = logits.shape[1]
    difference = np.vstack([np.full(classes - 1, -1.0), np.eye(classes - 1)])  # (classes, classes - 1)
    regression = LogisticRegression(C=C, tol=1e-8, max_iter=10_000)
    regression.fit(np.hstack([logits @ difference, others]), labels)
    weights, bias = np.round(regression.coef_.T, DIGITS), np.round(regression.intercept_, DIGITS)
    if classes == 2:  # one column, of the second class against the first
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
    return Blend(np.vstack([difference @ weights[: classes - 1], weights[classes - 1 :]]), bias)


def apply(blend: Blend, logits: Floats, others: Floats) -> Floats:
    """Return the blended logits, (rows, classes)."""
    result: Floats = np.hstack([logits, others]) @ blend.kernel + blend.bias
    return result


def softmax(logits: Floats) -> Floats:
    """Return the probabilities of (rows, classes) logits."""
    odds: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = odds / odds.sum(axis=1, keepdims=True)
    return shares


def log_loss(probabilities: Floats, labels: NDArray[np.int8]) -> float:
    """Return the mean cross entropy in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.maximum(chosen, np.finfo(np.float32).tiny))))
