"""The linear branch: two support vector machines on a message's n-grams, one on characters and one on words.

On short texts they are the baseline to beat, and they err on other messages than a recurrent network does, and than
each other. Their decisions join the network's logits. They know n-grams by their hashes, so a model holds no text.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.svm import LinearSVC

from textrnn.artifacts.ragged import offsets_of
from textrnn.model.config import ClassWeight
from textrnn.text.ngrams import Bags, Grams, chosen, frequencies, index, places

DIGITS = 6  # weights are rounded: a logarithm's last bit differs between processors
TOLERANCE = 0.1  # liblinear's own for the dual: a thousandth of it takes up to twice as long, and decides no better

Floats = NDArray[np.float64]


class Linear(NamedTuple):
    """A fitted machine.

    Its decision on a message is x · weights + intercept, where x is the inverse document frequencies of the
    message's n-grams, times 1 + log(count) if they are counted, scaled to length 1.
    """

    known: Grams  # in order
    idf: Floats  # (n-grams)
    weights: Floats  # (n-grams, decisions): one decision for two labels, else one for each label
    intercept: Floats  # (decisions)
    counted: bool  # else each n-gram of a message counts once


def fit(bags: Bags, labels: NDArray[np.int16], penalty: float, counted: bool, class_weight: ClassWeight) -> Linear:
    """Fit a machine to the messages' n-grams, with LinearSVC's C as the penalty."""
    known, columns = np.unique(bags.grams, return_inverse=True)
    if not len(known):  # as in words of single letters
        classes = len(np.unique(labels))
        decisions = classes if classes > 2 else 1
        return Linear(known, np.zeros(0), np.zeros((0, decisions)), np.zeros(decisions), counted)
    frequency = np.bincount(columns, minlength=len(known))
    idf = np.round(np.log((1 + len(labels)) / (1 + frequency)) + 1, DIGITS)  # scikit-learn's smoothed IDF
    rows = scaled(columns, bags, len(labels), idf, counted)
    # The dual, whose loops are liblinear's own: the primal adds up in BLAS, whose order depends on the processor.
    machine = LinearSVC(C=penalty, tol=TOLERANCE, dual=True, class_weight=class_weight, random_state=0)
    machine.fit(rows, labels)
    return Linear(known, idf, np.round(machine.coef_.T, DIGITS), np.round(machine.intercept_, DIGITS), counted)


def decisions(linear: Linear, bags: Bags, texts: int) -> Floats:
    """Return the decisions (texts, decisions). Unknown n-grams are left out."""
    columns = places(index(linear.known), bags.grams)
    here = columns >= 0
    rows = scaled(columns[here], chosen(bags, here), texts, linear.idf, linear.counted)
    result: Floats = rows @ linear.weights + linear.intercept
    return result


def scaled(columns: NDArray[np.int64], bags: Bags, texts: int, idf: Floats, counted: bool) -> sparse.csr_array:
    """Return the (texts, n-grams) features, each text scaled to length 1, of the n-grams in these columns."""
    values = idf[columns] * frequencies(bags.counts) if counted else idf[columns]
    norms = np.sqrt(np.bincount(bags.owners, values**2, texts))
    starts = offsets_of(np.bincount(bags.owners, minlength=texts))
    # LinearSVC reads no wider integers.
    parts = values / norms[bags.owners], columns.astype(np.int32), starts.astype(np.int32)
    return sparse.csr_array(parts, (texts, len(idf)))
