"""table: the scores of every model over its cells, and how far each is from the strongest linear baseline.

Each model is compared with the linear baseline that has the highest mean Matthews correlation under the same protocol,
split by split. The splits share training rows, so the interval of the mean difference has Nadeau and Bengio's corrected
variance (2003; for repeated folds, Bouckaert and Frank 2004). The default is judged four times, by two scores under two
protocols: those four intervals are Bonferroni's, which hold together with 95 % confidence.

Reads   compare/cells.tsv, which is in Git: no cell needs to run for this
Writes  compare/table.json, compare/images/mcc.png
Run     python -m compare.table
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compare.picture import PANELS, picture
from compare.protocols import CELLS, FOLDS, LINEAR, PICTURE, SCORES, TABLE
from textrnn.core.errors import run
from textrnn.core.files import read_table, write_metrics

CONFIDENCE = 0.95
JUDGED = ("mcc", "average_precision")
TOGETHER = 1 - (1 - CONFIDENCE) / (len(JUDGED) * len(PANELS))  # Bonferroni: the confidence of each of the four

Floats = NDArray[np.float64]


def interval(differences: Floats, confidence: float) -> tuple[float, float]:
    """Return the bounds of the mean of paired differences over repeated folds."""
    count = len(differences)
    variance = differences.var(ddof=1) * (1 / count + 1 / (FOLDS - 1))  # test rows over training rows
    reach = stats.t.ppf((1 + confidence) / 2, count - 1) * np.sqrt(variance)
    return float(differences.mean() - reach), float(differences.mean() + reach)


def difference(values: Floats, base: Floats, confidence: float) -> dict[str, float]:
    """Return the mean difference of two models' scores by split, and its interval."""
    low, high = interval(values - base, confidence)
    return {"difference": float((values - base).mean()), "low": low, "high": high}


def summary(cells: dict[str, Floats]) -> dict[str, Any]:
    """Return means, deviations and differences of a protocol's models, each with (splits, SCORES)."""
    linear = max((name for name in LINEAR if name in cells), key=lambda name: float(cells[name][:, 0].mean()))
    base = cells[linear]
    models = {
        model: {
            name: {"mean": float(column.mean()), "sd": float(column.std(ddof=1))}
            | difference(column, base[:, place], CONFIDENCE)
            for place, (name, column) in enumerate(zip(SCORES, values.T, strict=True))
        }
        for model, values in cells.items()
    }
    return {"strongest_linear": linear, "models": models}


def judged(cells: dict[str, Floats], linear: str) -> dict[str, Any]:
    """Return how far the default is from the strongest linear baseline of a protocol, by the scores in JUDGED."""
    places = {name: SCORES.index(name) for name in JUDGED}
    return {name: difference(cells["default"][:, at], cells[linear][:, at], TOGETHER) for name, at in places.items()}


def read() -> dict[str, dict[str, Floats]]:
    """Return the scores in cells.tsv by protocol and model: (splits, SCORES)."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    for protocol, model, _, *values in read_table(CELLS)[1:]:
        found.setdefault(protocol, {}).setdefault(model, []).append([float(value) for value in values])
    return {protocol: {model: np.array(rows) for model, rows in models.items()} for protocol, models in found.items()}


def main() -> None:
    """Run the stage."""
    cells = read()
    found = {protocol: summary(cells[protocol]) for protocol in cells}
    for protocol in PANELS:
        found[protocol]["default"] = judged(cells[protocol], found[protocol]["strongest_linear"])
    write_metrics(TABLE, found)
    picture(PICTURE, found)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
