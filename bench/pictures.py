"""The pictures of docs/speed, from what the benchmarks measured.

Reads   docs/speed/*.json
Writes  docs/speed/*.png
Run     python -m tools.speed   (which writes the tables, too)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from bench.kills import STAGES
from textrnn.core import paths
from textrnn.core.files import read_json
from textrnn.report import charts
from textrnn.report.charts import BLUE, ORANGE

FOLDER = paths.ROOT / "docs/speed"
GREY = "0.45"
WHISKERS = "median, and least and most of the runs"
LINES: dict[str, Any] = {  # of docs/speed/scale.json: how each is drawn
    "clean, vectorize and split": {"color": "black", "marker": "o"},
    "clean": {"color": GREY, "linestyle": ":"},
    "vectorize": {"color": GREY, "linestyle": "--"},
    "split": {"color": GREY, "linestyle": "-."},
    "pandas and scikit-learn": {"color": ORANGE, "marker": "s"},
    "the same without near-duplicates": {"color": ORANGE, "marker": "v", "markerfacecolor": "white"},
    "CountVectorizer alone": {"color": BLUE, "marker": "^"},
}
LIMITS: dict[str, tuple[str, Any]] = {  # of docs/speed/limits.json
    "seconds": ("the stage took", {"color": ORANGE, "marker": "o"}),
    "seconds_of_multiplying": ("its matrix products, at the processors' peak speed", {"color": BLUE, "marker": "D"}),
    "seconds_of_disk": ("its bytes, at the disk's speed", {"color": GREY, "marker": "s"}),
}

Summary = Mapping[str, float]


def draw(folder: Path) -> None:
    """Draw each benchmark's results in docs/speed as a PNG in `folder`, the same bytes on each run."""
    for name, (picture, width, height) in PICTURES.items():
        with drawn(folder / f"{name}.png", width, height) as figure:
            picture(figure, read_json(FOLDER / f"{name}.json"))


