"""The PNGs: the same bytes on each run, readable in black and white and by the colour-blind."""

from bisect import bisect_right
from pathlib import Path
from typing import Any, BinaryIO, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import imsave
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from textrnn.core.files import replacing
from textrnn.report import axes
from textrnn.report.formatting import percent

# Two of the colours of Okabe and Ito (2008), which the colour-blind tell apart.
BLUE, ORANGE = "#0072B2", "#D55E00"
FONT = 11.0
SIZE = (4.2, 3.6)  # inches of a figure: three stand side by side in a README, where a letter is still 9 pixels high
STYLE: Any = {
    "font.size": FONT,
    "axes.titlesize": FONT,
    "figure.titlesize": FONT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}

MOST_IN_MATRIX = 12  # labels whose confusion matrix can be read; of more, the commonest confusions are drawn
FEW = 4  # labels in whose matrix a zero is written
MOST_BARS = 25
WIDEST = 3.4  # inches of a label beside the confusion matrix, and of a pair of them beside the bars
LONGEST = 200  # letters of a label that are measured
WIDEST_IN_AXIS = 1.3  # inches of a label in the label of an axis
CELL = 0.78  # inches: the least side of a cell of the matrix, which its two lines of text fit

Points = list[dict[str, Any]]


def draw(
    history: dict[str, NDArray[np.float64]],
    confusion: Points,
    curves: dict[str, Points],
    positive: str | None,
    dpi: int,
    families: list[str],
) -> dict[str, Figure]:
    """Return a figure for each chart, by name, with letters of these fonts.

    Without a positive label the curves are of right and wrong answers, and without networks there are no epochs.
    """
    mpl.rcdefaults()  # a user's matplotlibrc would change the bytes
    settings = STYLE | {"font.family": families, "text.parse_math": False}  # a label with dollar signs is no formula
    with mpl.rc_context(settings):
        epochs = len(history["epoch"]) > 0
        titles = {"loss": "Loss by epoch", "accuracy": "Accuracy by epoch"} if epochs else {}
        titles |= {
            "roc": "ROC, test rows",
            "pr": "Precision and recall, test rows",
            "calibration": "Calibration, test rows",
        }
        if positive is None:
            titles |= {"roc": "ROC of the answers’ probability, test rows", "pr": "The surest answers, test rows"}
            titles |= {"calibration": "Calibration of the answers, test rows"}
            roc, pr = ("wrong answers kept", "right answers kept"), ("right answers kept", "right among the kept")
            calibration = ("probability of the answer", "share of right answers")
        else:
            name = shortened(positive, WIDEST_IN_AXIS)
            roc, pr = ("false positive rate", f"recall of {name}"), (f"recall of {name}", "precision")
            calibration = (f"predicted probability of {name}", f"observed share of {name}")
        figures = {name: Figure(figsize=SIZE, dpi=dpi, layout="constrained") for name in titles}
        panels = {name: figure.add_subplot(title=titles[name]) for name, figure in figures.items()}
        if epochs:
            by_epoch(panels["loss"], history, "loss", "cross entropy (nats)")
            by_epoch(panels["accuracy"], history, "accuracy", "accuracy")
            panels["accuracy"].yaxis.set_major_formatter(FuncFormatter(axes.percent_ticks))
        for name, x, y, fitted, labels in (
            ("roc", "fpr", "tpr", axes.roc, roc),
            ("pr", "recall", "precision", axes.precision_recall, pr),
            ("calibration", "predicted", "observed", axes.calibration, calibration),
        ):
            points = curves[name]
            style = "o-" if name == "calibration" else "-"
            panels[name].plot([point[x] for point in points], [point[y] for point in points], style, color=BLUE)
            fitted(panels[name], labels)
        readable = len({row["actual"] for row in confusion}) <= MOST_IN_MATRIX
        return figures | {"confusion": matrix(confusion, dpi) if readable else bars(pairs(confusion), dpi)}


def by_epoch(axis: Axes, history: dict[str, NDArray[np.float64]], what: str, unit: str) -> None:
    """Draw training and held-out values over the epochs."""
    axis.plot(history["epoch"], history[f"train_{what}"], "o-", color=BLUE, label="training")
    axis.plot(history["epoch"], history[f"held_out_{what}"], "s--", color=ORANGE, label="held out")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="epoch", ylabel=unit)
    axis.legend(frameon=False)


