"""A cascade: the linear branch alone answers where it is sure, and the networks are asked for the other texts.

Of some corpora a few texts in a hundred are hard. What is quick reads all of them, and what is slow those alone (Viola
and Jones 2001). There the networks add so little that one, which has learnt all rows, answers for all. The probability
from which the linear branch is sure is chosen on held-out rows, where the cascade may not do worse than the whole model
by more than chance would have it.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight

from textrnn.core.files import DIGITS
from textrnn.model.config import ClassWeight
from textrnn.model.stacking import Floats, losses, softmax

SURE = (0.98, 0.99, 0.995, 0.998)  # probabilities of a label
ERRORS = 2.0  # standard errors by which a difference is told from chance
LITTLE = 0.01  # of accuracy: where the networks may add more, they all answer all texts
FEWEST = 0.5  # of the rows that the linear branch answers


def thresholds(first: Floats) -> list[float]:
    """Return the probabilities from which the linear branch answers enough rows, by its logits (rows, classes)."""
    return [least for least in SURE if answered(first, least).mean() >= FEWEST]


def chosen(first: Floats, whole: Floats, labels: NDArray[np.int16], class_weight: ClassWeight = None) -> float | None:
    """Return the least probability of SURE from which the linear branch may answer alone, or None.

    `first` are its blended logits on held-out rows (rows, classes), `whole` those of all sources.
    """
    gains = (whole.argmax(axis=1) == labels).astype(float) - (first.argmax(axis=1) == labels)
    # One disagreement more, since few rows without any prove nothing.
    if gains.mean() + ERRORS * ((gains**2).sum() + 1) ** 0.5 / len(gains) >= LITTLE:
        return None
    rows = compute_sample_weight(class_weight, labels)
    differences = rows * (losses(first, labels) - losses(whole, labels))
    for least in thresholds(first):
        costs = np.where(answered(first, least), differences, 0.0)
        error = float(costs.std()) / len(labels) ** 0.5
        if round(float(costs.mean()) - ERRORS * error, DIGITS) <= 0:
            return least
    return None


def answered(first: Floats, least: float) -> NDArray[np.bool_]:
    """Return which rows the linear branch answers alone, by its blended logits (rows, classes)."""
    found: NDArray[np.bool_] = np.round(softmax(first), DIGITS).max(axis=1) >= least
    return found
