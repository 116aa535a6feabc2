"""How good the probabilities are. scikit-learn computes; this module names, cuts and resamples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from textrnn.inference import DIGITS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Labels = NDArray[np.int8]

CONFIDENCE = 0.95


def best_threshold(truth: Bools, probability: Floats) -> float:
    """Return the threshold with the highest Matthews correlation; of several, the one in the middle.

    A message is positive when its probability is at least the threshold. Candidates lie half-way
    between neighbouring probabilities, so that none depends on a rounding.
    """
    order = np.argsort(-probability, kind="stable")
    values = probability[order]
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))  # the last row of each probability
    caught, blocked = np.cumsum(truth[order])[ends], np.cumsum(~truth[order])[ends]
    missed, passed = truth.sum() - caught, (~truth).sum() - blocked
    mcc = matthews(np.array([[passed, blocked], [missed, caught]]).transpose(2, 0, 1))
    best = np.flatnonzero(mcc >= mcc.max() - 1e-12)
    middle = best[len(best) // 2]
    below = np.append(values, 0.0)[ends + 1]
    lowest = float(values[ends][middle])
    cut = round((lowest + float(below[middle])) / 2, DIGITS)
    return cut if cut > below[middle] else lowest  # neighbours one last digit apart have nothing between them


def matthews(confusion: NDArray[np.int64]) -> Floats:
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


def scores(labels: Labels, predicted: Labels, probabilities: Floats, positive: int) -> dict[str, float]:
    """Return every score as metrics/evaluate.json names it, from (rows, classes) probabilities.

    Accuracy, mcc and loss are over all labels; the others are of the positive one against the rest.
    """
    truth, answer, probability = labels == positive, predicted == positive, probabilities[:, positive]
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, answer, average="binary", zero_division=0.0
    )
    (passed, blocked), (missed, caught) = metrics.confusion_matrix(truth, answer, labels=[False, True]).tolist()
    least = 0.5 * 10**-DIGITS  # what a probability rounded to zero may have been
    likely = np.maximum(probabilities[np.arange(len(labels)), labels], least)
    return {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "majority_accuracy": float(np.bincount(labels).max() / len(labels)),
        "loss": float(-np.log(likely).mean()),
        "mcc": float(metrics.matthews_corrcoef(labels, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "roc_auc": float(metrics.roc_auc_score(truth, probability)),
        "average_precision": float(metrics.average_precision_score(truth, probability)),
        "brier": float(metrics.brier_score_loss(truth, probability)),
        "spam_caught": caught / (caught + missed),
        "blocked_ham": blocked / (blocked + passed),
        "true_positives": caught,
        "false_positives": blocked,
        "false_negatives": missed,
        "true_negatives": passed,
    }


def intervals(labels: Labels, predicted: Labels, samples: int, seed: int) -> dict[str, Any]:
    """Return bounds of the central 95 % of mcc and accuracy over resampled test rows.

    A percentile bootstrap (Efron 1979), each label resampled within itself. A resample needs no more
    than how often each (label, prediction) pair occurs, so it is drawn as multinomial counts.
    """
    random = np.random.default_rng(seed)
    classes = int(max(labels.max(), predicted.max())) + 1
    counts = metrics.confusion_matrix(labels, predicted, labels=list(range(classes)))
    drawn = np.stack([random.multinomial(row.sum(), row / max(row.sum(), 1), samples) for row in counts], axis=1)
    values = {"accuracy": np.trace(drawn, axis1=1, axis2=2) / len(labels), "mcc": matthews(drawn)}
    tail = 100 * (1 - CONFIDENCE) / 2
    return {
        "ci_low": {name: float(np.percentile(value, tail)) for name, value in values.items()},
        "ci_high": {name: float(np.percentile(value, 100 - tail)) for name, value in values.items()},
    }
