"""How good the answers are: every score of metrics/evaluate.json."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from textrnn.core.files import DIGITS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Labels = NDArray[np.int16]

BINS = 15  # of the calibration error, as in Guo et al. 2017


def scores(labels: Labels, predicted: Labels, probabilities: Floats, positive: int) -> dict[str, float]:
    """Return every score by its name, from (rows, labels) probabilities.

    Accuracy, mcc, loss and, with more than two labels, the macro averages are over all labels; the others are those
    of the positive label against the rest.
    """
    classes = probabilities.shape[1]
    truth, probability = labels == positive, probabilities[:, positive]
    table = confusion_matrix(labels, predicted, labels=range(classes))
    (passed, false), (missed, found) = confusion_matrix(truth, predicted == positive, labels=[False, True]).tolist()
    over_labels = {name: float(value) for name, value in macro_averages(table).items()} if classes > 2 else {}
    return over_labels | {
        "accuracy": float((labels == predicted).mean()),
        "average_precision": float(average_precision_score(truth, probability)),
        "brier": float(((probability - truth) ** 2).mean()),
        "calibration_error": calibration_error(truth, probability),
        "f1": 2 * found / max(1, 2 * found + false + missed),
        "false_positive_rate": false / (false + passed),
        "loss": float(losses(labels, probabilities).mean()),
        "majority_accuracy": float(table.sum(axis=1).max() / len(labels)),
        "mcc": float(matthews(table)),
        "precision": found / max(1, found + false),
        "recall": found / (found + missed),
        "roc_auc": float(roc_auc_score(truth, probability)),
        "true_positives": found,
        "false_positives": false,
        "false_negatives": missed,
        "true_negatives": passed,
    }


def matthews(table: NDArray[np.int64] | Floats) -> Floats:
    """Return the Matthews correlation of (…, labels, labels) confusion counts, 0 where it is undefined.

    Matthews (1975) for two labels, R_K (Gorodkin 2004) for more.
    """
    total = table.sum(axis=(-2, -1)).astype(float)
    actual, predicted = table.sum(axis=-1).astype(float), table.sum(axis=-2).astype(float)
    right = np.trace(table, axis1=-2, axis2=-1)
    difference = right * total - (actual * predicted).sum(axis=-1)
    product = (total**2 - (predicted**2).sum(axis=-1)) * (total**2 - (actual**2).sum(axis=-1))
    defined: Floats = np.divide(difference, np.sqrt(product), out=np.zeros_like(difference), where=product > 0)
    return defined


def macro_averages(table: NDArray[np.int64] | Floats) -> dict[str, Floats]:
    """Return precision, recall and F1 of (…, labels, labels) confusion counts, each the mean over the labels.

    As in scikit-learn, a label that is never answered has precision 0, and one without rows has recall 0.
    """
    right = np.diagonal(table, axis1=-2, axis2=-1)
    actual, answered = table.sum(axis=-1), table.sum(axis=-2)
    shares = {"f1": (2 * right, actual + answered), "precision": (right, answered), "recall": (right, actual)}
    return {
        f"macro_{name}": np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0).mean(axis=-1)
        for name, (part, whole) in shares.items()
    }


def majority_baseline(labels: Labels, classes: int, positive: int) -> dict[str, float]:
    """Return the scores of always answering the commonest label, with the labels' shares as probabilities."""
    counts = np.bincount(labels, minlength=classes)
    answers = np.full(len(labels), counts.argmax(), np.int16)
    return scores(labels, answers, np.tile(counts / len(labels), (len(labels), 1)), positive)


def calibration_error(truth: Bools, probability: Floats) -> float:
    """Return the expected calibration error (Naeini, Cooper and Hauskrecht 2015).

    It is the distance between the mean probability and the share of positive rows, averaged over BINS bins of equal
    width, each weighted by its rows. It has no interval: resampling rows only ever makes it larger.
    """
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, truth - probability, BINS)).sum() / len(truth))


def losses(labels: Labels, probabilities: Floats) -> Floats:
    """Return the cross entropy of each row in nats. A probability rounded to 0 counts as half its last digit."""
    own = np.maximum(probabilities[np.arange(len(labels)), labels], 0.5 * 10**-DIGITS)
    entropy: Floats = -np.log(own)
    return entropy
