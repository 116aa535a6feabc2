"""The stage plot: the data that `dvc plots` draws, and the PNGs, in the same bytes on each run."""

import csv
import io
from html.parser import HTMLParser
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from dvc_render.html import render_html
from dvc_render.vega import VegaRenderer
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import findfont, fontManager
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from stages import plot
from stages.plot import confusion
from tests.models import THREE, copied, trained
from tests.workspace import Workspace
from textrnn.core import paths
from textrnn.core.files import read_json, read_table
from textrnn.metrics.threshold import curves
from textrnn.report import charts, fonts

IMAGES = ["accuracy", "calibration", "confusion", "loss", "pr", "roc"]
DATA = ["calibration.json", "confusion.csv", "history.tsv", "pr.json", "roc.json", "scores.tsv"]


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
        read_json(root / path) for path in ("data/scored/scores.json", "plots/roc.json", "plots/pr.json")
    )
    area = sum((b["fpr"] - a["fpr"]) * (a["tpr"] + b["tpr"]) / 2 for a, b in pairwise(roc))
    assert area == pytest.approx(measured["roc_auc"], abs=1e-5)
    area = sum((a["recall"] - b["recall"]) * a["precision"] for a, b in pairwise(pr))
    assert area == pytest.approx(measured["average_precision"], abs=0.02)


def test_git_has_each_score_with_its_interval_and_those_of_the_baselines(root: Path) -> None:
    scores = read_json(root / "data/scored/scores.json")
    header, *lines = read_table(root / "plots/scores.tsv")
    assert header == ["score", "value", "low", "high", "linear", "majority", "networks", "tfidf"]
    assert {line[0] for line in lines} == {name for name, value in scores.items() if not isinstance(value, dict)}
    for name, *values in lines:
        beside = [scores["ci_low"], scores["ci_high"], *(scores["baselines"][one] for one in header[4:])]
        assert [float(value) if value else None for value in values] == [
            scores[name],
            *(one.get(name) for one in beside),
        ]


def test_a_png_holds_an_image_and_nothing_that_changes(root: Path) -> None:
    for name in IMAGES:
        with Image.open(root / f"plots/images/{name}.png") as image:
            assert set(image.info) == {"dpi"}  # no text, so no date and no version
            assert len(image.convert("L").getcolors() or []) > 20, "something is drawn"


