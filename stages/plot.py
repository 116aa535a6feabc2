"""plot: the data that `dvc plots` draws, the same as PNGs fit for a README, and a page that tells of the whole run.

Reads   model/{history.tsv,threshold.json,model.json}, data/scored/{predictions,errors,label_errors}.tsv,
        data/scored/warnings.txt, data/clean/rejected.tsv, metrics/*.json, data/vectors/ and data/split/ (labels and
        lengths); sections `plot`, `download`, `clean`, `split` and `evaluate` of params.yaml
Writes  plots/{history.tsv,confusion.csv,roc.json,pr.json,calibration.json}, plots/images/*.png, report/index.html
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
from pydantic import ConfigDict, Field

from textrnn.core import params, paths
from textrnn.core.errors import run
from textrnn.core.escape import field
from textrnn.core.files import read_array, read_json, read_table, read_text, write_text
from textrnn.core.params import Section
from textrnn.metrics.scores import falling
from textrnn.report import charts, page

BINS = 10  # of the calibration curve, each with as many messages
MEASURED = ("clean", "vectorize", "split", "train", "evaluate")  # the stages whose metrics the page tells
REASONS = 5  # rejected rows that the page names


class Plot(Section):
    """Section `plot` of params.yaml."""

    dpi: int = Field(ge=30, le=1200)


class Told(Section):
    """A section that the page tells of; the stage it belongs to has looked at it."""

    model_config = ConfigDict(extra="allow")


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


def told(names: list[str], positive: str) -> dict[str, Any]:
    """Return what the page tells of the data, the parameters and the scores, as report.Facts names it."""
    labels = [
        np.asarray(read_array(path / "labels.npy"))
        for path in (paths.VECTORS, paths.TRAIN, paths.VALIDATION, paths.TEST)
    ]
    offsets = read_array(paths.VECTORS / "offsets.npy")
    of_label = np.array([np.bincount(found, minlength=len(names)) for found in labels]).T.tolist()
    return {
        "metrics": {name: read_json(paths.METRICS / f"{name}.json") for name in MEASURED},
        "params": {
            "download": params.load("download", Told).model_dump(),
            "clean": params.load("clean", Told).model_dump(),
            "split": params.load("split", Told).model_dump(),
            "evaluate": params.load("evaluate", Told).model_dump(),
        },
        "record": read_json(paths.MODEL / "model.json"),
        "counts": dict(zip(names, of_label, strict=True)),
        "lengths": np.diff(offsets),
        "positive": labels[0] == names.index(positive),
        "mistakes": as_rows(read_table(paths.ERRORS)),
        "suspects": as_rows(read_table(paths.LABEL_ERRORS)),
        "doubts": read_text(paths.WARNINGS).splitlines(),
        "rejected": [(line, " ".join(reason)) for line, *reason in read_table(paths.REJECTED)[:REASONS]],
    }


def as_rows(table: list[list[str]]) -> list[dict[str, str]]:
    """Return a dictionary for each line of a table, by the names of its first line."""
    header, *lines = table
    return [dict(zip(header, line, strict=True)) for line in lines]


def main() -> None:
    """Run the stage."""
    settings = params.load("plot", Plot)
    decision = read_json(paths.MODEL / "threshold.json")
    positive = decision["positive_label"]
    header, *scored = read_table(paths.PREDICTIONS)
    column = {name: [row[place] for row in scored] for place, name in enumerate(header)}
    truth = np.array(column["label"]) == field(positive)
    probability = np.array(column["probability"], float)
    history = read_text(paths.MODEL / "history.tsv")
    columns, *epochs = (line.split("\t") for line in history.splitlines())
    by_epoch = dict(zip(columns, np.array(epochs, float).T, strict=True))

    table = confusion(column["label"], column["predicted"])
    lines = curves(truth, probability)
    write_text(paths.PLOTS / "history.tsv", history)
    write_text(paths.PLOTS / "confusion.csv", as_csv(table))
    for name, points in lines.items():
        write_text(paths.PLOTS / f"{name}.json", as_json(points))

    images = charts.draw(by_epoch, table, lines, positive, settings.dpi)
    for name, image in images.items():
        charts.save(paths.PLOTS / "images" / f"{name}.png", image)

    names = [name for name, _ in read_table(paths.VECTORS / "classes.tsv")]
    facts = page.Facts(
        decision=decision,
        truth=truth,
        probability=probability,
        history=by_epoch,
        confusion=table,
        curves=lines,
        **told(names, positive),
    )
    write_text(paths.REPORT, page.page(facts))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
