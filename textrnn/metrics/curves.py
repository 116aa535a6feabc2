"""The curves over all thresholds, as scikit-learn computes them."""

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from textrnn.core.files import DIGITS

BINS = 10  # of the calibration curve, each with as many rows as the others

Floats = NDArray[np.float64]


def curves(truth: NDArray[np.bool_], probability: Floats) -> dict[str, list[dict[str, float]]]:
    """Return the points of the ROC, precision-recall and calibration curves, for rows of both kinds."""
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
    rows = zip(*(np.round(values, DIGITS).tolist() for values in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
