"""What the benchmarks of speed tell and draw."""

from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from textrnn.charts import BLUE, ORANGE
from textrnn.files import replacing


def spread(runs: list[float]) -> str:
    """Return the least and the most of some figures."""
    return f"{min(runs):,.3g} … {max(runs):,.3g}" if max(runs) < 100 else f"{min(runs):,.0f} … {max(runs):,.0f}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows])


def bars(path: Path, title: str, what: str, figures: dict[str, list[float]]) -> None:
    """Draw a bar for each contender, its median in figures, and a line from the least to the most of its runs."""
    figure = Figure(figsize=(7, 0.6 * len(figures) + 1.2), layout="constrained")
    axes = figure.subplots()
    names = list(figures)[::-1]
    for place, name in enumerate(names):
        runs = figures[name]
        axes.barh(place, median(runs), color=BLUE if "textrnn" in name else ORANGE, height=0.6)
        axes.plot([min(runs), max(runs)], [place, place], color="black", linewidth=1)
        axes.text(max(runs), place, f" {median(runs):,.0f}", va="center")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel(what)
    axes.set_title(title, loc="left")
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
