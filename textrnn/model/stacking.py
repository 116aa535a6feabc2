"""Logits to probabilities: softmax, and the blend of networks, linear branch and encoder, fitted on held-out rows.

Stacking (Wolpert 1992) with one weight for each source, never negative (Breiman 1996), and one bias for each label.
With the networks alone, this is temperature scaling with biases (Guo et al. 2017). A weight for each pair of labels
would learn the rows by heart, so a matrix corrects the blend under a penalty alone, and only where that pays out of
fold. NumPy computes it, since the last bits of TensorFlow's exponentials differ between processors.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.special
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits

from textrnn.model.config import ClassWeight
from textrnn.model.newton import fitted, minimum, weighted_loss

RIDGE = (0.01, 1.0)  # penalties of weights and of biases: both stay finite where rows are separable or a label is rare
PENALTIES = (100.0, 30.0, 10.0)  # of the matrix
FEWEST_ROWS = 4  # for each weight of the matrix
MOST_WORK = 20_000_000  # rows times weights of the matrix, which take about a minute
DIGITS = 4  # weights are rounded: the last bits of an exponential differ between processors

Floats = NDArray[np.float64]

softmax = partial(scipy.special.softmax, axis=1)  # (rows, classes) logits to probabilities


class Blend(NamedTuple):
    """Blended logits are the sum of each source times its scales, times the matrix if there is one, and the bias.

    The sources are the networks' logits (rows, classes), the decisions (rows, decisions) of the linear branch's
    machines and of the encoder's branch, as far as the model has them, and, with either branch, last the sizes of the
    texts (rows, 1).
    """

    scales: Floats  # (sources, classes)
    bias: Floats  # (classes)
    matrix: Floats | None = None  # (classes, classes)


def apply(blend: Blend, sources: list[Floats]) -> Floats:
    """Return the blended logits, (rows, classes)."""
    total = np.sum([one * scale for one, scale in zip(sources, blend.scales, strict=True)], axis=0)
    result: Floats = blend.bias + (total if blend.matrix is None else total @ blend.matrix)
    return result


def losses(logits: Floats, labels: NDArray[np.int16]) -> Floats:
    """Return the log loss of each row."""
    result: Floats = -scipy.special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return result


def blended(
    sources: list[Floats], labels: NDArray[np.int16], fold: NDArray[np.int64], class_weight: ClassWeight = None
) -> tuple[Blend, Floats]:
    """Return the blend fitted to all rows, and each row's blended logits (rows, classes) by one without its fold.

    The matrix must lower the log loss of the latter by more than a standard error of the mean difference.
    """
    logits, rows = cross_fitted(sources, labels, fold, class_weight), compute_sample_weight(class_weight, labels)
    classes, before = logits.shape[1], rows * losses(logits, labels)
    chosen, most = None, 0.0
    # Of two labels the one weight and the biases say all that a matrix could.
    allowed = classes > 2 and FEWEST_ROWS * classes**2 <= len(labels) <= MOST_WORK / classes**2
    for penalty in PENALTIES if allowed else ():
        other = cross_fitted(sources, labels, fold, class_weight, penalty)
        gains = before - rows * losses(other, labels)
        gain = round(float(gains.mean()), DIGITS)
        if gain > max(most, float(gains.std()) / len(gains) ** 0.5):
            chosen, most, logits = penalty, gain, other
    return fit(sources, labels, class_weight, chosen), logits


def cross_fitted(
    sources: list[Floats], labels: NDArray[np.int16], fold: NDArray[np.int64], class_weight: ClassWeight = None,
    penalty: float | None = None,
) -> Floats:  # fmt: skip
    """Return the blended logits, (rows, classes), those of each fold by a blend fitted to the rows of the others."""
    result = np.zeros((len(labels), classes_of(sources)))
    for number in np.unique(fold):
        others, left_out = fold != number, fold == number
        blend = fit([one[others] for one in sources], labels[others], class_weight, penalty)
        result[left_out] = apply(blend, [one[left_out] for one in sources])
    return result


def fit(
    sources: list[Floats], labels: NDArray[np.int16], class_weight: ClassWeight = None, penalty: float | None = None
) -> Blend:
    """Fit the blend of the sources that Blend names, and with a penalty its matrix.

    A single column, whose larger values speak for the second of two labels, says nothing about one of many. Few rows
    may speak for no source by chance, so by its prior (`fitted`) a blend never ignores them all.
    """
    classes = classes_of(sources)
    # A larger logit or decision speaks for its label, so their weights are not negative. That of the sizes may be.
    last = max(1, len(sources) - 1)
    trusted = [number for number, one in enumerate(sources) if number < last or one.shape[1] > 1]
    single = np.array([-0.5, 0.5]) if classes == 2 else np.zeros(classes)
    spread = [single if one.shape[1] == 1 else np.ones(classes) for one in sources]
    # Only the differences of a row's logits count.
    scores = [one if one.shape[1] == 1 else one - one.mean(axis=1, keepdims=True) for one in sources]
    # The penalty of the biases would else shrink the weight of a source that lies far from 0, as the decisions on a
    # rare label do.
    centres = [one.mean(axis=0) for one in scores]
    scores = [(one - centre) * scale for one, centre, scale in zip(scores, centres, spread, strict=True)]
    rows = compute_sample_weight(class_weight, labels)
    used = [number for number in range(len(sources)) if spread[number].any()]
    with threadpool_limits(1, "blas"):  # which shares out sums so short that its threads only wait for each other
        while True:
            weights = np.zeros(len(sources))
            given = np.array([scores[one] for one in used]).reshape(-1, len(labels), classes)
            signal = given.std(axis=(1, 2)) * np.isin(used, trusted)
            weights[used], bias = fitted(given, labels, rows, RIDGE, signal)
            worst = min(trusted, key=lambda number: weights[number])
            if weights[worst] >= 0:
                break
            used.remove(worst)
        scales = weights[:, None] * np.array(spread)
        moved = np.sum([centre * scale for centre, scale in zip(centres, scales, strict=True)], axis=0)
        blend = Blend(np.round(scales, DIGITS), np.round(bias - moved, DIGITS))
        return blend if penalty is None else corrected(blend, apply(blend, sources), labels, rows, penalty)


def classes_of(sources: list[Floats]) -> int:
    """Return how many labels the sources speak about: a single column speaks about two."""
    return max(2, *(int(one.shape[1]) for one in sources))


def corrected(blend: Blend, logits: Floats, labels: NDArray[np.int16], rows: Floats, penalty: float) -> Blend:
    """Return the blend, which gives these logits (rows, classes), with the matrix of the least penalised log loss.

    What is penalised is what the matrix adds to the logits. The steps of Newton's method are found by conjugate
    gradients. As in `fitted`, BLAS decides the way alone, and `rows` are the rows' weights.
    """
    classes = logits.shape[1]
    centring = np.eye(classes) - 1 / classes  # only the differences of a row's logits count
    scores = logits @ centring
    centre, spread = scores.mean(axis=0), scores.std() or 1.0
    scores = (scores - centre) / spread

    def measured(found: Floats) -> tuple[float, Floats]:
        loss, probabilities = weighted_loss(logits + scores @ found, labels, rows)
        return loss + float(penalty * (found**2).sum() / 2), probabilities

    def step_of(found: Floats, probabilities: Floats) -> Floats:
        residuals = (probabilities - np.eye(classes)[labels]) * rows[:, None]
        gradient = np.einsum("nj,nk->jk", scores, residuals) + penalty * found
        hessian = LinearOperator((classes**2, classes**2), partial(curved, probabilities, scores, rows, penalty))
        step: Floats = cg(hessian, gradient.ravel(), rtol=1e-4)[0].reshape(classes, classes)
        return step

    found = minimum(measured, step_of, np.zeros((classes, classes)))
    matrix = np.round(np.eye(classes) + centring @ found / spread, DIGITS)
    return Blend(blend.scales, np.round(blend.bias @ matrix - centre @ found / spread, DIGITS), matrix)


def curved(probabilities: Floats, scores: Floats, rows: Floats, penalty: float, flat: Floats) -> Floats:
    """Return the Hessian of the penalised log loss, by the weights of the scores, times a direction."""
    direction = flat.reshape(scores.shape[1], -1)
    moved = probabilities * (scores @ direction)
    moved = (moved - probabilities * moved.sum(axis=1, keepdims=True)) * rows[:, None]
    result: Floats = (scores.T @ moved + penalty * direction).ravel()
    return result
