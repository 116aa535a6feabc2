"""How good the probabilities are, and how sure that is.

The tests compare each score with scikit-learn's, which takes longer to load than all scores to compute.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from textrnn.core.files import DIGITS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Labels = NDArray[np.int8]

CONFIDENCE = 0.95
TOGETHER = 50_000  # counts of the bootstrap that are worked on at once: each array of them fits a processor's cache
SMALL = 1e-9  # a step of the calibration that is not worth another
BINS = 15  # of the calibration error, as in Guo et al. 2017


def best_threshold(truth: Bools, probability: Floats) -> float:
    """Return the threshold with the highest expected Matthews correlation, for rows of both kinds.

    The expectation is over labels drawn by the rows' probabilities, once these are calibrated on the truth (Platt
    1999): so Lewis (1995) chose for the F-measure. The cut at which the rows' own labels correlate best hangs on
    the few rows near it, and is worse on other rows (docs/experiments.md). A message is positive when its
    probability is at least the threshold, which lies half-way between two neighbouring ones.
    """
    order, ends = falling(probability)
    values = probability[order]
    least = 0.5 * 10**-DIGITS
    logits = np.log(np.clip(values, least, 1 - least) / np.clip(1 - values, least, 1 - least))
    likely = calibrated(logits, truth[order])
    caught, blocked = np.cumsum(likely)[ends], np.cumsum(1 - likely)[ends]
    missed, passed = caught[-1] - caught, blocked[-1] - blocked
    best = int(matthews(np.array([[passed, blocked], [missed, caught]]).transpose(2, 0, 1)).argmax())
    lowest, below = float(values[ends][best]), float(np.append(values, 0.0)[ends[best] + 1])
    cut = round((lowest + below) / 2, DIGITS)
    return cut if cut > below else lowest  # neighbours one last digit apart have nothing between them


def calibrated(logits: Floats, truth: Bools) -> Floats:
    """Return the probabilities of a logistic regression of the truth, of both kinds, on the logits (Platt 1999).

    That which scikit-learn's LogisticRegression(C=100) finds: half the square of the slope, by a hundred, is added to
    the loss. Found by Newton's method, whose steps are halved until they lower the loss.
    """
    inputs = np.stack([logits, np.ones_like(logits)], axis=1)
    penalty = np.array([1 / 100, 0])

    def loss(weights: Floats) -> float:
        scores = inputs @ weights
        return float((np.logaddexp(0, scores) - truth * scores).sum() + (penalty * weights**2).sum() / 2)

    weights = np.zeros(2)
    while True:
        likely = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (likely - truth) + penalty * weights
        curvature = (inputs.T * (likely * (1 - likely))) @ inputs + np.diag(penalty)
        step = np.linalg.lstsq(curvature, gradient)[0]  # which is flat where all logits are equal
        while np.abs(step).max() > SMALL and loss(weights - step) > loss(weights):
            step /= 2
        if np.abs(step).max() <= SMALL:
            return likely
        weights = weights - step


def matthews(confusion: NDArray[np.int64] | Floats) -> Floats:
    """Return the correlation of (samples, classes, classes) confusion counts, 0 where it is undefined.

    Matthews (1975) for two classes, R_K (Gorodkin 2004) for more.
    """
    total = confusion.sum(axis=(1, 2)).astype(float)
    actual, predicted = confusion.sum(axis=2).astype(float), confusion.sum(axis=1).astype(float)
    right = np.trace(confusion, axis1=1, axis2=2)
    difference = right * total - (actual * predicted).sum(axis=1)
    product = (total**2 - (predicted**2).sum(axis=1)) * (total**2 - (actual**2).sum(axis=1))
    defined: Floats = np.divide(difference, np.sqrt(product), out=np.zeros_like(difference), where=product > 0)
    return defined


def macro_averages(confusion: Floats) -> dict[str, Floats]:
    """Return precision, recall and F1 of (samples, classes, classes) counts, each the mean over the labels.

    0 for a label that is never answered, or never there, as scikit-learn has it.
    """
    right = np.diagonal(confusion, axis1=1, axis2=2)
    actual, answered = confusion.sum(axis=2), confusion.sum(axis=1)
    return {
        "macro_f1": (2 * right / np.maximum(actual + answered, 1)).mean(axis=1),
        "macro_precision": (right / np.maximum(answered, 1)).mean(axis=1),
        "macro_recall": (right / np.maximum(actual, 1)).mean(axis=1),
    }


def scores(labels: Labels, predicted: Labels, probabilities: Floats, positive: int) -> dict[str, float]:
    """Return every score as metrics/evaluate.json names it, from (rows, classes) probabilities.

    Accuracy, mcc, loss and, of more than two labels, the macro-averages are over all labels; the others are of the
    positive one against the rest.
    """
    truth, answer = labels == positive, predicted == positive
    (passed, blocked), (missed, caught) = (
        [int((kind & said).sum()) for said in (~answer, answer)] for kind in (~truth, truth)
    )
    once = resampled(labels, predicted, probabilities, positive, np.ones((1, len(labels))))
    return {name: float(values[0]) for name, values in once.items()} | {
        "majority_accuracy": float(np.bincount(labels).max() / len(labels)),
        "calibration_error": calibration_error(truth, probabilities[:, positive]),
        "recall": caught / (caught + missed),
        "false_positive_rate": blocked / (blocked + passed),
        "true_positives": caught,
        "false_positives": blocked,
        "false_negatives": missed,
        "true_negatives": passed,
    }


def calibration_error(truth: Bools, probability: Floats) -> float:
    """Return the expected calibration error (Naeini, Cooper and Hauskrecht 2015).

    The mean over BINS bins of equal width, weighted by their rows, of the distance between the mean
    probability and the share of positive rows. It has no interval: a resample's error is always larger.
    """
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, truth - probability, BINS)).sum() / len(truth))


def ranking(truth: Bools, probability: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Return average precision and the area under the ROC curve of (samples, rows) counts, which hold both kinds.

    As scikit-learn's average_precision_score and roc_auc_score with the counts as weights, for all samples at once.
    """
    order, ends = falling(probability)
    caught = np.cumsum(counts[:, order] * truth[order], axis=1)[:, ends]
    blocked = np.cumsum(counts[:, order] * ~truth[order], axis=1)[:, ends]
    flagged = caught + blocked
    precision = np.divide(caught, flagged, out=np.ones_like(caught), where=flagged > 0)
    recall, fallout = caught / caught[:, -1:], blocked / blocked[:, -1:]
    steps = np.diff(recall, prepend=0, axis=1)
    before = np.hstack([np.zeros_like(fallout[:, :1]), fallout[:, :-1]])
    return (steps * precision).sum(axis=1), (steps * (1 - (fallout + before) / 2)).sum(axis=1)


