"""How good the answers are: every score of data/scored/scores.json."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from textrnn.core.files import DIGITS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Labels = NDArray[np.int16]
Counts = NDArray[np.int64]
Sums = NDArray[np.int64] | Floats  # counts, or what was drawn for them

BINS = 15  # of the calibration error, as in Guo et al. 2017


def scores(labels: Labels, predicted: Labels, probabilities: Floats, positive: int | None) -> dict[str, float]:
    """Return every score by its name, from (rows, labels) probabilities.

    Accuracy, mcc, loss and the means over the labels are over all labels; the others are those of the positive label
    against the rest. Without one, `calibration_error` is that of the answers' probabilities, and `top_3_accuracy` the
    share of rows whose label is among the three likeliest.
    """
    classes = probabilities.shape[1]
    found = of_answers(labels, predicted, positive) | {
        "loss": float(losses(labels, probabilities).mean()),
        "majority_accuracy": float(np.bincount(labels).max() / len(labels)),
    }
    if positive is not None:
        truth, probability = labels == positive, probabilities[:, positive]
        return found | {
            "average_precision": float(average_precision_score(truth, probability)),
            "brier": float(((probability - truth) ** 2).mean()),
            "calibration_error": calibration_error(truth, probability),
            "roc_auc": float(roc_auc_score(truth, probability)),
        }
    own = probabilities[np.arange(len(labels)), labels]
    found["calibration_error"] = calibration_error(labels == predicted, probabilities.max(axis=1))
    if classes > 3:
        first = (probabilities == own[:, None]) & (np.arange(classes) < labels[:, None])  # of labels as likely
        found["top_3_accuracy"] = float((((probabilities > own[:, None]) | first).sum(axis=1) < 3).mean())
    return found


def of_answers(labels: Labels, predicted: Labels, positive: int | None) -> dict[str, float]:
    """Return the scores that need no probability: over all labels and, if one is positive, of it against the rest."""
    counts = margins(labels, predicted)
    over_all = {name: float(value) for name, value in averages(*counts).items()} | {
        "accuracy": float((labels == predicted).mean()),
        "mcc": float(correlation(*counts)),
    }
    if positive is None:
        return over_all
    table = confusion_matrix(labels == positive, predicted == positive, labels=[False, True]).tolist()
    (passed, false), (missed, found) = table
    return over_all | {
        "f1": 2 * found / max(1, 2 * found + false + missed),
        "false_positive_rate": false / (false + passed),
        "precision": found / max(1, found + false),
        "recall": found / (found + missed),
        "true_positives": found,
        "false_positives": false,
        "false_negatives": missed,
        "true_negatives": passed,
    }


def numbered(labels: Labels, predicted: Labels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows' labels and answers, numbered without gaps: labels without rows and answers have no number."""
    numbers = np.unique(np.concatenate([labels, predicted]), return_inverse=True)[1]
    return numbers[: len(labels)], numbers[len(labels) :]


def margins(labels: Labels, predicted: Labels) -> tuple[Counts, Counts, Counts]:
    """Return for each label that has rows or answers how many answers are right, its rows, and its answers."""
    actual, answered = numbered(labels, predicted)
    count = max(actual.max(), answered.max()) + 1
    right, rows, answers = (np.bincount(of, minlength=count) for of in (actual[actual == answered], actual, answered))
    return right, rows, answers


def matthews(table: Sums) -> Floats:
    """Return the Matthews correlation of (…, labels, labels) confusion counts, 0 where it is undefined."""
    right: Sums = np.diagonal(table, axis1=-2, axis2=-1)  # type: ignore[assignment]  # NumPy's stubs forget the type
    return correlation(right, table.sum(axis=-1), table.sum(axis=-2))


def correlation(right: Sums, rows: Sums, answers: Sums) -> Floats:
    """Return the Matthews correlation of what `margins` counts, each (…, labels), 0 where it is undefined.

    Matthews (1975) for two labels, R_K (Gorodkin 2004) for more.
    """
    total, actual, predicted = rows.sum(axis=-1).astype(float), rows.astype(float), answers.astype(float)
    difference = right.sum(axis=-1) * total - (actual * predicted).sum(axis=-1)
    product = (total**2 - (predicted**2).sum(axis=-1)) * (total**2 - (actual**2).sum(axis=-1))
    defined: Floats = np.divide(difference, np.sqrt(product), out=np.zeros_like(difference), where=product > 0)
    return defined


def averages(right: Sums, rows: Sums, answers: Sums) -> dict[str, Floats]:
    """Return precision, recall and F1 as means over the labels that `margins` counts, each (…, labels).

    In a macro mean each label counts as much as the others, in a weighted one as much as it has rows; the weighted
    recall is the accuracy. As in scikit-learn, a label that is never answered has precision 0, and one that is
    answered without rows has recall 0.
    """
    found = {}
    for name, share in per_label(right, rows, answers).items():
        found[f"macro_{name}"] = share.mean(axis=-1)
        if name != "recall":
            found[f"weighted_{name}"] = (share * rows).sum(axis=-1) / rows.sum(axis=-1)
    return found


def per_label(right: Sums, rows: Sums, answers: Sums) -> dict[str, Floats]:
    """Return F1, precision and recall of each label from what `margins` counts; 0 without rows to divide by."""
    shares = {"f1": (2 * right, rows + answers), "precision": (right, answers), "recall": (right, rows)}
    return {
        name: np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)
        for name, (part, whole) in shares.items()
    }


def majority_baseline(labels: Labels, classes: int, positive: int | None) -> dict[str, float]:
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
