"""Two models on the same rows: by how much one is better than the other, and whether that can be told."""

from collections.abc import Mapping

import numpy as np

from textrnn.metrics.scores import Bools

MANY = 2  # standard errors by which a difference is told from chance
WORTH = 0.01  # of accuracy: whoever may gain more is not told that there is nothing to gain


def difference(right: Bools, other: Bools) -> dict[str, float]:
    """Return how much higher the accuracy of the first of two models is, its standard error, and the rows.

    `right` and `other` say of each row whether a model's answer is right. Each of the four kinds of rows counts half a
    row more (Agresti and Min 2005): else two models that agree on every row would seem to be equal beyond doubt.
    """
    rows, first, second = len(right), int((right & ~other).sum()), int((other & ~right).sum())
    error = np.sqrt(first + second + 1 - (first - second) ** 2 / (rows + 2)) / (rows + 2)
    return {"accuracy": (first - second) / rows, "standard_error": float(error), "rows": rows}


def points(found: Mapping[str, float]) -> str:
    """Return a difference in points of accuracy."""
    return f"{100 * found['accuracy']:+.1f} ± {100 * found['standard_error']:.1f}"


def on_networks(gains: Mapping[str, Mapping[str, float]]) -> str:
    """Return a sentence on what the networks add to the rest of the model, by its gains over its parts, or ""."""
    rest = [gains[name] for name in ("without_networks", "linear", "encoder") if name in gains]
    return verdict(rest[0]) if rest and "networks" in gains else ""


def verdict(found: Mapping[str, float]) -> str:
    """Return a sentence on what the networks add to the rest of the model."""
    gain, sure = found["accuracy"], MANY * found["standard_error"]
    told = f"{points(found)} points of accuracy"
    if gain > sure:
        return f"the networks add {told} here"
    if gain < -sure:
        return f"the networks do harm here ({told}): train.ensemble: 0 would do"
    if gain + sure < WORTH:
        return f"the networks add nothing measurable here ({told}): train.ensemble: 0 would do"
    return f"whether the networks help cannot be told from so few messages ({told})"
