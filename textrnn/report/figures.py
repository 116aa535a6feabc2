"""The charts of the report and its slider: plain numbers, from which textrnn/report/page.html draws SVG."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from textrnn.metrics.scores import matthews
from textrnn.report.formatting import SHOWN, percent

LEFT, RIGHT, TOP, BOTTOM = 44, 308, 10, 210  # the ends of the axes, in a drawing of 320 by 250 units
MOST = 400  # points of a line: more cannot be told apart
IN_TABLE = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)  # thresholds of a table
STYLES = ("one", "two", "three", "four")  # of lines, in page.css
BINS = 24  # of lengths, at most, besides the bin of the longest messages

Arrays = dict[str, NDArray[Any]]  # columns by name


class Axis(NamedTuple):
    """An axis: what it measures, its ticks, how a tick is written, and its ends if they are not the outer ticks."""

    title: str
    ticks: Sequence[float]
    shown: Callable[[float], str] = "{:g}".format
    ends: tuple[float, float] | None = None

    def at(self, value: float, start: float, end: float) -> float:
        """Return where a value lies on an axis drawn from `start` to `end`."""
        low, high = self.ends or (self.ticks[0], self.ticks[-1])
        return round(start + (value - low) / (high - low) * (end - start), 1)


class Chart(NamedTuple):
    """Lines over `places` on the x-axis. `label` describes them to readers who do not see the drawing.

    `series` has the values of each line by its name and its style, a class of page.css; `texts` are read out, one for
    each place.
    """

    name: str
    title: str
    label: str
    x: Axis
    y: Axis
    places: Sequence[float]
    series: Mapping[tuple[str, str], Sequence[float]]
    texts: Sequence[str]
    diagonal: bool = False

    def stops(self) -> list[tuple[float, list[float], str]]:
        """Return the points of the lines, at most MOST of them: the place, each line's height, and what is read out."""
        count = len(self.places)
        points = np.linspace(0, count - 1, min(count, MOST)).round().astype(int).tolist()
        heights = ([self.y.at(values[point], BOTTOM, TOP) for values in self.series.values()] for point in points)
        places = (self.x.at(self.places[point], LEFT, RIGHT) for point in points)
        return list(zip(places, heights, (self.texts[point] for point in points), strict=True))


