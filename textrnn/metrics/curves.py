"""How well the probabilities rank the rows: the curves over all thresholds, and the areas below them.

The tests compare both with scikit-learn's, which takes longer to load than they take to compute.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]

BINS = 10  # of the calibration curve, each with as many rows as the others


def falling(probability: Floats) -> tuple[Counts, Counts]:
    """Return the rows from the most probable to the least, and the last place of each distinct probability."""
    order = np.argsort(-probability, kind="stable")
    return order, np.flatnonzero(np.diff(probability[order], append=-1))


def reached(truth: Bools, probability: Floats) -> tuple[Counts, Counts]:
    """Return how many positive and how many other rows reach each distinct probability, the highest first."""
    order, ends = falling(probability)
    positive = np.cumsum(truth[order], dtype=np.int64)[ends]
    return positive, ends + 1 - positive


def areas(truth: Bools, probability: Floats) -> tuple[float, float]:
    """Return average precision and the area under the ROC curve, for rows of both kinds."""
    true, false = reached(truth, probability)
    steps = np.diff(true, prepend=0) / true[-1]
    fallout = false / false[-1]
    before = np.append(0, fallout[:-1])
    return float((steps * true / (true + false)).sum()), float((steps * (1 - (fallout + before) / 2)).sum())


def curves(truth: Bools, probability: Floats) -> dict[str, list[dict[str, float]]]:
    """Return the ROC, precision-recall and calibration curves of the positive label, for rows of both kinds.

    The points are those of scikit-learn's roc_curve, precision_recall_curve (drop_intermediate=True) and
    calibration_curve (strategy="quantile").
    """
    true, false = reached(truth, probability)
    corner = kept(np.diff(true, 2) | np.diff(false, 2), len(true))
    step = kept(np.diff(true)[:-1] | np.diff(true)[1:], len(true))[::-1]
    bins = np.searchsorted(np.percentile(probability, np.linspace(0, 100, BINS + 1)[1:-1]), probability)
    rows, expected, observed = (np.bincount(bins, weights, BINS) for weights in (None, probability, truth))
    filled = rows > 0
    return {
        "roc": points(fpr=np.append(0, false[corner]) / false[-1], tpr=np.append(0, true[corner]) / true[-1]),
        "pr": points(
            recall=np.append(true[step] / true[-1], 0.0),
            precision=np.append(true[step] / (true + false)[step], 1.0),
        ),
        "calibration": points(
            predicted=expected[filled] / rows[filled],
            observed=observed[filled] / rows[filled],
        ),
    }


def kept(inner: NDArray[Any], count: int) -> Counts:
    """Return the first of `count` places, the inner ones where `inner` is not 0, and the last."""
    if count <= 2:
        return np.arange(count)
    return np.concatenate([[0], 1 + np.flatnonzero(inner), [count - 1]])


def points(**columns: Floats) -> list[dict[str, float]]:
    """Return the points of a curve, a dictionary each, rounded to six digits."""
    rows = zip(*(np.round(values, 6).tolist() for values in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
