"""Rows whose label is likely wrong, judged by models that have not seen them."""

import numpy as np
from numpy.typing import NDArray


def label_errors(labels: NDArray[np.int8], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows whose label is likely wrong, the row with the least likely label first.

    Confident learning (Northcutt, Jiang and Chuang 2021): a model is confident of a label if its probability reaches
    the mean over the rows with that label. A row is found if the likeliest label that the model is confident of is
    not the row's own, unless its own is the likeliest of all. `probabilities` is (rows, labels), out of sample.
    """
    means = np.array([probabilities[labels == label, label].mean() if (labels == label).any() else np.inf
                      for label in range(probabilities.shape[1])])  # fmt: skip
    confident = np.where(probabilities >= means, probabilities, -1)
    likely = np.where(confident.max(axis=1) < 0, labels, confident.argmax(axis=1))
    found = np.flatnonzero((likely != labels) & (probabilities.argmax(axis=1) != labels))
    own = probabilities[found, labels[found]]
    ordered: NDArray[np.int64] = found[np.argsort(own, kind="stable")]
    return ordered
