"""The axes of the curves. A good model's curve lies in a corner of the unit square, so the axes show that corner.

Each function gets axes that hold a curve as their first line. An axis that does not begin at zero says so.
"""

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from textrnn.report.formatting import percent

STARTS = (0.99, 0.98, 0.95, 0.9, 0.8)  # where an axis that ends at 1 may begin, if not at 0
LEAST = 1e-4  # the smallest share that a stretched axis tells from zero
NEARLY = 0.95  # a precision that counts as high; 1 - NEARLY and NEARLY bound what counts as near 0 and near 1

Floats = NDArray[np.float64]


def percent_ticks(value: float, _place: int | None = None) -> str:
    """Return a tick's share, 0 … 1, in percent."""
    return f"{100 * value:.6g}\u00a0%"


def start(lowest: float) -> float:
    """Return where an axis up to 1 begins that shows values from `lowest`: 0 unless all are near 1, and not all 1."""
    return next((begin for begin in STARTS if begin < lowest < 1), 0.0)


def square(axis: Axes, x: tuple[str, float], y: tuple[str, float]) -> None:
    """Make the axes a square of shares; x and y are an axis's label and the share where it begins."""
    for (label, begin), side, name in ((x, axis.xaxis, "x"), (y, axis.yaxis, "y")):
        margin = 0.02 * (1 - begin)
        axis.set(**{f"{name}lim": (begin - margin, 1 + margin)})
        axis.set(**{f"{name}label": f"{label} (from {percent(begin, 0)})" if begin else label})
        side.set_major_formatter(FuncFormatter(percent_ticks))
    axis.set_box_aspect(1)


def roc(axis: Axes, labels: tuple[str, str]) -> None:
    """Show recall by false positive rate: on a logarithmic scale if recall is high where that rate is low."""
    fpr, tpr = curve(axis)
    least, good = fpr[fpr > 0].min(initial=1.0), tpr[fpr <= 0.1].max() >= 0.9
    begin = start(tpr[fpr == 0].max(initial=0.0)) if good else 0.0
    square(axis, (labels[0], 0.0), (labels[1], begin))
    if not begin:
        diagonal(axis, np.append(0, np.geomspace(LEAST, 1, 200)), "guessing", "lower right")
    if good and least <= 0.1:
        decades = 10.0 ** np.arange(max(np.log10(LEAST), np.floor(np.log10(least))), 1)
        axis.set_xscale("symlog", linthresh=decades[0])
        axis.set(xlim=(-0.06 * decades[0], 1.1), xlabel=f"{labels[0]} (log scale)")
        axis.xaxis.set_major_locator(FixedLocator([0, *decades]))
        axis.xaxis.set_major_formatter(FuncFormatter(percent_ticks))


def precision_recall(axis: Axes, labels: tuple[str, str]) -> None:
    """Show recall and precision: if precision is always high, its upper end; else recall from where precision falls."""
    recall, precision = curve(axis)
    upper = start(precision.min())
    fallen = recall[(precision < NEARLY) & (recall < 1)].min(initial=1.0)  # at a recall of 1 it always falls
    begin = start(recall[recall < fallen].max(initial=0.0))
    square(axis, (labels[0], 0.0 if upper or fallen == 1 else begin), (labels[1], upper))


def calibration(axis: Axes, labels: tuple[str, str]) -> None:
    """Show predicted and observed shares: the ends of the axis stretched if most predictions lie there."""
    predicted, _ = curve(axis)
    square(axis, (labels[0], 0.0), (labels[1], 0.0))
    share = np.geomspace(LEAST, 0.5, 200)
    diagonal(axis, np.concatenate([share, 1 - share[::-1]]), "perfect", "upper left")
    if np.mean((predicted < 1 - NEARLY) | (predicted > NEARLY)) > 0.5:
        axis.set_xscale("logit")
        axis.lines[0].set(xdata=np.clip(predicted, LEAST, 1 - LEAST), linestyle="")  # a line would not be straight
        axis.set(xlim=(0.7 * LEAST, 1 - 0.7 * LEAST), xlabel=f"{labels[0]}\n(ends stretched)")
        axis.xaxis.set_major_locator(FixedLocator([LEAST, 0.01, 0.5, 0.99, 1 - LEAST]))
        axis.xaxis.set_minor_locator(FixedLocator([0.001, 0.1, 0.9, 0.999]))
        axis.xaxis.set_major_formatter(FuncFormatter(percent_ticks))
        axis.xaxis.set_minor_formatter("")


def diagonal(axis: Axes, shares: Floats, name: str, place: Literal["upper left", "lower right"]) -> None:
    """Draw where both shares are equal, for comparison."""
    line = axis.plot(shares, shares, color="0.4", linestyle=":", zorder=0, label=name)
    axis.legend(line, [name], frameon=False, handlelength=1.5, borderpad=0, loc=place)


def curve(axis: Axes) -> tuple[Floats, Floats]:
    """Return the x and y values of the first line."""
    line = axis.lines[0]
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