@contextmanager
def drawn(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of this size in inches, and write it as PNG after the block has drawn on it."""
    mpl.rcdefaults()  # a user's matplotlibrc would change the bytes
    with mpl.rc_context(charts.STYLE):
        figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
        yield figure
        charts.save(path, figure)


def stages(figure: Figure, found: dict[str, Any]) -> None:
    """Draw the whole next to train, a `dvc repro` with nothing to do, and how long stages load their modules."""
    whole, nothing, begin = figure.subplots(1, 3)
    commands = found["commands"]
    bars(whole, {"dvc repro": commands["repro"], "train alone": found["stages"]["train"]}, ".1f")
    bars(nothing, {"dvc repro": commands["nothing to do"], "dvc status": commands["status"]}, ".1f")
    bars(begin, {name: found["loads"][name] for name in STAGES if name != "train"}, ".2f")
    for axis, title in ((whole, "All stages run"), (nothing, "Nothing to do"), (begin, "Loading a stage's modules")):
        axis.set(title=title, xlabel="seconds")
    figure.supxlabel(f"Bars: {WHISKERS}", size="small")


def limits(figure: Figure, found: dict[str, Any]) -> None:
    """Draw each stage's time, and what the disk and the processors would need for its work."""
    axis = figure.subplots()
    took = found["stages"]
    for kind, (label, style) in LIMITS.items():
        names = [name for name in STAGES if took[name][kind]]
        axis.plot([took[name][kind] for name in names], names, linestyle="", markersize=8, label=label, **style)
    for name in STAGES:
        seconds = took[name]["seconds"]
        axis.annotate(f"{seconds:.2g} s", (seconds, name), (9, 0), textcoords="offset points", va="center")
    axis.set(xscale="log", xlabel="seconds (log scale)", title="What each stage takes, and what its work needs")
    plain(axis.xaxis)
    axis.invert_yaxis()
    axis.margins(x=0.1, y=0.1)
    figure.legend(loc="outside lower center", frameon=False)


def training(figure: Figure, found: dict[str, Any]) -> None:
    """Draw a bar for each contender."""
    axis = figure.subplots()
    paces = {name: one["tokens_per_second"] for name, one in found.items()}
    fastest_first = sorted(paces, key=lambda name: -paces[name]["median"])
    bars(axis, {name: paces[name] for name in fastest_first}, ",.0f", "textrnn")
    axis.set(title="Training the default network", xlabel=f"tokens of training rows a second: {WHISKERS}")
    plain(axis.xaxis)


def inference(figure: Figure, found: dict[str, Any]) -> None:
    """Draw the three results side by side."""
    start, rate, memory = figure.subplots(1, 3)
    cold = {name: found["cold"][name] for name in ("predict.py", "TensorFlow")}
    bars(start, cold, ".2f", "predict.py")
    start.set(title="One message, from a cold start", xlabel="seconds")
    panels = ((rate, "messages_per_second", "Messages a second"), (memory, "peak_megabytes", "Peak memory, MB"))
    for axis, key, title in panels:
        for (kind, sizes), colour, mark in zip(found["streams"].items(), (ORANGE, BLUE), "os", strict=True):
            values = [one[key] for one in sizes.values()]
            axis.errorbar(
                list(map(int, sizes)), [one["median"] for one in values], whiskers(values),
                color=colour, marker=mark, capsize=3, label=kind,
            )  # fmt: skip
        axis.set(xscale="log", title=title, xlabel="messages in the stream")
        axis.set_ylim(0, 1.05 * axis.get_ylim()[1])
        plain(axis.xaxis)
        plain(axis.yaxis)
        axis.legend(frameon=False, loc="lower right")


def scale(figure: Figure, found: dict[str, Any]) -> None:
    """Draw time for each message and peak memory by size."""
    titles = {"microseconds_per_message": "Microseconds for each message", "peak_megabytes": "Peak memory, MB"}
    panels = figure.subplots(1, 2)
    for axis, (key, title) in zip(panels, titles.items(), strict=True):
        for name, style in LINES.items():
            sizes = sorted((size for size, rows in found.items() if name in rows), key=int)
            axis.plot(list(map(int, sizes)), [found[size][name][key] for size in sizes], label=name, **style)
        axis.set(xscale="log", yscale="log", xlabel="messages (both axes are logarithmic)", title=title)
        plain(axis.xaxis)
        plain(axis.yaxis)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", frameon=False, ncols=3)


def bars(axis: Axes, values: Mapping[str, Summary], digits: str, own: str = "") -> None:
    """Draw a bar for each summary, the first on top, with its median; those whose names have `own` are orange."""
    medians = [one["median"] for one in values.values()]
    colours = [ORANGE if own and own in name else BLUE for name in values]
    made = axis.barh(list(values), medians, xerr=whiskers(values.values()), color=colours, capsize=3)
    axis.bar_label(made, [format(one, digits) for one in medians], padding=8)
    axis.invert_yaxis()
    axis.margins(x=0.22)
    axis.grid(visible=False, axis="y")


def whiskers(values: Iterable[Summary]) -> list[list[float]]:
    """Return the distances of the least and the most from the medians, for Matplotlib's error bars."""
    ends = [(one["median"] - one["low"], one["high"] - one["median"]) for one in values]
    return [list(side) for side in zip(*ends, strict=True)]


def plain(axis: Any) -> None:
    """Write an axis' ticks as plain numbers, not as powers of ten."""
    if axis.get_scale() == "log":
        axis.set_major_locator(LogLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


# What draws each file, and its width and height in inches.
PICTURES: dict[str, tuple[Callable[[Figure, dict[str, Any]], None], float, float]] = {
    "stages": (stages, 11, 3.6),
    "limits": (limits, 8, 4.8),
    "training": (training, 8, 3.5),
    "inference": (inference, 11, 3.6),
    "scale": (scale, 10, 5),
}
