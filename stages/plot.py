"""plot: write the data that `dvc plots` draws, the same curves as PNGs for a README, and a report of the whole run.

Reads   model/, data/scored/{predictions,labels,errors,disguises,warnings}.tsv,
        data/scored/{label_errors.csv,scores.json}, data/clean/rejected.tsv, metrics/*.json, data/vectors/ and
        data/split/ (labels and lengths); sections `plot`, `download`, `clean`, `split` and `evaluate` of params.yaml
Writes  plots/{history.tsv,confusion.csv,roc.json,pr.json,calibration.json,scores.tsv}, plots/images/*.png,
        report/index.html, report/try/{code,model}.js
Run     python -m stages.plot
"""

if __spec__ is None:
    raise SystemExit("error: stages/plot.py is part of a package: run `python -m stages.plot`")

import csv
import io
import json
import sys
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
from pydantic import ConfigDict, Field

from textrnn.core import params, paths
from textrnn.core.errors import note, run
from textrnn.core.escape import field, in_script, unescaped
from textrnn.core.files import DIGITS, read_array, read_json, read_table, read_text, write_text
from textrnn.core.params import Section
from textrnn.metrics.threshold import curves
from textrnn.report import box, charts, fonts, page

MEASURED = ("clean", "vectorize", "split", "train")  # the stages whose metrics the page shows
REASONS = 5  # rejected rows that the page shows


class Plot(Section):
    """Section `plot` of params.yaml."""

    dpi: int = Field(ge=30, le=1200)


class OtherSection(Section):
    """A section that the page shows; the stage it belongs to has checked it."""

    model_config = ConfigDict(extra="allow")


def confusion(labels: list[str], predicted: list[str]) -> list[dict[str, Any]]:
    """Return a row for each pair of labels: how many messages, and their share of the actual label.

    Of more labels than a matrix shows, the pairs without messages are left out, but for each label and itself.
    """
    counts, totals = Counter(zip(labels, predicted, strict=True)), Counter(labels)
    names = sorted({*labels, *predicted})
    few = len(names) <= charts.MOST_IN_MATRIX
    pairs = product(names, names) if few else sorted({*counts, *zip(names, names, strict=True)})
    return [
        {"actual": actual, "predicted": answer, "count": count, "share": round(count / max(1, totals[actual]), DIGITS)}
        for actual, answer in pairs
        for count in [counts[actual, answer]]
    ]


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Return the rows as CSV with a header, safe for spreadsheets and for `dvc plots`: a label may hold anything."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([rows[0], *(map(field, row.values()) for row in rows)])
    return in_script(text.getvalue())


def as_json(points: list[dict[str, float]]) -> str:
    """Return the points as a JSON list, one a line, so that Git's diffs can be read."""
    return "[\n" + ",\n".join(json.dumps(point, allow_nan=False) for point in points) + "\n]\n"


def as_rows(table: list[list[str]]) -> list[dict[str, str]]:
    """Return a dictionary for each line of a table, by the names of its first line, as the fields were at first."""
    header, *lines = table
    return [dict(zip(header, map(unescaped, line), strict=True)) for line in lines]


def as_tsv(scores: dict[str, Any]) -> str:
    """Return a line for each score: its value, its interval, and what the baselines have."""
    low, high, beside = scores["ci_low"], scores["ci_high"], scores["baselines"].values()
    lines: list[list[Any]] = [["score", "value", "low", "high", *scores["baselines"]]]
    for name, value in scores.items():
        if not isinstance(value, dict):
            lines.append([name, value, low.get(name, ""), high.get(name, ""), *(one.get(name, "") for one in beside)])
    return "".join("\t".join(map(str, line)) + "\n" for line in lines)


def main() -> None:
    """Run the stage."""
    settings = params.load("plot", Plot)
    decision = read_json(paths.MODEL / "threshold.json")
    positive = decision["positive_label"]
    scored = as_rows(read_table(paths.PREDICTIONS))
    labels, predicted = ([row[name] for row in scored] for name in ("label", "predicted"))
    truth = np.array(labels) == (np.array(predicted) if positive is None else positive)
    probability = np.array([row.get("probability_of_positive", row["probability"]) for row in scored], float)
    columns, *epochs = read_table(paths.MODEL / "history.tsv")
    history = dict(zip(columns, np.array(epochs, float).reshape(-1, len(columns)).T, strict=True))

    table = confusion(labels, predicted)
    lines = curves(truth, probability)
    write_text(paths.PLOTS / "history.tsv", read_text(paths.MODEL / "history.tsv"))
    write_text(paths.PLOTS / "confusion.csv", as_csv(table))
    for name, points in lines.items():
        write_text(paths.PLOTS / f"{name}.json", as_json(points))

    scores = read_json(paths.SCORES)
    write_text(paths.PLOTS / "scores.tsv", as_tsv(scores))
    families, missing = fonts.families("".join({*labels, *predicted}))
    if missing:
        note(f"the PNGs have boxes instead of {missing}: no font here has them; the report and `dvc plots` show them")
    images = charts.draw(history, table, lines, positive, settings.dpi, families)
    for name, image in images.items():
        charts.save(paths.PLOTS / "images" / f"{name}.png", image)

    record = read_json(paths.MODEL / "model.json")
    shown = {
        "alone_from": read_json(paths.MODEL / "settings.json")["alone_from"],
        "decision": decision,
        "no_box": box.missing(paths.MODEL),
        "record": record,
        "params": record["params"]
        | {
            "download": params.load("download", OtherSection).model_dump(),
            "clean": params.load("clean", OtherSection).model_dump(),
            "split": params.load("split", OtherSection).model_dump(),
            "evaluate": params.load("evaluate", OtherSection).model_dump(),
        },
        "names": [name for name, _ in read_table(paths.VECTORS / "classes.tsv")],
        "history": history,
        "curves": lines,
        "mistakes": as_rows(read_table(paths.ERRORS)),
        "disguises": as_rows(read_table(paths.DISGUISES)),
        "label_errors": as_rows(read_table(paths.LABEL_ERRORS)),
        "scores": scores,
        "metrics": {name: read_json(paths.METRICS / f"{name}.json") for name in MEASURED},
        "labels": as_rows(read_table(paths.LABELS)),
        "confusion": table,
        "pairs": charts.pairs(table),
        "warnings": [warning for (warning,) in read_table(paths.WARNINGS)[1:]],
        "rejected": as_rows(read_table(paths.REJECTED)[: 1 + REASONS]),
    }
    parts = {"kept": paths.VECTORS, "train": paths.TRAIN, "validation": paths.VALIDATION, "test": paths.TEST}
    of_parts = {part: np.asarray(read_array(path / "labels.npy")) for part, path in parts.items()}
    lengths = np.diff(read_array(paths.VECTORS / "offsets.npy"))
    write_text(paths.REPORT, page.page(shown, of_parts, lengths, truth, probability))
    write_text(paths.TRY / "code.js", box.code())
    write_text(paths.TRY / "model.js", "" if shown["no_box"] else box.model(paths.MODEL, decision))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