def resampled(
    labels: Labels, predicted: Labels, probabilities: Floats, positive: int, counts: Floats
) -> dict[str, Floats]:
    """Return scores as `scores` names them, of each of (samples, rows) counts of how often a row was drawn."""
    truth, answer, probability = labels == positive, predicted == positive, probabilities[:, positive]
    rows = counts.sum(axis=1)
    classes = probabilities.shape[1]
    pairs = (labels.astype(int) * classes + predicted)[:, None] == np.arange(classes**2)
    confusion = (counts @ pairs.astype(float)).reshape(-1, classes, classes)
    caught, flagged, actual = (counts @ kind.astype(float) for kind in (truth & answer, answer, truth))
    average_precision, roc_auc = ranking(truth, probability, counts)
    over_labels = macro_averages(confusion) if classes > 2 else {}
    return over_labels | {
        "accuracy": np.trace(confusion, axis1=1, axis2=2) / rows,
        "average_precision": average_precision,
        "brier": counts @ (probability - truth) ** 2 / rows,
        "f1": 2 * caught / np.maximum(flagged + actual, 1),
        "loss": counts @ -np.log(likelihood(labels, probabilities)) / rows,
        "mcc": matthews(confusion),
        "precision": caught / np.maximum(flagged, 1),
        "recall": caught / np.maximum(actual, 1),
        "roc_auc": roc_auc,
    }


def intervals(
    labels: Labels, predicted: Labels, probabilities: Floats, positive: int, samples: int, seed: int
) -> dict[str, dict[str, float]]:
    """Return bounds of the central 95 % of each score over resampled test rows.

    A percentile bootstrap (Efron 1979), each label resampled within itself. The shares of the positive label caught
    and of the others blocked have Wilson's intervals: a bootstrap of none in 900 would be sure of itself.
    """
    strata = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    random = [np.random.default_rng([seed, number]) for number in range(len(strata))]
    drawn: dict[str, list[Floats]] = {}
    together = max(1, TOGETHER // len(labels))
    for start in range(0, samples, together):
        counts = np.zeros((min(together, samples - start), len(labels)))
        for rows, draws in zip(strata, random, strict=True):
            counts[:, rows] = draws.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), len(counts))
        for name, values in resampled(labels, predicted, probabilities, positive, counts).items():
            drawn.setdefault(name, []).append(values)
    tail = 100 * (1 - CONFIDENCE) / 2
    bounds = {name: np.percentile(np.concatenate(values), [tail, 100 - tail]) for name, values in drawn.items()}
    truth, answer = labels == positive, predicted == positive
    bounds["recall"] = wilson(int((truth & answer).sum()), int(truth.sum()))
    bounds["false_positive_rate"] = wilson(int((~truth & answer).sum()), int((~truth).sum()))
    low, high = ({name: float(bound[side]) for name, bound in bounds.items()} for side in (0, 1))
    return {"ci_low": low, "ci_high": high}


def wilson(hits: int, rows: int) -> Floats:
    """Return Wilson's score interval (1927) of a share of `hits` in `rows`, at CONFIDENCE; 0 … 1 of no rows."""
    if not rows:
        return np.array([0.0, 1.0])
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share, weight = hits / rows, z**2 / rows
    middle, half = share + weight / 2, z * math.sqrt(share * (1 - share) / rows + weight / rows / 4)
    return np.clip(np.array([middle - half, middle + half]) / (1 + weight), 0, 1)


def likelihood(labels: Labels, probabilities: Floats) -> Floats:
    """Return the probability of each row's own label, at least what one rounded to zero may have been."""
    own: Floats = np.maximum(probabilities[np.arange(len(labels)), labels], 0.5 * 10**-DIGITS)
    return own


def falling(probability: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows from the most probable to the least, and where in this order the last of each probability is."""
    order = np.argsort(-probability, kind="stable")
    return order, np.flatnonzero(np.diff(probability[order], append=-1))
