"""The scores at each threshold of the report's slider, and how the page writes them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.metrics.scores import matthews
from textrnn.report.formatting import percent

IN_TABLE = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)
SHOWN: dict[str, Callable[[Any], str]] = {  # how each score is written, by its id in the page
    "value": lambda threshold: np.format_float_positional(threshold, precision=6, trim="-"),
    "recall": percent,
    "missed": "{:,}".format,
    "false_positive_rate": percent,
    "false_positives": "{:,}".format,
    "precision": lambda share: "–" if np.isnan(share) else percent(share),
    "mcc": "{:.3f}".format,
    "flagged": "{:,}".format,
}


def stops(model: float) -> list[float]:
    """Return the thresholds at which the slider stops: nine a power of ten near 0 and near 1, and every hundredth.

    Most probabilities lie near 0 or 1; between two stops in the middle there is seldom a message.
    """
    near = {round(digit * 10.0**-power, 6) for power in (2, 3, 4) for digit in range(1, 10)}
    middle = {round(step / 100, 2) for step in range(10, 91)}
    return sorted({0.0, 1.0, model, *near, *middle, *(round(1 - value, 6) for value in near)})


def outcomes(
    truth: NDArray[np.bool_], probability: NDArray[np.float64], thresholds: list[float]
) -> dict[str, NDArray[Any]]:
    """Return the scores of the positive label at each threshold, by the names in SHOWN, for rows of both kinds.

    Precision is NaN where nothing is flagged.
    """
    positive, other = (np.sort(probability[kind]) for kind in (truth, ~truth))
    found, false = (len(rows) - np.searchsorted(rows, thresholds) for rows in (positive, other))
    missed, passed = len(positive) - found, len(other) - false
    flagged = found + false
    return {
        "value": np.array(thresholds),
        "recall": found / len(positive),
        "missed": missed,
        "false_positive_rate": false / len(other),
        "false_positives": false,
        "precision": np.divide(found, flagged, out=np.full(len(flagged), np.nan), where=flagged > 0),
        "mcc": matthews(np.array([[passed, false], [missed, found]]).transpose(2, 0, 1)),
        "flagged": flagged,
    }


def shown(found: dict[str, NDArray[Any]]) -> list[dict[str, str]]:
    """Return the text of each score, by its id in the page, for each threshold."""
    columns = (map(written, found[name].tolist()) for name, written in SHOWN.items())
    return [dict(zip(SHOWN, texts, strict=True)) for texts in zip(*columns, strict=True)]
