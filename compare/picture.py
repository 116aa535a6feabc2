"""The comparison in pictures: models on the SMS Spam Collection, the default on every corpus, and learning curves."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.corpora import CORPORA
from compare.protocols import CURVE
from textrnn.report.charts import BLUE, ORANGE, STYLE, save

PANELS = {"duplicates": "Exact duplicates dropped", "templates": "Near-duplicates on one side of each split"}
LABELS = {  # of the models, by kind: for readers who know none of their names
    "Baselines": {
        "majority": "always answers “ham”",
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
        "default": "networks and a linear model",
    },
}
CURVES_BESIDE = 4  # panels in a row
CURVE_OF = {"default": "the default", "baseline": "the best baseline at that number of rows"}
LOWEST = 0.88  # the left end of the axis: the score of a model below it is written


def protocols(path: Path, found: dict[str, Any]) -> None:
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


def starred(corpus: str) -> str:
    """Return the name of a corpus, with a star if the default was tuned on it."""
    return f"{corpus}{' *' if CORPORA[corpus].tuned else ''}"


def differences(path: Path, found: dict[str, Any]) -> None:
    """Write a PNG of how far the default is from the best baseline on each corpus."""
    mpl.rcdefaults()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 4.4), dpi=120, layout="constrained")
        axis = figure.subplots()
        axis.axvline(0, color="0.4", linestyle="--", linewidth=1, zorder=0)
        corpora = [corpus for corpus in CORPORA if "default" in found.get(corpus, {})]
        for place, corpus in enumerate(corpora):
            mcc = found[corpus]["default"]["mcc"]
            reach = [[mcc["difference"] - mcc["low"]], [mcc["high"] - mcc["difference"]]]
            colour = BLUE if CORPORA[corpus].tuned else ORANGE
            axis.errorbar(mcc["difference"], place, xerr=reach, fmt="o", color=colour, capsize=3)
        axis.set_yticks(range(len(corpora)), [starred(corpus) for corpus in corpora])
        axis.set(ylim=(max(1, len(corpora)) - 0.5, -0.5))
        axis.tick_params(axis="y", length=0)
        axis.grid(visible=False, axis="y")
        figure.supxlabel(
            "Matthews correlation of the default minus that of the best baseline, five splits,\n"
            "and the 95 % interval. * and blue: the default was tuned on this corpus.",
            fontsize="medium",
        )
        save(path, figure)


def curves(path: Path, found: dict[str, Any]) -> None:
    """Write a PNG with a panel for each corpus: the default and the best baseline by training rows."""
    mpl.rcdefaults()
    with mpl.rc_context(STYLE):
        rows = -(-len(found) // CURVES_BESIDE)
        figure = Figure(figsize=(11, 2.4 * rows + 0.6), dpi=120, layout="constrained")
        axes = figure.subplots(rows, CURVES_BESIDE, squeeze=False).ravel().tolist()
        corpora = [corpus for corpus in CORPORA if corpus in found]
        for axis, corpus in zip(axes, corpora, strict=False):
            for model, colour, style in (("default", ORANGE, "o-"), ("baseline", BLUE, "s--")):
                points = found[corpus]["curves"][model]
                mcc = [point["mcc"] for point in points]
                axis.plot([point["training_rows"] for point in points], mcc, style, color=colour, label=CURVE_OF[model])
            axis.set(title=starred(corpus), xscale="log", xlim=(40, 6_500))
            axis.set_xticks(CURVE, [f"{size:,}" for size in CURVE])
            axis.minorticks_off()
        for axis in axes[len(found) :]:
            axis.set_visible(False)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(CURVE_OF))
        figure.supxlabel("training rows (* the default was tuned on this corpus)", fontsize="medium")
        figure.supylabel("Matthews correlation", fontsize="medium")
        save(path, figure)
