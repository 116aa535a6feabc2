"""How good the probabilities are. scikit-learn computes; this module names, cuts and resamples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CONFIDENCE = 0.95


def best_threshold(truth: Bools, probability: Floats) -> float:
    """Return the threshold with the highest Matthews correlation; of several, the one in the middle.

    A message is positive when its probability is at least the threshold. Candidates lie half-way
    between neighbouring probabilities, so that none depends on a rounding.
    """
    order = np.argsort(-probability, kind="stable")
    caught, blocked = np.cumsum(truth[order]), np.cumsum(~truth[order])
    values = probability[order]
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))  # the last row of each probability
    below = np.append(values[1:], 0.0)[ends]
    mcc = matthews(caught[ends], blocked[ends], int(truth.sum()), int((~truth).sum()))
    best = np.flatnonzero(mcc >= mcc.max() - 1e-12)
    chosen = ends[best[len(best) // 2]], best[len(best) // 2]
    return round(float((values[chosen[0]] + below[chosen[1]]) / 2), 6)


def matthews(caught: Any, blocked: Any, positives: int, negatives: int) -> Floats:
    """Return Matthews' correlation (1975) from counts of true and false positives; 0 where undefined."""
    missed, passed = positives - caught, negatives - blocked
    product = np.asarray(caught + blocked, float) * (passed + missed) * positives * negatives
    difference = np.asarray(caught, float) * passed - np.asarray(blocked, float) * missed
    return np.divide(difference, np.sqrt(product), out=np.zeros_like(difference), where=product > 0)


def scores(truth: Bools, probability: Floats, predicted: Bools) -> dict[str, float]:
    """Return every score of the positive label, as metrics/evaluate.json names them."""
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, average="binary", zero_division=0.0
    )
    (passed, blocked), (missed, caught) = metrics.confusion_matrix(truth, predicted, labels=[False, True]).tolist()
    return {
        "accuracy": float(metrics.accuracy_score(truth, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "mcc": float(metrics.matthews_corrcoef(truth, predicted)),
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


def intervals(truth: NDArray[np.int8], predicted: NDArray[np.int8], samples: int, seed: int) -> dict[str, Any]:
    """Return bounds of the central 95 % of mcc and accuracy over resampled test rows.

    A percentile bootstrap (Efron 1979), each label resampled within itself. A resample needs no more
    than how often each (label, prediction) pair occurs, so it is drawn as multinomial counts.
    """
    random = np.random.default_rng(seed)
    classes = int(max(truth.max(), predicted.max())) + 1
    counts = metrics.confusion_matrix(truth, predicted, labels=list(range(classes)))
    drawn = np.stack([random.multinomial(row.sum(), row / max(row.sum(), 1), samples) for row in counts], axis=1)
    values = {"accuracy": np.trace(drawn, axis1=1, axis2=2) / len(truth), "mcc": many_class_matthews(drawn)}
    tail = 100 * (1 - CONFIDENCE) / 2
    return {
        "ci_low": {name: float(np.percentile(value, tail)) for name, value in values.items()},
        "ci_high": {name: float(np.percentile(value, 100 - tail)) for name, value in values.items()},
    }


def many_class_matthews(confusion: NDArray[np.int64]) -> Floats:
    """Return the R_K correlation (Gorodkin 2004) of (samples, classes, classes) confusion counts."""
    total = confusion.sum(axis=(1, 2)).astype(float)
    actual, predicted = confusion.sum(axis=2).astype(float), confusion.sum(axis=1).astype(float)
    right = np.trace(confusion, axis1=1, axis2=2)
    difference = right * total - (actual * predicted).sum(axis=1)
    product = (total**2 - (predicted**2).sum(axis=1)) * (total**2 - (actual**2).sum(axis=1))
    return np.divide(difference, np.sqrt(product), out=np.zeros_like(difference), where=product > 0)
