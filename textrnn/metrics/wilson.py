"""The 95 % interval of a share."""

import math
from statistics import NormalDist

Bounds = tuple[float, float]

CONFIDENCE = 0.95
ENDS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)  # the quantiles between which that share lies
Z = NormalDist().inv_cdf(ENDS[1])


def wilson(share: float, rows: int) -> Bounds:
    """Return Wilson's score interval (1927) of a share of `rows`; 0 … 1 without rows."""
    if not rows:
        return 0.0, 1.0
    weight = Z**2 / rows
    half = Z * math.sqrt(max(0, share * (1 - share)) / rows + weight / rows / 4)
    low, high = ((share + weight / 2 + side) / (1 + weight) for side in (-half, half))
    return max(0.0, low), min(1.0, high)
