"""plot: the data that `dvc plots` draws, and the same as PNGs fit for a README.

Reads   model/{history.tsv,threshold.json}, data/scored/predictions.tsv; section `plot` of params.yaml
Writes  plots/{history.tsv,confusion.csv,roc.json,pr.json,calibration.json}, plots/images/*.png
Run     python -m stages.plot
"""

import csv
import io
import json
import sys
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn import charts, params, paths
from textrnn.errors import run
from textrnn.files import read_json, read_table, read_text, write_text
from textrnn.params import Section
from textrnn.probabilities import falling

BINS = 10  # of the calibration curve, each with as many messages


class Plot(Section):
    """Section `plot` of params.yaml."""

    dpi: int = Field(ge=30, le=1200)


def confusion(labels: list[str], predicted: list[str]) -> list[dict[str, Any]]:
    """Return a row for each pair of labels: how many messages, and their share of the actual label."""
    counts, totals = Counter(zip(labels, predicted, strict=True)), Counter(labels)
    names = sorted({*labels, *predicted})
    return [
        {"actual": actual, "predicted": answer, "count": count, "share": round(count / max(1, totals[actual]), 6)}
        for actual in names
        for answer in names
        for count in [counts[actual, answer]]
    ]


def curve(**columns: NDArray[np.float64]) -> list[dict[str, float]]:
    """Return the points of a curve, a dictionary each, rounded to six digits."""
    points = zip(*(np.round(values, 6).tolist() for values in columns.values()), strict=True)
    return [dict(zip(columns, point, strict=True)) for point in points]


def curves(truth: NDArray[np.bool_], probability: NDArray[np.float64]) -> dict[str, list[dict[str, float]]]:
    """Return the ROC, precision-recall and calibration curves of the positive label, for rows of both kinds.

    They are the points of scikit-learn's roc_curve, precision_recall_curve (its intermediate ones dropped) and
    calibration_curve (by quantiles), without the second that it takes to load.
    """
    order, ends = falling(probability)
    caught = np.cumsum(truth[order])[ends]
    flagged = ends + 1
    blocked = flagged - caught
    corner = kept(np.diff(caught, 2) | np.diff(blocked, 2), len(ends))
    step = kept(np.diff(caught)[:-1] | np.diff(caught)[1:], len(ends))[::-1]
    bins = np.searchsorted(np.percentile(probability, np.linspace(0, 100, BINS + 1)[1:-1]), probability)
    rows, expected, observed = (np.bincount(bins, of, BINS) for of in (None, probability, truth))
    filled = rows > 0
    return {
        "roc": curve(
            fpr=np.append(0, blocked[corner]) / blocked[-1],
            tpr=np.append(0, caught[corner]) / caught[-1],
        ),
        "pr": curve(
            recall=np.append(caught[step] / caught[-1], 0.0),
            precision=np.append(caught[step] / flagged[step], 1.0),
        ),
        "calibration": curve(
            predicted=expected[filled] / rows[filled],
            observed=observed[filled] / rows[filled],
        ),
    }


def kept(inner: NDArray[Any], points: int) -> NDArray[np.int64]:
    """Return the numbers of the first point, of the inner ones for which `inner` is not 0, and of the last point."""
    if points <= 2:
        return np.arange(points)
    return np.concatenate([[0], 1 + np.flatnonzero(inner), [points - 1]])


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Return the rows as CSV with a header: a label may hold a comma or a quote."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(points: list[dict[str, float]]) -> str:
    """Return the points as a JSON list, one a line, so that Git's diffs can be read."""
    return "[\n" + ",\n".join(json.dumps(point, allow_nan=False) for point in points) + "\n]\n"


def main() -> None:
    """Run the stage."""
    settings = params.load("plot", Plot)
    decision = read_json(paths.MODEL / "threshold.json")
    header, *scored = read_table(paths.PREDICTIONS)
    column = {name: [row[place] for row in scored] for place, name in enumerate(header[:-1])}  # the text may hold tabs
    truth = np.array(column["label"]) == decision["positive_label"]
    history = read_text(paths.MODEL / "history.tsv")
    names, *epochs = (line.split("\t") for line in history.splitlines())

    table = confusion(column["label"], column["predicted"])
    lines = curves(truth, np.array(column["probability"], float))
    write_text(paths.PLOTS / "history.tsv", history)
    write_text(paths.PLOTS / "confusion.csv", as_csv(table))
    for name, points in lines.items():
        write_text(paths.PLOTS / f"{name}.json", as_json(points))

    by_epoch = dict(zip(names, np.array(epochs, float).T, strict=True))
    images = charts.draw(by_epoch, table, lines, decision["positive_label"], settings.dpi)
    for name, image in images.items():
        charts.save(paths.PLOTS / "images" / f"{name}.png", image)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
