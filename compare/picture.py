"""The comparison as a picture: each model's Matthews correlation under both protocols."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from compare.protocols import NAMES, PROTOCOLS
from textrnn.core.files import replacing
from textrnn.report.charts import BLUE, ORANGE, STYLE

PANELS = ("duplicates", "templates")
LOWEST = 0.85  # the left end of the axis: the score of a model below it is printed


def picture(path: Path, found: dict[str, Any]) -> None:
    """Write a PNG with a panel for each protocol, the same bytes on each run."""
    mpl.rcdefaults()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 5.2), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(PANELS), sharey=True)
        for axis, protocol in zip(axes, PANELS, strict=True):
            panel(axis, found[protocol], PROTOCOLS[protocol])
        figure.supxlabel(
            "Matthews correlation, mean of ten splits. Bars: 95 % interval of the paired difference from the best\n"
            "linear baseline (dashed), not corrected for the number of models",
            fontsize=10,
        )
        with replacing(path) as file:
            figure.savefig(file, format="png", metadata={"Software": None})


def panel(axis: Axes, found: dict[str, Any], title: str) -> None:
    """Draw a protocol's models, the first one on top."""
    models, linear = found["models"], found["strongest_linear"]
    base = models[linear]["mcc"]["mean"]
    axis.axvline(base, color="0.4", linestyle="--", linewidth=1, zorder=0)
    for place, (model, scores) in enumerate(models.items()):
        mcc = scores["mcc"]
        if mcc["mean"] < LOWEST:
            axis.annotate(f"← {mcc['mean']:.2f}", (LOWEST, place), va="center", color="0.3")
            continue
        colour = ORANGE if model == "default" else BLUE
        axis.plot([base + mcc["low"], base + mcc["high"]], [place, place], color=colour, linewidth=2)
        axis.plot(mcc["mean"], place, "o", color=colour)
    axis.set_yticks(range(len(models)), [NAMES[model] for model in models])
    axis.set_ylim(len(models) - 0.5, -0.5)
    axis.set_xlim(LOWEST, 1)
    axis.set_title(title)
