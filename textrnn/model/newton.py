"""Newton's method, and with it the regression that finds the blend's weights and biases."""

import math
from collections.abc import Callable

import numpy as np
import scipy.special
from numpy.typing import NDArray
from scipy.linalg import solve

from textrnn.core.errors import note

SMALL_STEP = 1e-6  # the last one: the error after it is about its square
MOST_STEPS = 100

Floats = NDArray[np.float64]


def minimum(
    measured: Callable[[Floats], tuple[float, Floats]], step_of: Callable[[Floats, Floats], Floats], found: Floats
) -> Floats:
    """Return the parameters of the least loss, from those in `found` on. Say so if the steps do not end.

    `measured` returns the loss of parameters and their (rows, classes) probabilities, from which `step_of` returns
    Newton's step. A step that raises the loss is halved.
    """
    loss, probabilities = measured(found)
    for _ in range(MOST_STEPS):
        step = step_of(found, probabilities)
        most, length = loss + 1e-12 * abs(loss), 1.0
        while (trial := measured(found - length * step))[0] > most:
            length /= 2
        found, (loss, probabilities) = found - length * step, trial
        if np.abs(step).max() < SMALL_STEP:
            return found
    note(f"the blend was still changing after {MOST_STEPS} steps, by up to {np.abs(step).max():.2g} a weight")
    return found


def fitted(
    scores: Floats, labels: NDArray[np.int16], rows: Floats, penalties: tuple[float, float], signal: Floats
) -> tuple[Floats, Floats]:
    """Return the weights of the (sources, rows, classes) scores and the biases with the least penalised log loss.

    `rows` are the rows' weights, `penalties` those of the weights and of the biases. The logarithm of the sum of the
    weights, each times the `signal` of its source, is subtracted from the loss, unless there is no signal. Sums that
    decide the result are not BLAS', which adds up in another order on another processor or with other threads; those
    of the Hessian decide the way there alone.
    """
    sources, _, classes = scores.shape
    ridge, signals = np.repeat(penalties, (sources, classes)), np.concatenate([signal, np.zeros(classes)])

    def measured(found: Floats) -> tuple[float, Floats]:
        loss, probabilities = log_loss(found, scores, labels, rows, ridge)
        total = float((signals * found).sum())
        if not signal.any():
            return loss, probabilities
        return loss - math.log(total) if total > 0 else math.inf, probabilities

    def step_of(found: Floats, probabilities: Floats) -> Floats:
        gradient, hessian = derivatives(probabilities, scores, labels, rows)
        pull = signals / (signals * found).sum() if signal.any() else signals
        hessian += np.diag(ridge) + np.outer(pull, pull)
        step: Floats = solve(hessian, gradient + ridge * found - pull, assume_a="pos")
        return step

    found = minimum(measured, step_of, np.sign(signals))
    return found[:sources], found[sources:]


def log_loss(
    parameters: Floats, scores: Floats, labels: NDArray[np.int16], rows: Floats, ridge: Floats
) -> tuple[float, Floats]:
    """Return the penalised log loss, summed over the weighted rows, and the (rows, classes) probabilities."""
    weights, bias = np.split(parameters, [len(scores)])
    loss, probabilities = weighted_loss(np.einsum("s,snk->nk", weights, scores) + bias, labels, rows)
    return loss + float((ridge * parameters**2).sum() / 2), probabilities


def weighted_loss(logits: Floats, labels: NDArray[np.int16], rows: Floats) -> tuple[float, Floats]:
    """Return the log loss, summed over the weighted rows, and the (rows, classes) probabilities."""
    logarithms = scipy.special.log_softmax(logits, axis=1)
    own = logarithms[np.arange(len(labels)), labels]
    return -float((rows * own).sum()), np.exp(logarithms)


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