def matrix(rows: Points, dpi: int) -> Figure:
    """Return the confusion matrix of a few labels: counts, and shares of the actual label. Mistakes are orange."""
    names = [shortened(name, WIDEST) for name in sorted({row["actual"] for row in rows})]
    size = len(names)
    side, longest = max(2.4 / size, CELL), max(map(width, names))
    upright = longest > side - 0.1
    figure = Figure(dpi=dpi, layout="constrained")
    across, down = size * side + longest + 0.5, size * side + (longest if upright else 0.2) + 0.9
    figure.set_size_inches(max(SIZE[0], across), max(SIZE[1], down))
    figure.suptitle("Confusion, test rows:\nmessages, and their share of the actual label")
    axis = figure.add_subplot(xlabel="predicted", ylabel="actual")
    shares = np.array([row["share"] for row in rows]).reshape(size, size, 1)
    full = np.where(np.eye(size, dtype=bool)[:, :, None], to_rgb(BLUE), to_rgb(ORANGE))
    axis.imshow(1 - 0.7 * np.sqrt(shares) * (1 - full))  # the root, so that few mistakes among many rows are seen
    for place, row in enumerate(rows):
        text = f"{row['count']:,}\n{percent(row['share'])}" if row["count"] else "0" * (size <= FEW)
        axis.text(place % size, place // size, text, color="k" if row["count"] else "0.45", ha="center", va="center")
    axis.set_xticks(range(size), names, rotation=90 * upright)
    axis.set_yticks(range(size), names)
    axis.set_xticks(np.arange(0.5, size - 1), minor=True)
    axis.set_yticks(np.arange(0.5, size - 1), minor=True)
    axis.grid(visible=False)
    axis.grid(which="minor", color="0.8", alpha=1)
    axis.tick_params(which="both", length=0)
    axis.spines[:].set(visible=True, color="0.8")
    return figure


def pairs(rows: Points) -> Points:
    """Return the pairs of labels that are confused, those with the most messages first, then the largest shares."""
    wrong = [row for row in rows if row["count"] and row["actual"] != row["predicted"]]
    return sorted(wrong, key=lambda row: (-row["count"], -row["share"]))


def bars(confused: Points, dpi: int) -> Figure:
    """Return the commonest confusions of many labels as bars, the worst at the top."""
    shown = confused[:MOST_BARS]
    names = [f"{shortened(row['actual'], WIDEST)} → {shortened(row['predicted'], WIDEST)}" for row in shown]
    longest = max(map(width, names), default=0.0)
    figure = Figure(figsize=(max(7.0, longest + 4), 1.3 + 0.25 * len(shown)), dpi=dpi, layout="constrained")
    title = (
        f"The {len(shown)} commonest of {len(confused):,} confusions" if shown else "No label is confused with another"
    )
    figure.suptitle(f"{title}, test rows: actual → predicted")  # centred on the figure: labels may take half of it
    axis = figure.add_subplot(xlabel="messages (share of the actual label)")
    axis.set_axisbelow(True)
    drawn = axis.barh(range(len(shown)), [row["count"] for row in shown], color=ORANGE)
    axis.bar_label(drawn, [f"{row['count']:,} ({percent(row['share'], 0)})" for row in shown], padding=3)
    axis.set_yticks(range(len(shown)), names)
    axis.margins(x=0.2, y=0.01)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    return figure


def width(text: str) -> float:
    """Return the width of a text in inches."""
    renderer = cast("Any", RendererAgg)(1, 1, 72)
    return float(renderer.get_text_width_height_descent(text, FontProperties(size=FONT), ismath=False)[0]) / 72


def shortened(name: str, widest: float) -> str:
    """Return a label without its middle, if it is wider than so many inches."""

    def without_middle(kept: int) -> str:
        return f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"

    if len(name) <= LONGEST and width(name) <= widest:
        return name
    return without_middle(
        bisect_right(range(1, min(len(name), LONGEST)), widest, key=lambda kept: width(without_middle(kept)))
    )


def save(path: Path, figure: Figure) -> None:
    """Write the figure as PNG, without the date and version that would change its bytes.

    Figure.savefig would draw it twice, first to lay it out.
    """
    drawn: Any = FigureCanvasAgg(figure)
    drawn.draw()
    unnamed: Any = {"Software": None}
    with replacing(path) as file:
        imsave(cast("BinaryIO", file), drawn.buffer_rgba(), format="png", dpi=figure.dpi, metadata=unnamed)
