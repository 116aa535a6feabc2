"""The threshold that a model answers by, and what other thresholds would lead to."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.core.files import DIGITS
from textrnn.metrics.curves import falling, reached
from textrnn.metrics.scores import matthews

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Outcome(NamedTuple):
    """The scores of the positive label at a threshold. Precision is None where nothing is flagged."""

    threshold: float
    recall: float
    missed: int
    false_positive_rate: float
    false_positives: int
    precision: float | None
    mcc: float
    flagged: int


def best_threshold(truth: Bools, probability: Floats) -> float:
    """Return the threshold with the highest expected Matthews correlation, for rows of both kinds.

    The probabilities are calibrated on the truth (Platt 1999), and the expectation is over labels drawn by them, as
    Lewis (1995) chose a threshold for the F-measure. The threshold that is best for the rows' own labels depends on
    the few rows near it, and is worse on other rows (docs/experiments.md). A message is positive when its
    probability is at least the threshold, which lies half-way between two neighbouring probabilities.
    """
    order, ends = falling(probability)
    values = probability[order]
    likely = calibrated(values, truth[order])
    found, false = np.cumsum(likely)[ends], np.cumsum(1 - likely)[ends]
    table = np.array([[false[-1] - false, false], [found[-1] - found, found]]).transpose(2, 0, 1)
    best = int(matthews(table).argmax())
    lowest, below = float(values[ends][best]), float(np.append(values, 0.0)[ends[best] + 1])
    cut = round((lowest + below) / 2, DIGITS)
    return cut if cut > below else lowest  # neighbours one last digit apart have nothing between them


def calibrated(probability: Floats, truth: Bools) -> Floats:
    """Return the probabilities calibrated on the truth, of both kinds: a logistic regression on their logits."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # a second to load: only where it is needed

    least = 0.5 * 10**-DIGITS
    inside = np.clip(probability, least, 1 - least)
    logits = np.log(inside / (1 - inside))[:, None]
    regression = LogisticRegression(C=100, tol=1e-8, max_iter=10_000).fit(logits, truth)
    likely: Floats = regression.predict_proba(logits)[:, 1]
    return likely


def outcomes(truth: Bools, probability: Floats, thresholds: list[float]) -> list[Outcome]:
    """Return what each threshold leads to, for rows of both kinds."""
    positive, other = (np.append(0, counts) for counts in reached(truth, probability))
    distinct = np.unique(probability)
    place = len(distinct) - np.searchsorted(distinct, thresholds)  # how many distinct probabilities reach it
    found, false = positive[place], other[place]
    missed, passed = positive[-1] - found, other[-1] - false
    correlations = matthews(np.array([[passed, false], [missed, found]]).transpose(2, 0, 1))
    columns = (array.tolist() for array in (found, missed, false, passed, correlations))
    return [
        Outcome(threshold, hit / (hit + miss), miss, alarm / (alarm + rest), alarm,
                hit / (hit + alarm) if hit + alarm else None, mcc, hit + alarm)
        for threshold, hit, miss, alarm, rest, mcc in zip(thresholds, *columns, strict=True)
    ]  # fmt: skip