def round_numbers(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` evenly spaced round numbers, the first at most `low` and the last at least `high`."""
    return [round(number, 10) for number in MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(low, high)]


def epochs(history: Arrays) -> list[Chart]:
    """Return loss and accuracy by epoch, in training and held out: losses from 0, accuracies up to 1."""
    numbers = history["epoch"].tolist()
    ends = (1, numbers[-1]) if len(numbers) > 1 else (0.5, 1.5)
    x = Axis("epoch", [tick for tick in round_numbers(1, max(2, numbers[-1])) if tick in numbers], ends=ends)
    made = []
    for what, word in (("loss", "{:.4f}".format), ("accuracy", percent)):
        train, held_out = (history[f"{part}_{what}"].tolist() for part in ("train", "held_out"))
        if what == "loss":
            y = Axis("cross entropy (nats)", round_numbers(0, max(*train, *held_out, 1e-6)))
        else:
            ticks = round_numbers(min(*train, *held_out, 0.999), 1)
            y = Axis(what, ticks, partial(PercentFormatter(1).format_pct, display_range=1 - ticks[0]))
        texts = [
            f"epoch {number:g}: training {word(one)}, held out {word(other)}"
            for number, one, other in zip(numbers, train, held_out, strict=True)
        ]
        title = f"{what.capitalize()} by epoch"
        series = {("training", "one"): train, ("held out", "two"): held_out}
        made.append(Chart(what, title, f"{title}, at last {texts[-1]}", x, y, numbers, series, texts))
    return made


def unit_squares(found: dict[str, list[dict[str, float]]], names: Mapping[str, str]) -> list[Chart]:
    """Return ROC, precision-recall and calibration of the test rows, from the points that `dvc plots` draws."""
    recall, alarms = names["recall"], names["false_positive_rate"]
    made = []
    for name, title, x, x_words, y, y_words in (
        ("roc", "ROC", "fpr", alarms, "tpr", recall),
        ("pr", "Precision and recall", "recall", recall, "precision", names["among"]),
        ("calibration", "Calibration", "predicted", "predicted probability", "observed", "observed share"),
    ):
        points = found[name][::-1] if name == "pr" else found[name]  # from left to right
        places, heights = [point[x] for point in points], [point[y] for point in points]
        texts = [f"{x_words} {percent(point[x])}: {y_words} {percent(point[y])}" for point in points]
        across, up = (Axis(words, round_numbers(0, 1), "{:.0%}".format) for words in (x_words, y_words))
        label, lines = f"{title} on the test rows: {y_words} against {x_words}", {(title, "one"): heights}
        made.append(Chart(name, title, label, across, up, places, lines, texts, diagonal=name != "pr"))
    return made


def thresholds(model: float) -> list[float]:
    """Return the thresholds at which the slider stops: nine a power of ten near 0 and near 1, and every hundredth.

    Most probabilities lie near 0 or 1; between two stops in the middle there is seldom a message.
    """
    near = {round(digit * 10.0**-power, 6) for power in (2, 3, 4) for digit in range(1, 10)}
    middle = {round(step / 100, 2) for step in range(10, 91)}
    return sorted({0.0, 1.0, model, *near, *middle, *(round(1 - value, 6) for value in near)})


def outcomes(truth: NDArray[np.bool_], probability: NDArray[np.float64], thresholds: list[float]) -> Arrays:
    """Return the scores of the positive kind at each threshold, by the names in SHOWN.

    Precision is NaN where nothing is flagged. The share of a kind without rows is 0.
    """
    positive, other = (np.sort(probability[kind]) for kind in (truth, ~truth))
    found, false = (len(rows) - np.searchsorted(rows, thresholds) for rows in (positive, other))
    missed, passed = len(positive) - found, len(other) - false
    flagged = found + false
    return {
        "value": np.array(thresholds),
        "recall": found / max(1, len(positive)),
        "missed": missed,
        "false_positive_rate": false / max(1, len(other)),
        "false_positives": false,
        "precision": np.divide(found, flagged, out=np.full(len(flagged), np.nan), where=flagged > 0),
        "mcc": matthews(np.array([[passed, false], [missed, found]]).transpose(2, 0, 1)),
        "flagged": flagged,
    }


def by_threshold(found: Arrays, names: Mapping[str, str]) -> Chart:
    """Return the scores at each threshold where the slider stops. All stops are equally far apart."""
    values = found["value"].tolist()
    marked = [float(values.index(value)) for value in (0.001, 0.1, 0.5, 0.9, 0.999)]
    x = Axis("threshold", marked, lambda place: SHOWN["value"](values[int(place)]), (0, len(values) - 1))
    y = Axis("", round_numbers(min(0.0, found["mcc"].min()) if "mcc" in names else 0.0, 1))
    series = {
        (names[name], style): np.nan_to_num(found[name], nan=1.0).tolist()
        for name, style in zip(("recall", "false_positive_rate", "precision", "mcc"), STYLES, strict=True)
        if name in names
    }
    label = ", ".join(name for name, _ in series) + " by threshold"
    return Chart("thresholds", "What each threshold does", label, x, y, range(len(values)), series, [""] * len(values))


def lengths(found: NDArray[np.int64], kinds: Mapping[str, NDArray[np.bool_]]) -> Chart:
    """Return how many messages of each kind have which length, in bins of one width; the last holds all longer ones."""
    usual = max(1, int(np.percentile(found, 99)))
    width = max(1, int(round_numbers(0, usual, BINS)[1]))
    last = usual // width + 1
    bins = np.minimum(found // width, last)
    counts = {name: np.bincount(bins[kind], minlength=last + 1).tolist() for name, kind in kinds.items()}
    starts = range(0, (last + 1) * width, width)
    spans = [f"{start} tokens" if width == 1 else f"{start} to {start + width - 1} tokens" for start in starts]
    spans[-1] = f"{starts[-1]} tokens or more"
    texts = [
        f"{span}: " + ", ".join(f"{values[place]:,} {name}" for name, values in counts.items())
        for place, span in enumerate(spans)
    ]
    x = Axis("tokens in a message", round_numbers(0, starts[-1]))
    y = Axis("messages", round_numbers(0, max(map(max, counts.values()))), "{:,g}".format)
    label = f"Lengths of {len(found):,} messages: half have at most {int(np.median(found))} tokens"
    series = {(name, style): values for (name, values), style in zip(counts.items(), STYLES, strict=False)}
    return Chart("lengths", "Lengths of the messages", label, x, y, starts, series, texts)
