"""table: the scores of every cell, of every model over its cells, and what no model gets right.

Each model is compared with the strongest linear baseline of its protocol (the one with the highest mean Matthews
correlation), split by split. The splits overlap in their training rows, so the interval of the mean difference
has Nadeau and Bengio's corrected variance (2003; for repeated folds, Bouckaert and Frank 2004).

Reads   compare/answers/
Writes  compare/cells.tsv, compare/table.json, compare/images/mcc.png
Run     python -m compare.table
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compare.picture import picture
from compare.protocols import ABLE, ANSWERS, FOLDS, HERE, LABELS, LINEAR, NAMES, PROTOCOLS, SPLITS
from textrnn.core.errors import run
from textrnn.core.files import read_table, write_metrics, write_text
from textrnn.metrics import scores

CELLS, TABLE, PICTURE = HERE / "cells.tsv", HERE / "table.json", HERE / "images/mcc.png"

SCORES = ("mcc", "average_precision", "f1", "accuracy", "recall", "false_positive_rate")
CONFIDENCE = 0.95

Floats = NDArray[np.float64]


def answers(
    protocol: str, model: str, split: str
) -> tuple[NDArray[np.int64], NDArray[np.int8], Floats, NDArray[np.int8]]:
    """Return the rows, labels, scores and answers of a cell."""
    lines = read_table(ANSWERS / protocol / model / f"{split}.tsv")[1:]
    rows, labels, score, spam = zip(*lines, strict=True)
    numbers = np.array([LABELS.index(label) for label in labels], np.int8)
    return np.array(rows, np.int64), numbers, np.array(score, float), np.array(spam, np.int8)


def cell(protocol: str, model: str, split: str) -> list[float]:
    """Return SCORES of a cell."""
    _, labels, score, spam = answers(protocol, model, split)
    span = score.max() - score.min() or 1.0  # ranks are all that average precision reads
    probability = (score - score.min()) / span
    found = scores.scores(labels, spam, np.stack([1 - probability, probability], axis=1), positive=1)
    return [found[name] for name in SCORES]


def interval(differences: Floats) -> tuple[float, float]:
    """Return the bounds of the mean of paired differences over repeated folds, at CONFIDENCE."""
    count = len(differences)
    variance = differences.var(ddof=1) * (1 / count + 1 / (FOLDS - 1))  # test rows over training rows
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * np.sqrt(variance)
    return float(differences.mean() - reach), float(differences.mean() + reach)


def summary(cells: dict[str, Floats]) -> dict[str, Any]:
    """Return means, deviations and differences of a protocol's models, each with (splits, SCORES)."""
    linear = max((name for name in LINEAR if name in cells), key=lambda name: float(cells[name][:, 0].mean()))
    found: dict[str, Any] = {"strongest_linear": linear, "models": {}}
    for model, values in cells.items():
        row: dict[str, Any] = {}
        for place, name in enumerate(SCORES):
            differences = values[:, place] - cells[linear][:, place]
            low, high = interval(differences)
            row[name] = {
                "mean": float(values[:, place].mean()),
                "sd": float(values[:, place].std(ddof=1)),
                "difference": float(differences.mean()),
                "low": low,
                "high": high,
            }
        found["models"][model] = row
    return found


def ceiling(protocol: str) -> dict[str, Any]:
    """Return how many rows every able model got wrong in every repeat, and the score if these alone were wrong."""
    wrong: dict[int, list[bool]] = {}
    truth: dict[int, int] = {}
    for model in ABLE:
        for split in SPLITS:
            rows, labels, _, spam = answers(protocol, model, split)
            for row, label, said in zip(rows.tolist(), labels.tolist(), spam.tolist(), strict=True):
                wrong.setdefault(row, []).append(label != said)
                truth[row] = label
    never = sorted(row for row, mistakes in wrong.items() if all(mistakes))
    labels = np.array([truth[row] for row in sorted(truth)])
    said = np.array([1 - truth[row] if row in set(never) else truth[row] for row in sorted(truth)])
    confusion = np.array([[[np.sum((labels == i) & (said == j)) for j in (0, 1)] for i in (0, 1)]])
    return {
        "rows": len(never),
        "spam": int(sum(truth[row] for row in never)),
        "of": len(truth),
        "mcc": float(scores.matthews(confusion)[0]),
        "numbers": " ".join(map(str, never)),
    }


def main() -> None:
    """Run the stage."""
    lines, found = ["\t".join(["protocol", "model", "split", *SCORES])], {}
    for protocol in PROTOCOLS:
        cells = {}
        for model in NAMES:
            if not (ANSWERS / protocol / model).is_dir():
                continue
            values = np.array([cell(protocol, model, split) for split in SPLITS])
            cells[model] = np.round(values, 6)
            lines += [
                "\t".join([protocol, model, split, *(f"{value:.6f}" for value in row)])
                for split, row in zip(SPLITS, values, strict=True)
            ]
        found[protocol] = summary(cells) | ({"ceiling": ceiling(protocol)} if set(ABLE) <= set(cells) else {})
    write_text(CELLS, "".join(f"{line}\n" for line in lines))
    write_metrics(TABLE, found)
    picture(PICTURE, found)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
