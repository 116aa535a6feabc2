"""The comparison as a picture: each model's Matthews correlation under both protocols."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textrnn.report.charts import BLUE, ORANGE, STYLE, save

PANELS = {"duplicates": "Exact duplicates dropped", "templates": "Near-duplicates on one side of each split"}
LABELS = {  # of the models, by kind: for readers who know none of their names
    "Baselines": {
        "always_ham": "always answers “ham”",
        "naive_bayes": "naive Bayes, bag of words",
        "fasttext": "fastText",
        "svm_characters": "linear SVM, characters",
        "svm": "linear SVM, characters and words",
        "svm_cut": "… with a tuned threshold",
    },
    "One recurrent network": {
        "tutorial": "the tutorial's RNN",
        "tutorial_masked": "… ignoring the padding",
        "rnn": "simple RNN",
        "lstm": "LSTM",
        "gru": "GRU",
        "bidirectional": "bidirectional GRU",
        "stacked": "two bidirectional GRUs, stacked",
    },
    "This project's default": {
        "linear_branch": "without its networks",
        "default": "five networks and a linear model",
    },
}
LOWEST = 0.88  # the left end of the axis: the score of a model below it is written


def picture(path: Path, found: dict[str, Any]) -> None:
    """Write a PNG with a panel for each protocol, the same bytes on each run."""
    mpl.rcdefaults()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.4, 6), dpi=120, layout="constrained")
        axes = figure.subplots(1, len(PANELS), sharey=True)
        for axis, (protocol, title) in zip(axes, PANELS.items(), strict=True):
            panel(axis, found[protocol], title)
        figure.supxlabel(
            f"Matthews correlation: 1 is perfect, 0 is guessing; the axes begin at {LOWEST}. Mean of ten splits, and\n"
            "one standard deviation to either side. Dashed: the best of the baselines, as a reference.",
            fontsize="medium",
        )
        save(path, figure)


def panel(axis: Axes, found: dict[str, Any], title: str) -> None:
    """Draw a protocol's models, the first one on top."""
    models, linear = found["models"], found["strongest_linear"]
    axis.axvline(models[linear]["mcc"]["mean"], color="0.4", linestyle="--", linewidth=1, zorder=0)
    place, places = 0, {}
    for kind, names in LABELS.items():
        places[place] = kind
        for model, name in names.items():
            place += 1
            places[place] = name
            mark(axis, place, models[model]["mcc"], ORANGE if model == "default" else BLUE)
        place += 1
    axis.set_yticks(list(places), list(places.values()))
    for label in axis.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in LABELS else "normal")
    axis.set(title=title, xlim=(LOWEST, 1.005), ylim=(place - 0.5, -0.5))
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")


def mark(axis: Axes, place: int, mcc: dict[str, float], colour: str) -> None:
    """Draw a model's mean, its deviation and its number, or an arrow if it lies left of the axis."""
    mean, number = mcc["mean"], f"{mcc['mean']:.3f}"
    if mean < LOWEST:
        axis.annotate(f"◂ {number}", (LOWEST, place), (4, 0), textcoords="offset points", va="center")
        return
    axis.errorbar(mean, place, xerr=mcc["sd"], fmt="o", color=colour, capsize=3)
    axis.annotate(number, (1.005, place), (0, 0), textcoords="offset points", va="center", ha="right")