def test_a_second_run_writes_the_same_bytes(root: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    copied(workspace, root)
    files = [path for folder in (paths.REPORT.parent, paths.PLOTS) for path in folder.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    assert len(before) == len(DATA) + len(IMAGES) + 3
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
        "families": [fonts.OWN],
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


def model(separation: float, rows: int = 1000) -> dict[str, Any]:
    """Return the curves of a model whose logits of both kinds of rows lie this far apart: 0 is guessing, 6 is good."""
    random = np.random.default_rng(0)
    truth = random.random(rows) < 0.2
    truth[:2] = [True, False]
    logits = random.normal(scale=2, size=rows) + np.where(truth, separation, -separation)
    return curves(truth, 1 / (1 + np.exp(-logits)))


def shown(separation: float, rows: int = 1000, positive: str | None = "spam") -> dict[str, Axes]:
    """Return the axes of the curves of such a model, drawn."""
    figures = charts.draw(**example("spam") | {"curves": model(separation, rows), "positive": positive})
    for figure in figures.values():
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return {name: figure.axes[0] for name, figure in figures.items()}


def ticks(axis: Axis) -> list[str]:
    """Return the texts of an axis' ticks, from its low to its high end."""
    low, high = axis.get_view_interval()
    places = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return [label.get_text().replace("\u00a0", " ") for place, label in places if low <= place <= high]


def test_the_curves_of_a_good_model_are_shown_where_they_bend_and_their_axes_say_so() -> None:
    axes = shown(4.5)
    assert ticks(axes["roc"].xaxis) == ["0 %", "0.1 %", "1 %", "10 %", "100 %"]
    assert axes["roc"].get_xlabel() == "false positive rate (log scale)"
    assert axes["roc"].get_ylabel() == "recall of spam (from 95\u00a0%)"
    assert ticks(axes["roc"].yaxis)[0] == "95 %"
    assert axes["pr"].get_xlabel() == "recall of spam (from 98\u00a0%)"
    assert (ticks(axes["pr"].xaxis)[0], ticks(axes["pr"].yaxis)[0]) == ("98 %", "0 %")
    assert ticks(axes["calibration"].xaxis) == ["0.01 %", "1 %", "50 %", "99 %", "99.99 %"]
    assert axes["calibration"].get_xlabel() == "predicted probability of spam\n(ends stretched)"


@pytest.mark.parametrize(("separation", "rows"), [(0, 1000), (0.5, 1000), (1, 8), (50, 1000)])
def test_the_curves_of_a_bad_model_a_perfect_one_and_of_eight_rows_fill_the_unit_square(
    separation: float, rows: int
) -> None:
    axes = shown(separation, rows)
    for axis in (axes["roc"], axes["pr"]):
        for side in (axis.xaxis, axis.yaxis):
            assert ticks(side) == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
            assert "(" not in side.get_label_text()


def test_if_nearly_all_answers_are_right_precision_begins_near_one() -> None:
    truth = np.arange(200) % 40 != 39
    found = curves(truth, np.linspace(1, 0.5, 200))
    axis = charts.draw(**example("spam") | {"curves": found, "positive": None})["pr"].axes[0]
    assert axis.get_ylabel() == "right among the kept (from 95\u00a0%)"
    assert axis.get_xlabel() == "right answers kept"


def test_letters_that_matplotlibs_own_font_lacks_are_of_other_fonts_or_boxes_and_a_note(
    root: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = fonts.letters(findfont(fonts.OWN))
    letter = min(filter(str.isalpha, fonts.letters(findfont("STIXGeneral")) - own))  # comes with Matplotlib as well
    names, missing = fonts.families(f"ham {letter}\u200d")
    assert (names[0], len(names), missing) == (fonts.OWN, 2, "")
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if "mpl-data" in font.fname])
    assert fonts.families("\u8d26\u5355 ham") == ([fonts.OWN, fonts.BOXES], "\u5355\u8d26")
    copied(workspace, root)
    monkeypatch.setattr(fonts, "families", lambda _: ([fonts.OWN, fonts.BOXES], "\u8d26"))
    _, said = workspace.ran(plot.main)
    assert "note: the PNGs have boxes instead of \u8d26: no font here has them" in said


LONG = [f"{word} and what else our customers ask" for word in ("accounts", "billing", "delivery", "refunds")]
SCRIPTS = ["\u8d26\u5355\u95ee\u9898", "\u0627\u0644\u062a\u0648\u0635\u064a\u0644", "\U0001f600 happy", "\U0001f4e6"]
CASES = {
    "two": ["ham", "spam"], "five": [f"label {number}" for number in range(5)], "long": LONG, "two long": LONG[:2],
    "scripts": SCRIPTS, "twelve": [f"label {number:02}" for number in range(12)],
    "thirty": [f"label {number:02}" for number in range(30)],
    "150": [f"{LONG[0]} {number:03}" for number in range(150)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "rows", "separation"), [*((case, 4, 4.5) for case in CASES), ("five", 1, 0), ("two long", 1, 0)]
)
def test_no_text_is_clipped_or_overlaps_another(
    case: str, rows: int, separation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, draw = dict[Text, Bbox](), Text.draw

    def spy(self: Text, renderer: Any) -> None:
        draw(self, renderer)
        if self.get_visible() and self.get_text().strip():
            drawn[self] = self.get_window_extent().padded(-1)

    monkeypatch.setattr(Text, "draw", spy)
    names = CASES[case]
    table = confusion(names * rows, names * (rows - 1) + names[1:] + names[:1])
    families = fonts.families("".join(names))[0]
    given = example(names[0]) | {"confusion": table, "families": families, "curves": model(separation)}
    for name, figure in charts.draw(**given).items():
        drawn.clear()
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
        assert len(drawn) > 8
        for text, box in drawn.items():
            assert Bbox.union([box, figure.bbox]).bounds == figure.bbox.bounds, f"{name}: {text} is clipped"
        for (one, box), (other, next_) in combinations(drawn.items(), 2):
            assert not box.overlaps(next_), f"{name}: {one} and {other}"


@pytest.mark.parametrize("size", [5, 12])
def test_the_confusion_fills_its_picture_and_its_numbers_have_room(size: int) -> None:
    names = [f"label {number:02}" for number in range(size)]
    table = confusion(names * 4, names * 3 + names[1:] + names[:1])  # one row in four is answered as the next label
    figure = charts.draw(**example("spam") | {"confusion": table, "dpi": 60})["confusion"]
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    axis = figure.axes[0]
    cells = axis.get_window_extent()
    assert cells.width == pytest.approx(cells.height)
    assert cells.height > 0.65 * figure.bbox.height
    assert cells.width > 0.65 * figure.bbox.width
    assert figure.bbox.width / figure.dpi < 12, "inches"
    assert {text.get_text() for text in axis.texts} == {"3\n75.0\u00a0%", "1\n25.0\u00a0%", ""}, "no zeros"
    for text in axis.texts:
        box = text.get_window_extent()
        assert max(box.width, box.height) < cells.width / size


@pytest.mark.parametrize("size", [30, 150])
def test_of_many_labels_the_commonest_confusions_are_drawn_the_worst_at_the_top(size: int) -> None:
    names = [f"label {number:03} of a rather long name" for number in range(size)]
    table = confusion(names * 4, names * 3 + names[1:] + names[:1])
    assert len(table) == 2 * size, "pairs without messages are left out"
    table[1]["count"] = 3
    axis = charts.draw(**example("spam") | {"confusion": table, "positive": None})["confusion"].axes[0]
    drawn = [label.get_text() for label in axis.get_yticklabels()]
    assert drawn[0] == "label 000 of a rather long name → label 001 of a rather long name"
    assert len(drawn) == charts.MOST_BARS
    assert axis.texts[0].get_text() == "3 (25\u00a0%)"
    assert axis.figure.get_suptitle() == f"The 25 commonest of {size} confusions, test rows: actual → predicted"
    assert axis.yaxis_inverted()


def test_without_a_confusion_the_picture_says_so() -> None:
    names = [f"label {number:03}" for number in range(30)]
    axis = charts.draw(**example("spam") | {"confusion": confusion(names, names)})["confusion"].axes[0]
    assert axis.figure.get_suptitle() == "No label is confused with another, test rows: actual → predicted"


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
    assert cells == {(0, 0): "2\n100.0\u00a0%", (1, 0): "0", (0, 1): "1\n50.0\u00a0%", (1, 1): "1\n50.0\u00a0%"}
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


class Scripts(HTMLParser):
    """Counts the scripts of a page as a browser does, and keeps the text outside them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.count, self.inside, self.outside = 0, False, ""
        self.feed(page)

    def handle_starttag(self, tag: str, _: object) -> None:
        """Count a script."""
        self.inside = tag == "script"
        self.count += self.inside

    def handle_endtag(self, tag: str) -> None:
        """End a script."""
        self.inside = self.inside and tag != "script"

    def handle_data(self, data: str) -> None:
        """Keep what is outside."""
        self.outside += "" if self.inside else data


def test_a_label_ends_no_script_in_the_page_of_dvc_plots(tmp_path: Path) -> None:
    def page(labels: list[str]) -> str:
        points = [
            {"rev": "workspace", **row} for row in csv.DictReader(io.StringIO(plot.as_csv(confusion(labels, labels))))
        ]
        chart = VegaRenderer(points, "confusion", x="predicted", y="actual", template="confusion")
        return Path(render_html([chart], str(tmp_path / "index.html"))).read_text("utf-8")

    plain = Scripts(page(["a < b", "ham", "spam"]))
    hostile = Scripts(page(["a < b", "</script><script>alert(1)</script>", "<!--<script>"]))
    assert (hostile.count, hostile.outside) == (plain.count, plain.outside)
    assert plain.count > 1
    assert "<!--<script" not in page(["a < b", "<!--<script>"]), "nothing after it would end the script"


def test_labels_that_differ_in_what_guards_a_formula_stay_apart() -> None:
    labels = ["=x", "'=x", '"=x', "ham"]
    rows = list(csv.DictReader(io.StringIO(plot.as_csv(confusion(labels, labels)))))
    assert len({row["actual"] for row in rows}) == 4


def test_a_label_of_any_length_is_cut_as_far_as_it_must_be() -> None:
    for letters in (30, 200, 1_000_000):
        short = charts.shortened("w" * letters, 2.0)
        assert charts.width(short) <= 2.0 < charts.width(short.replace("…", "ww…"))
    assert charts.shortened("ham", 2.0) == "ham"
