"""The branch on an encoder's vectors: a linear support vector machine, one more source of the blend."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from textrnn.model.config import ClassWeight
from textrnn.model.linear import DIGITS, Floats

C = 1.0  # the penalty of LinearSVC, whose rows have length 1: 10 overfits, 0.1 learns too little of many labels


class Encoded(NamedTuple):
    """A fitted branch: its decision on a text is vector · weights + intercept."""

    weights: Floats  # (width, decisions): one decision for two labels, else one for each label
    intercept: Floats  # (decisions)


def fit(vectors: NDArray[np.float32], labels: NDArray[np.int16], class_weight: ClassWeight = None) -> Encoded:
    """Fit the branch to (rows, width) vectors."""
    # The dual, whose loops are liblinear's own: the primal adds up in BLAS, whose order depends on the processor.
    machine = LinearSVC(C=C, dual=True, class_weight=class_weight, random_state=0).fit(vectors, labels)
    return Encoded(np.round(machine.coef_.T, DIGITS), np.round(machine.intercept_, DIGITS))


def decisions(branch: Encoded, vectors: NDArray[np.float32]) -> Floats:
    """Return the decisions (rows, decisions)."""
    result: Floats = vectors.astype(np.float64) @ branch.weights + branch.intercept
    return result
