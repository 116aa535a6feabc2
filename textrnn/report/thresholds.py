"""What each threshold would catch and block: few numbers, from which the report's page computes the rest."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FINEST = 10_000  # thresholds of four digits, and the model's own, are told exactly

Floats = NDArray[np.float64]


class Outcome(NamedTuple):
    """What a threshold leads to. Precision is None where nothing is flagged."""

    threshold: float
    caught: int
    missed: int
    blocked: int
    recall: float
    fallout: float
    precision: float | None
    mcc: float


def counted(truth: NDArray[np.bool_], probability: Floats, model: float) -> list[tuple[float, int, int]]:
    """Return (threshold, positive rows, other rows): how many rows have this threshold as the highest they reach.

    The thresholds are those of four digits, and `model`; those which no row has as its highest are left out. So there
    are at most ten thousand lines, however many rows.
    """
    cuts = np.unique(np.append(np.arange(FINEST + 1) / FINEST, model))
    reached = np.searchsorted(cuts, probability, side="right") - 1
    positive, other = (np.bincount(reached[kind], minlength=len(cuts)) for kind in (truth, ~truth))
    filled = np.flatnonzero(positive + other)
    return list(zip(cuts[filled].tolist(), positive[filled].tolist(), other[filled].tolist(), strict=True))


def stops(model: float) -> list[float]:
    """Return the thresholds at which the slider stops: nine a power of ten near 0 and near 1, and every hundredth.

    Most probabilities lie near 0 or 1; between two stops of the middle there is seldom a message.
    """
    near = {round(digit * 10.0**-power, 6) for power in (2, 3, 4) for digit in range(1, 10)}
    middle = {round(step / 100, 2) for step in range(10, 91)}
    return sorted({0.0, 1.0, model, *near, *middle, *(round(1 - value, 6) for value in near)})


def outcome(rows: list[tuple[float, int, int]], threshold: float) -> Outcome:
    """Return what a threshold leads to, from what `counted` returned."""
    flags, passes = [row for row in rows if row[0] >= threshold], [row for row in rows if row[0] < threshold]
    caught, missed = (sum(positive for _, positive, _ in some) for some in (flags, passes))
    blocked, passed = (sum(other for _, _, other in some) for some in (flags, passes))
    flagged, positives, others = caught + blocked, caught + missed, blocked + passed
    product = flagged * (missed + passed) * positives * others
    return Outcome(
        threshold,
        caught,
        missed,
        blocked,
        caught / positives,
        blocked / others,
        caught / flagged if flagged else None,
        (caught * passed - blocked * missed) / math.sqrt(product) if product else 0.0,
    )
