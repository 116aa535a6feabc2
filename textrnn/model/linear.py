"""The linear branch: a support vector machine on a message's n-grams, whose decisions the network's logits join.

On short texts it is the baseline to beat, and it errs on other messages than a recurrent network does. It
knows n-grams by their hashes, so a model holds no text.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.svm import LinearSVC

from textrnn.artifacts.ragged import offsets_of
from textrnn.model.config import ClassWeight
from textrnn.text.ngrams import lookup

C = 10.0  # the penalty of LinearSVC: the rows are nearly separable, and from 1 to 100 nothing changes
DIGITS = 6  # weights are rounded: a logarithm's last bit differs between processors

Floats = NDArray[np.float64]


class Linear(NamedTuple):
    """A fitted branch.

    Its decision on a message is x · weights + intercept, where x is the inverse document frequencies of the
    message's n-grams, scaled to length 1.
    """

    known: NDArray[np.uint32]  # hashes of the n-grams, in order
    idf: Floats  # (n-grams)
    weights: Floats  # (n-grams, decisions): one decision for two labels, else one for each label
    intercept: Floats  # (decisions)


def fit(bags: list[NDArray[np.uint32]], labels: NDArray[np.int16], class_weight: ClassWeight = None) -> Linear:
    """Fit the branch to the messages' distinct n-grams."""
    known, flat = np.unique(np.concatenate(bags), return_inverse=True)
    columns = np.split(flat, np.cumsum([len(bag) for bag in bags])[:-1])
    frequency = np.bincount(flat, minlength=len(known))
    idf = np.round(np.log((1 + len(bags)) / (1 + frequency)) + 1, DIGITS)  # scikit-learn's smoothed IDF
    machine = LinearSVC(C=C, class_weight=class_weight, random_state=0).fit(scaled(columns, idf), labels)
    return Linear(known, idf, np.round(machine.coef_.T, DIGITS), np.round(machine.intercept_, DIGITS))


def decisions(linear: Linear, bags: list[NDArray[np.uint32]]) -> Floats:
    """Return the decisions (messages, decisions). Unknown n-grams are left out."""
    rows = scaled([lookup(linear.known, bag) for bag in bags], linear.idf)
    result: Floats = rows @ linear.weights + linear.intercept
    return result


def scaled(columns: list[NDArray[np.int64]], idf: Floats) -> sparse.csr_array:
    """Return the (messages, n-grams) inverse document frequencies, each message scaled to length 1."""
    starts = offsets_of(np.array([len(row) for row in columns], np.int64))
    flat = np.concatenate([*columns, np.zeros(0, np.int64)]).astype(np.int32)  # LinearSVC reads no wider integers
    owners, values = np.repeat(np.arange(len(columns)), np.diff(starts)), idf[flat]
    norms = np.sqrt(np.bincount(owners, values**2, len(columns)))
    return sparse.csr_array((values / norms[owners], flat, starts.astype(np.int32)), (len(columns), len(idf)))
