"""The stage plot: the data that `dvc plots` draws, and the PNGs, in the same bytes on each run."""

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from stages import plot
from stages.plot import confusion
from tests.models import THREE, copied, trained
from tests.workspace import Workspace
from textrnn.core import paths
from textrnn.core.files import read_json, read_table
from textrnn.metrics.threshold import curves
from textrnn.report import charts

IMAGES = ["accuracy", "calibration", "confusion", "loss", "pr", "roc"]
DATA = ["calibration.json", "confusion.csv", "history.tsv", "pr.json", "roc.json"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace in which plot has run, with labels in other scripts, with commas and quotes."""
    return trained(tmp_path_factory.getbasetemp(), THREE)


def test_plots_holds_the_data_and_a_png_of_each_chart(root: Path) -> None:
    names = {path.relative_to(root / "plots").as_posix() for path in (root / "plots").rglob("*") if path.is_file()}
    assert names == {*DATA, *(f"images/{name}.png" for name in IMAGES)}
    assert (root / "plots/history.tsv").read_bytes() == (root / "model/history.tsv").read_bytes()


def test_the_confusion_counts_every_test_row_once(root: Path) -> None:
    pairs = [tuple(row[3:5]) for row in read_table(root / "data/scored/predictions.tsv")[1:]]
    with (root / "plots/confusion.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["actual"] for row in table] == sorted(row["actual"] for row in table)
    assert len(table) == len(THREE) ** 2
    for row in table:
        actual = sum(label == row["actual"] for label, _ in pairs)
        assert int(row["count"]) == pairs.count((row["actual"], row["predicted"]))
        assert float(row["share"]) == pytest.approx(int(row["count"]) / actual, abs=1e-6)


def test_the_curves_have_the_areas_that_were_measured(root: Path) -> None:
    measured, roc, pr = (
        read_json(root / path) for path in ("metrics/evaluate.json", "plots/roc.json", "plots/pr.json")
    )
    area = sum((b["fpr"] - a["fpr"]) * (a["tpr"] + b["tpr"]) / 2 for a, b in pairwise(roc))
    assert area == pytest.approx(measured["roc_auc"], abs=1e-5)
    area = sum((a["recall"] - b["recall"]) * a["precision"] for a, b in pairwise(pr))
    assert area == pytest.approx(measured["average_precision"], abs=0.02)


def test_a_png_holds_an_image_and_nothing_that_changes(root: Path) -> None:
    for name in IMAGES:
        with Image.open(root / f"plots/images/{name}.png") as image:
            assert set(image.info) == {"dpi"}  # no text, so no date and no version
            assert len(image.convert("L").getcolors() or []) > 20, "something is drawn"


def test_a_second_run_writes_the_same_bytes(root: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    copied(workspace, root)
    files = [paths.REPORT, *(path for path in paths.PLOTS.rglob("*") if path.is_file())]
    before = {path: path.read_bytes() for path in files}
    assert len(before) == len(DATA) + len(IMAGES) + 1
    for path in files:
        path.unlink()
    monkeypatch.setitem(mpl.rcParams, "lines.linewidth", 9)  # a user's matplotlibrc
    monkeypatch.setitem(mpl.rcParams, "savefig.dpi", 300)
    workspace.run(plot.main)
    assert {path: path.read_bytes() for path in files} == before


def test_a_label_that_is_never_right_has_its_row_and_column() -> None:
    found = [tuple(row.values()) for row in confusion(["a", "a", "b", "b"], ["a", "c", "a", "a"])]
    assert found == [
        ("a", "a", 1, 0.5), ("a", "b", 0, 0.0), ("a", "c", 1, 0.5),
        ("b", "a", 2, 1.0), ("b", "b", 0, 0.0), ("b", "c", 0, 0.0),
        ("c", "a", 0, 0.0), ("c", "b", 0, 0.0), ("c", "c", 0, 0.0),
    ]  # fmt: skip


def example(label: str) -> dict[str, Any]:
    """Return what charts.draw takes, for labels `label` and "ham"."""
    truth = [label, label, "ham", "ham"]
    by_epoch = np.array([1.0, 2.0])
    columns = ("epoch", "train_loss", "train_accuracy", "held_out_loss", "held_out_accuracy")
    return {
        "history": dict.fromkeys(columns, by_epoch),
        "confusion": confusion(truth, [label, "ham", "ham", "ham"]),
        "curves": curves(np.array(truth) == label, np.array([0.9, 0.4, 0.6, 0.1])),
        "positive": label,
        "dpi": 30,
    }


def test_a_label_is_drawn_as_it_is_and_never_as_a_formula(tmp_path: Path) -> None:
    label = "\\$ US$ or CA$_1"
    figures = charts.draw(**example(label))
    for name, figure in figures.items():
        charts.save(tmp_path / f"{name}.png", figure)
    axis, place = figures["confusion"].axes[0], sorted(["ham", label]).index(label)
    drawn = [axis.get_xticklabels()[place], axis.get_yticklabels()[place], figures["pr"].axes[0].xaxis.label]
    assert [text.get_text() for text in drawn] == [label, label, f"recall of {label}"]
    assert not any(text.get_parse_math() for text in drawn)


@pytest.mark.parametrize("size", [5, 12])
def test_the_confusion_fills_its_picture_and_its_names_and_numbers_have_room(size: int) -> None:
    names = [f"label {number:02}" for number in range(size)]
    table = confusion(names * 4, names * 3 + names[1:] + names[:1])  # one row in four is answered as the next label
    figure = charts.draw(**example("spam") | {"confusion": table, "dpi": 60})["confusion"]
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    axis = figure.axes[0]
    cells = axis.get_window_extent()
    assert cells.width == pytest.approx(cells.height)
    assert cells.height > 0.65 * figure.bbox.height
    assert cells.width > 0.5 * figure.bbox.width
    assert figure.bbox.width / figure.dpi < 16, "inches"
    assert {text.get_text().partition("\n")[0] for text in axis.texts} >= {"3", "1"}
    assert "75.0%" in axis.texts[0].get_text()
    for text in axis.texts:
        box = text.get_window_extent()
        assert max(box.width, box.height) < cells.width / size
    left, below = ([label.get_window_extent() for label in labels]
                   for labels in (axis.get_yticklabels(), axis.get_xticklabels()))  # fmt: skip
    assert all(lower.y1 <= upper.y0 + 1 for upper, lower in pairwise(left)), "no name overlaps another"
    assert all(one.x1 <= next_.x0 + 1 for one, next_ in pairwise(below))


@pytest.mark.parametrize("size", [30, 150])
def test_of_many_labels_the_commonest_confusions_are_drawn_the_worst_at_the_top(size: int) -> None:
    names = [f"label {number:03} of a rather long name" for number in range(size)]
    table = confusion(names * 4, names * 3 + names[1:] + names[:1])
    assert len(table) == 2 * size, "pairs without messages are left out"
    table[1]["count"] = 3
    axis = charts.draw(**example("spam") | {"confusion": table, "positive": None})["confusion"].axes[0]
    drawn = [label.get_text() for label in axis.get_yticklabels()]
    assert drawn[0] == "label 000 of a …ather long name → label 001 of a …ather long name"
    assert len(drawn) == charts.MOST_BARS
    assert axis.texts[0].get_text() == "3 (25%)"
    assert axis.figure.get_suptitle() == f"The 25 commonest of {size} confusions, test rows: actual → answered"
    assert axis.yaxis_inverted()


def test_without_a_confusion_the_picture_says_so() -> None:
    names = [f"label {number:03}" for number in range(30)]
    axis = charts.draw(**example("spam") | {"confusion": confusion(names, names)})["confusion"].axes[0]
    assert axis.figure.get_suptitle() == "No label is confused with another, test rows: actual → answered"


@pytest.mark.parametrize("right", [[True, True, False], [True] * 3, [False] * 3])
def test_without_a_positive_label_the_curves_are_of_right_answers_even_if_all_are(right: list[bool]) -> None:
    found = curves(np.array(right), np.array([0.9, 0.8, 0.4]))
    assert all(np.isfinite(list(point.values())).all() for points in found.values() for point in points)
    figures = charts.draw(**example("spam") | {"curves": found, "positive": None})
    assert figures["calibration"].axes[0].get_title() == "Calibration of the answers, test rows"
    assert figures["roc"].axes[0].get_ylabel() == "right answers kept"


def test_a_small_confusion_has_a_count_and_a_share_in_each_cell() -> None:
    axis = charts.draw(**example("spam"))["confusion"].axes[0]
    cells = {text.get_position(): text.get_text() for text in axis.texts}
    assert cells == {(0, 0): "2\n100.0%", (1, 0): "0\n0.0%", (0, 1): "1\n50.0%", (1, 1): "1\n50.0%"}
    assert [text.get_text() for text in axis.get_xticklabels()] == ["ham", "spam"]


def test_the_lines_of_a_chart_are_those_of_its_data() -> None:
    given = example("spam")
    given["history"] = {name: values + place for place, (name, values) in enumerate(given["history"].items())}
    figures = charts.draw(**given)
    loss, accuracy = (figures[name].axes[0].lines for name in ("loss", "accuracy"))
    assert [line.get_label() for line in loss] == [line.get_label() for line in accuracy] == ["training", "held out"]
    assert [np.asarray(line.get_ydata()).tolist() for line in loss] == [[2, 3], [4, 5]]
    assert [np.asarray(line.get_ydata()).tolist() for line in accuracy] == [[3, 4], [5, 6]]
    for name, (x, y) in {"roc": ("fpr", "tpr"), "pr": ("recall", "precision")}.items():
        line = figures[name].axes[0].lines[0]
        points = given["curves"][name]
        assert np.asarray(line.get_xydata()).tolist() == [[point[x], point[y]] for point in points]
