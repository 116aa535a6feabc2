"""All thresholds: the curves over them, as scikit-learn computes them, and the one that a model answers by."""

import warnings

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve, roc_curve

from textrnn.core.files import DIGITS
from textrnn.metrics.scores import Bools, Floats, matthews

BINS = 10  # of the calibration curve, each with as many rows as the others


def best_threshold(truth: Bools, probability: Floats) -> float:
    """Return the threshold with the highest expected Matthews correlation, for rows of both kinds.

    The probabilities are calibrated on the truth (Platt 1999), and the expectation is over labels drawn by them, as
    Lewis (1995) chose a threshold for the F-measure. The threshold that is best for the rows' own labels depends on
    the few rows near it, and is worse on other rows (docs/experiments.md). A message is positive when its
    probability is at least the threshold, which lies half-way between two neighbouring probabilities.
    """
    order = np.argsort(-probability, kind="stable")
    values = probability[order]
    ends = np.flatnonzero(np.diff(values, append=-1))  # the last row of each distinct probability
    likely = calibrated(values, truth[order])
    found, false = np.cumsum(likely)[ends], np.cumsum(1 - likely)[ends]
    table = np.array([[false[-1] - false, false], [found[-1] - found, found]]).transpose(2, 0, 1)
    best = int(matthews(table).argmax())
    lowest, below = float(values[ends][best]), float(np.append(values, 0.0)[ends[best] + 1])
    cut = round((lowest + below) / 2, DIGITS)
    return cut if cut > below else lowest  # neighbours one last digit apart have nothing between them


def calibrated(probability: Floats, truth: Bools) -> Floats:
    """Return the probabilities calibrated on the truth, of both kinds: a logistic regression on their logits.

    Of a few rows, the positive ones may by chance have the lower probabilities. What is calibrated on them would turn
    the order round, and no threshold would be better than to answer always the same; then the probabilities stay.
    """
    least = 0.5 * 10**-DIGITS
    inside = np.clip(probability, least, 1 - least)
    logits = np.log(inside / (1 - inside))[:, None]
    regression = LogisticRegression(C=100, tol=1e-8, max_iter=10_000).fit(logits, truth)
    likely: Floats = regression.predict_proba(logits)[:, 1]
    return likely if regression.coef_[0, 0] > 0 else probability


def curves(truth: Bools, probability: Floats) -> dict[str, list[dict[str, float]]]:
    """Return the points of the ROC, precision-recall and calibration curves. The share of a kind without rows is 0."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # of such a kind
        fpr, tpr, _ = roc_curve(truth, probability)
        precision, recall, _ = precision_recall_curve(truth, probability, drop_intermediate=True)
    observed, predicted = calibration_curve(truth, probability, n_bins=BINS, strategy="quantile")
    return {
        "roc": points(fpr=fpr, tpr=tpr),
        "pr": points(recall=recall, precision=precision),
        "calibration": points(predicted=predicted, observed=observed),
    }


def points(**columns: Floats) -> list[dict[str, float]]:
    """Return the points of a curve, a dictionary each, rounded to DIGITS."""
    rows = zip(*(np.round(np.nan_to_num(values), DIGITS).tolist() for values in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
