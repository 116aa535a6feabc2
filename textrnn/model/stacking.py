"""Logits to probabilities: softmax, and the blend of network and linear branch, fitted on held-out rows.

Stacking (Wolpert 1992) by logistic regression; with the network alone, this is Platt scaling (1999). NumPy computes
it, since the last bits of TensorFlow's exponentials differ between processors.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.special
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

C = 100.0  # a weak penalty: it keeps the weights finite where the rows are separable
DIGITS = 4  # weights are rounded: the last bits of an exponential differ between processors

Floats = NDArray[np.float64]

softmax = partial(scipy.special.softmax, axis=1)  # (rows, classes) logits to probabilities


class Blend(NamedTuple):
    """Blended logits are features · kernel + bias. The features are the network's logits, then the others."""

    kernel: Floats  # (features, classes)
    bias: Floats  # (classes)


def fit(logits: Floats, others: Floats, labels: NDArray[np.int16]) -> Blend:
    """Fit the weights of the (rows, classes) logits and of the (rows, others) further features.

    Only the differences between a row's logits matter, so the first class' logit is subtracted from the others.
    """
    classes = logits.shape[1]
    difference = np.vstack([np.full(classes - 1, -1.0), np.eye(classes - 1)])  # (classes, classes - 1)
    regression = LogisticRegression(C=C, tol=1e-8, max_iter=10_000)
    regression.fit(np.hstack([logits @ difference, others]), labels)
    weights, bias = np.round(regression.coef_.T, DIGITS), np.round(regression.intercept_, DIGITS)
    if classes == 2:  # scikit-learn has one column, for the second class against the first
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
    return Blend(np.vstack([difference @ weights[: classes - 1], weights[classes - 1 :]]), bias)


def apply(blend: Blend, logits: Floats, others: Floats) -> Floats:
    """Return the blended logits, (rows, classes)."""
    result: Floats = np.hstack([logits, others]) @ blend.kernel + blend.bias
    return result
