"""Rows whose label is likely wrong, by probabilities from models which have not seen them."""

import numpy as np
from numpy.typing import NDArray


def suspects(labels: NDArray[np.int8], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows which a model holds for another label with confidence, the least likely label first.

    Confident learning (Northcutt, Jiang and Chuang 2021): a row is held for a label whose probability
    reaches the mean that the rows bearing this label have; of several such labels, for the likeliest. A row
    which is likeliest under its own label is no suspect. `probabilities` is (rows, classes), out of sample.
    """
    usual = np.array([probabilities[labels == label, label].mean() if (labels == label).any() else np.inf
                      for label in range(probabilities.shape[1])])  # fmt: skip
    confident = np.where(probabilities >= usual, probabilities, -1)
    held_for = np.where(confident.max(axis=1) < 0, labels, confident.argmax(axis=1))
    found = np.flatnonzero((held_for != labels) & (probabilities.argmax(axis=1) != labels))
    own = probabilities[found, labels[found]]
    ordered: NDArray[np.int64] = found[np.argsort(own, kind="stable")]
    return ordered
