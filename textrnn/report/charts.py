"""The PNGs: the same bytes on each run, readable in black and white and by the colour-blind."""

from pathlib import Path
from typing import Any, BinaryIO, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from textrnn.core.files import replacing

# Two of the colours of Okabe and Ito (2008), which the colour-blind tell apart.
BLUE, ORANGE = "#0072B2", "#D55E00"
FONT = 11.0
STYLE: Any = {
    "font.size": FONT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}

MOST_IN_MATRIX = 12  # labels whose confusion matrix can be read; of more, the commonest confusions are drawn
MOST_BARS = 25
LONGEST_NAME = 30  # letters of a label in the confusion matrix

Points = list[dict[str, Any]]


def draw(
    history: dict[str, NDArray[np.float64]],
    confusion: Points,
    curves: dict[str, Points],
    positive: str | None,
    dpi: int,
) -> dict[str, Figure]:
    """Return a figure for each chart, by name. Without a positive label the curves are of right and wrong answers."""
    titles = {"loss": "Loss by epoch", "accuracy": "Accuracy by epoch", "roc": "ROC, test rows"}
    titles |= {"pr": "Precision and recall, test rows", "calibration": "Calibration, test rows"}
    roc, pr = ("false positive rate", "recall"), (f"recall of {positive}", "precision")
    calibration = (f"predicted probability of {positive}", f"observed share of {positive}")
    if positive is None:
        titles |= {"roc": "ROC of the answers’ probability, test rows", "pr": "The surest answers, test rows"}
        titles |= {"calibration": "Calibration of the answers, test rows"}
        roc, pr = ("wrong answers kept", "right answers kept"), ("right answers kept", "right ones among the kept")
        calibration = ("probability of the answer", "share of right answers")
    mpl.rcdefaults()  # a user's matplotlibrc would change the bytes
    with mpl.rc_context(STYLE | {"text.parse_math": False}):  # a label with dollar signs is no formula
        figures = {name: Figure(figsize=(5.2, 4.2), dpi=dpi, layout="constrained") for name in titles}
        axes = {name: figure.add_subplot(title=titles[name]) for name, figure in figures.items()}
        by_epoch(axes["loss"], history, "loss", "cross entropy (nats)")
        by_epoch(axes["accuracy"], history, "accuracy", "accuracy")
        axes["accuracy"].yaxis.set_major_formatter(PercentFormatter(1))
        unit_square(axes["roc"], curves["roc"], "fpr", "tpr", roc)
        unit_square(axes["pr"], curves["pr"], "recall", "precision", pr)
        unit_square(axes["calibration"], curves["calibration"], "predicted", "observed", calibration)
        axes["calibration"].lines[0].set_marker("o")
        for name in ("roc", "calibration"):
            axes[name].plot([0, 1], [0, 1], color="0.6", linestyle=":", zorder=0)
        readable = len({row["actual"] for row in confusion}) <= MOST_IN_MATRIX
        return figures | {"confusion": matrix(confusion, dpi) if readable else bars(pairs(confusion), dpi)}


def by_epoch(axis: Axes, history: dict[str, NDArray[np.float64]], what: str, unit: str) -> None:
    """Draw training and held-out values over the epochs."""
    axis.plot(history["epoch"], history[f"train_{what}"], "o-", color=BLUE, label="training")
    axis.plot(history["epoch"], history[f"held_out_{what}"], "s--", color=ORANGE, label="held out")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="epoch", ylabel=unit)
    axis.legend(frameon=False)


def unit_square(axis: Axes, points: Points, x: str, y: str, labels: tuple[str, str]) -> None:
    """Draw a curve of two shares."""
    axis.plot([point[x] for point in points], [point[y] for point in points], color=BLUE)
    axis.set(xlabel=labels[0], ylabel=labels[1], xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")


def matrix(rows: Points, dpi: int) -> Figure:
    """Return the confusion matrix of a few labels: counts, and shares of the actual label."""
    names = [shortened(name) for name in sorted({row["actual"] for row in rows})]
    size = len(names)
    counts = np.array([row["count"] for row in rows]).reshape(size, size)
    shares = np.array([row["share"] for row in rows]).reshape(size, size)
    side = max(3.0 / size, 0.8)  # of a cell, in inches
    longest = max(map(len, names)) * FONT * 0.6 / 72
    figure = Figure(dpi=dpi, layout="constrained")
    figure.set_size_inches(max(5.2, size * side + longest + 2), max(4.2, size * side + 1 + longest * (longest > side)))
    axis = figure.add_subplot()
    image = axis.imshow(shares, cmap="cividis_r", vmin=0, vmax=1)  # cividis: made for colour-blind eyes
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        if count or size <= 3:
            style: Any = {"color": "white" if share > 0.5 else "black", "ha": "center", "va": "center"}
            axis.text(column, row, f"{count:,}\n{share:.1%}", size=min(FONT, 72 * side * 0.19), **style)
    axis.set(xlabel="predicted", ylabel="actual", title="Confusion, test rows")
    axis.set_xticks(range(size), names, rotation=90 * (longest > side))
    axis.set_yticks(range(size), names)
    axis.grid(visible=False)
    figure.colorbar(image, label="share of the actual label", format=PercentFormatter(1), shrink=0.8)
    return figure


def pairs(rows: Points) -> Points:
    """Return the pairs of labels that are confused, those with the most messages first, then the largest shares."""
    wrong = [row for row in rows if row["count"] and row["actual"] != row["predicted"]]
    return sorted(wrong, key=lambda row: (-row["count"], -row["share"]))


def bars(confused: Points, dpi: int) -> Figure:
    """Return the commonest confusions of many labels as bars, the worst at the top."""
    shown = confused[:MOST_BARS]
    figure = Figure(figsize=(9.5, 1.6 + 0.28 * len(shown)), dpi=dpi, layout="constrained")
    title = (
        f"The {len(shown)} commonest of {len(confused):,} confusions" if shown else "No label is confused with another"
    )
    figure.suptitle(f"{title}, test rows: actual → answered")  # centred on the figure: the labels may take half of it
    axis = figure.add_subplot(xlabel="test rows (share of the actual label's)")
    axis.set_axisbelow(True)
    names = [f"{shortened(row['actual'])} → {shortened(row['predicted'])}" for row in shown]
    drawn = axis.barh(range(len(shown)), [row["count"] for row in shown], color=BLUE)
    axis.bar_label(drawn, [f"{row['count']:,} ({row['share']:.0%})" for row in shown], padding=3)
    axis.set_yticks(range(len(shown)), names)
    axis.margins(x=0.15, y=0.01)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    return figure


def shortened(name: str) -> str:
    """Return a label without its middle, if it is long."""
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def save(path: Path, figure: Figure) -> None:
    """Write the figure as PNG, without the date and version that would change its bytes.

    Figure.savefig would draw it twice, first to lay it out.
    """
    drawn: Any = FigureCanvasAgg(figure)
    drawn.draw()
    unnamed: Any = {"Software": None}
    with replacing(path) as file:
        imsave(cast("BinaryIO", file), drawn.buffer_rgba(), format="png", dpi=figure.dpi, metadata=unnamed)
