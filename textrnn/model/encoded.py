"""The branch on an encoder's vectors: a logistic regression, one more source of the blend."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from textrnn.model.config import ClassWeight
from textrnn.model.linear import DIGITS, Floats

# The penalty. Beside n-grams, 1 learns too little of 77 labels, and 100 too much of noisy ones. A support vector
# machine blends no better, and takes ten times as long on vectors that lie close together.
C = 10.0
MOST_STEPS = 1000  # a hundred or two suffice


class Encoded(NamedTuple):
    """A fitted branch: its decision on a text is vector · weights + intercept."""

    weights: Floats  # (width, decisions): one decision for two labels, else one for each label
    intercept: Floats  # (decisions)


def fit(vectors: NDArray[np.float32], labels: NDArray[np.int16], class_weight: ClassWeight = None) -> Encoded:
    """Fit the branch to (rows, width) vectors."""
    with threadpool_limits(1):  # of BLAS: more would add up in another order
        machine = LogisticRegression(C=C, max_iter=MOST_STEPS, class_weight=class_weight)
        machine.fit(vectors.astype(np.float64), labels)
    return Encoded(np.round(machine.coef_.T, DIGITS), np.round(machine.intercept_, DIGITS))


def decisions(branch: Encoded, vectors: NDArray[np.float32]) -> Floats:
    """Return the decisions (rows, decisions)."""
    result: Floats = vectors.astype(np.float64) @ branch.weights + branch.intercept
    return result
