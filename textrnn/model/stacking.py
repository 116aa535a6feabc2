"""Logits to probabilities: softmax, and the blend of network and linear branch, fitted on held-out rows.

Stacking (Wolpert 1992) with one weight for each source, never negative (Breiman 1996), and one bias for each label: a
weight for each pair of labels would learn the rows by heart. With the network alone, this is temperature scaling with
biases (Guo et al. 2017). NumPy computes it, since the last bits of TensorFlow's exponentials differ between processors.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.special
from numpy.typing import NDArray
from scipy.linalg import solve
from sklearn.utils.class_weight import compute_sample_weight

from textrnn.model.config import ClassWeight

RIDGE = (0.01, 1.0)  # penalties of weights and of biases: they stay finite where rows are separable or a label is rare
DIGITS = 4  # weights are rounded: the last bits of an exponential differ between processors
SMALL_STEP = 1e-6  # the last step of Newton's method: the error after it is about its square
MOST_STEPS = 100

Floats = NDArray[np.float64]

softmax = partial(scipy.special.softmax, axis=1)  # (rows, classes) logits to probabilities


class Blend(NamedTuple):
    """Blended logits are the bias and the sum of each source times its scales.

    The sources are the networks' logits (rows, classes), if there are networks, and with the linear branch its
    decisions (rows, decisions) and, last, the sizes of the texts (rows, 1).
    """

    scales: Floats  # (sources, classes)
    bias: Floats  # (classes)


def apply(blend: Blend, sources: list[Floats]) -> Floats:
    """Return the blended logits, (rows, classes)."""
    result: Floats = sum((one * scale for one, scale in zip(sources, blend.scales, strict=True)), blend.bias)
    return result


def cross_fitted(
    sources: list[Floats], labels: NDArray[np.int16], fold: NDArray[np.int64], class_weight: ClassWeight = None
) -> Floats:
    """Return the blended logits, (rows, classes), those of each fold by a blend fitted to the rows of the others."""
    result = np.zeros((len(labels), classes_of(sources)))
    for number in np.unique(fold):
        others, left_out = fold != number, fold == number
        blend = fit([one[others] for one in sources], labels[others], class_weight)
        result[left_out] = apply(blend, [one[left_out] for one in sources])
    return result


def fit(sources: list[Floats], labels: NDArray[np.int16], class_weight: ClassWeight = None) -> Blend:
    """Fit the blend of the sources that Blend names.

    A single column, whose larger values speak for the second of two labels, says nothing about one of many.
    """
    classes = classes_of(sources)
    # A larger logit or decision speaks for its label, so their weights are not negative. That of the sizes, which come
    # last and count between two labels alone, may be.
    trusted = len(sources) if classes > 2 else max(1, len(sources) - 1)
    single = np.array([-0.5, 0.5]) if classes == 2 else np.zeros(classes)
    spread = [single if one.shape[1] == 1 else np.ones(classes) for one in sources]
    # The penalty of the biases would else shrink the weight of a source that lies far from 0.
    centres = np.array([one.mean() if one.shape[1] == 1 else 0.0 for one in sources])
    scores = [(one - centre) * scale for one, centre, scale in zip(sources, centres, spread, strict=True)]
    rows = compute_sample_weight(class_weight, labels)
    used = [number for number in range(len(sources)) if spread[number].any()]
    while True:
        weights = np.zeros(len(sources))
        given = np.array([scores[one] for one in used]).reshape(-1, len(labels), classes)
        weights[used], bias = newton(given, labels, rows)
        worst = int(weights[:trusted].argmin())
        if weights[worst] >= 0:
            break
        used.remove(worst)
    scales = weights[:, None] * np.array(spread)
    return Blend(np.round(scales, DIGITS), np.round(bias - centres @ scales, DIGITS))


def classes_of(sources: list[Floats]) -> int:
    """Return how many labels the sources speak about: a single column speaks about two."""
    return max(2, *(int(one.shape[1]) for one in sources))


def newton(scores: Floats, labels: NDArray[np.int16], rows: Floats) -> tuple[Floats, Floats]:
    """Return the weights of the (sources, rows, classes) scores and the biases with the least penalised log loss.

    `rows` are the rows' weights. Sums that decide the result are not BLAS', which adds up in another order on another
    processor or with other threads; those of the Hessian decide the way there alone.
    """
    sources, _, classes = scores.shape
    ridge = np.repeat(RIDGE, (sources, classes))
    found = np.zeros(sources + classes)
    loss, probabilities = log_loss(found, scores, labels, rows, ridge)
    for _ in range(MOST_STEPS):
        gradient, hessian = derivatives(probabilities, scores, labels, rows)
        step = solve(hessian + np.diag(ridge), gradient + ridge * found, assume_a="pos")
        most, length = loss * (1 + 1e-12), 1.0
        while (trial := log_loss(found - length * step, scores, labels, rows, ridge))[0] > most:
            length /= 2
        found, (loss, probabilities) = found - length * step, trial
        if np.abs(step).max() < SMALL_STEP:
            break
    return found[:sources], found[sources:]


def log_loss(
    parameters: Floats, scores: Floats, labels: NDArray[np.int16], rows: Floats, ridge: Floats
) -> tuple[float, Floats]:
    """Return the penalised log loss, summed over the weighted rows, and the (rows, classes) probabilities."""
    weights, bias = np.split(parameters, [len(scores)])
    logarithms = scipy.special.log_softmax(np.einsum("s,snk->nk", weights, scores) + bias, axis=1)
    own = logarithms[np.arange(len(labels)), labels]
    return float((ridge * parameters**2).sum() / 2 - (rows * own).sum()), np.exp(logarithms)


def derivatives(
    probabilities: Floats, scores: Floats, labels: NDArray[np.int16], rows: Floats
) -> tuple[Floats, Floats]:
    """Return gradient and Hessian of the log loss, without the penalty, by weights and biases."""
    sources = len(scores)
    weighted = probabilities * rows[:, None]
    residuals = weighted.copy()
    residuals[np.arange(len(labels)), labels] -= rows
    gradient = np.concatenate([np.einsum("nk,snk->s", residuals, scores), residuals.sum(axis=0)])

    means = np.hstack([np.einsum("nk,snk->ns", probabilities, scores), probabilities])
    hessian = -means.T @ (means * rows[:, None])
    hessian[:sources, :sources] += np.einsum("nk,snk,tnk->st", weighted, scores, scores)
    crossed = np.einsum("nk,snk->sk", weighted, scores)
    hessian[:sources, sources:] += crossed
    hessian[sources:, :sources] += crossed.T
    hessian[sources:, sources:] += np.diag(weighted.sum(axis=0))
    return gradient, hessian
