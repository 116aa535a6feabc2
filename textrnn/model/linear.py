"""The linear branch: a support vector machine on a message's n-grams.

On short texts it is the baseline to beat, and its errors differ from a recurrent network's. It knows n-grams by their
hashes, so a model holds no text.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.svm import LinearSVC

from textrnn.text.ngrams import lookup

C = 10.0  # of the support vector machine: the rows are nearly separable, and from 1 to 100 nothing changes
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


def fit(bags: list[NDArray[np.uint32]], labels: NDArray[np.int8]) -> Linear:
    """Return the branch fitted to the messages' distinct n-grams."""
    known, columns = np.unique(np.concatenate(bags), return_inverse=True)
    frequency = np.bincount(columns, minlength=len(known))
    idf = np.round(np.log((1 + len(bags)) / (1 + frequency)) + 1, DIGITS)  # scikit-learn's smoothed IDF
    machine = LinearSVC(C=C, random_state=0).fit(scaled(columns, lengths(bags), idf), labels)
    return Linear(known, idf, np.round(machine.coef_.T, DIGITS), np.round(machine.intercept_, DIGITS))


def decisions(linear: Linear, bags: list[NDArray[np.uint32]]) -> Floats:
    """Return (messages, decisions). Unknown n-grams are left out."""
    places = [lookup(linear.known, bag) for bag in bags]
    rows = scaled(np.concatenate([*places, np.zeros(0, np.int64)]), lengths(places), linear.idf)
    result: Floats = rows @ linear.weights + linear.intercept
    return result


def lengths(bags: list[NDArray[np.uint32]] | list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the number of n-grams in each bag."""
    return np.fromiter(map(len, bags), np.int64, len(bags))


def scaled(columns: NDArray[np.int64], lengths: NDArray[np.int64], idf: Floats) -> sparse.csr_array:
    """Return (messages, n-grams): inverse document frequencies, each message scaled to length 1."""
    owners = np.repeat(np.arange(len(lengths)), lengths)
    values = idf[columns]
    norms = np.sqrt(np.bincount(owners, values**2, len(lengths)))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)  # the machine takes no other integers
    return sparse.csr_array((values / norms[owners], columns.astype(np.int32), starts), (len(lengths), len(idf)))
