"""The report's charts: what each shows, in which words, and what is read out at each point."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.report.formatting import percent, threshold
from textrnn.report.svg import Axis, Chart, bars, curves, ticks
from textrnn.report.thresholds import Outcome

BARS = 24  # of a histogram, at most, beside that of the longest messages

Points = list[dict[str, float]]


def epochs(history: dict[str, NDArray[np.float64]]) -> list[Chart]:
    """Return loss and accuracy by epoch, in training and held out."""
    numbers = history["epoch"].tolist()
    first, last = (1, numbers[-1]) if len(numbers) > 1 else (0.5, 1.5)
    x = Axis("epoch", first, last, [tick for tick in ticks(1, max(2, last)) if tick == int(tick) and tick <= last])
    made = []
    for what in ("loss", "accuracy"):
        train, held_out = (history[f"{part}_{what}"].tolist() for part in ("train", "held_out"))
        texts = [
            f"epoch {number:g}: training {word(one, what)}, held out {word(other, what)}"
            for number, one, other in zip(numbers, train, held_out, strict=True)
        ]
        y = losses(train + held_out) if what == "loss" else accuracies(train + held_out)
        label = f"{what.capitalize()} by epoch, at last {texts[-1]}"
        lines = {("training", "one"): train, ("held out", "two"): held_out}
        made.append(curves(what, f"{what.capitalize()} by epoch", label, x, y, numbers, lines, texts))
    return made


def losses(values: list[float]) -> Axis:
    """Return an axis from 0 to a round number which no value exceeds."""
    marks = ticks(0, max(*values, 1e-6))
    high = marks[-1] if marks[-1] >= max(values) else marks[-1] + marks[1]
    return Axis("cross entropy (nats)", 0, high, ticks(0, high))


def accuracies(values: list[float]) -> Axis:
    """Return an axis from a round number which no value is below to 1."""
    marks = ticks(min(*values, 0.999), 1)
    step = marks[1] - marks[0] if len(marks) > 1 else 1 - min(values)
    low = max(0.0, round(1 - step * np.ceil((1 - min(*values, 0.999)) / step - 1e-9), 10))
    digits = percent_digits(step)
    return Axis("accuracy", low, 1, ticks(low, 1), lambda share: percent(share, digits))


def percent_digits(step: float) -> int:
    """Return how many digits after the point ticks in percent need, which are a step apart."""
    return 0 if step >= 0.01 else 1 if step >= 0.001 else 2


def word(value: float, what: str) -> str:
    """Return a loss or an accuracy as it is read out."""
    return percent(value) if what == "accuracy" else f"{value:.4f}"


def unit_squares(found: dict[str, Points], positive: str, others: str) -> list[Chart]:
    """Return ROC, precision-recall and calibration of the test rows, from the points that `dvc plots` draws."""
    names: dict[str, tuple[str, tuple[str, str], tuple[str, str]]] = {
        "roc": ("ROC", ("fpr", f"{others} blocked"), ("tpr", f"{positive} caught")),
        "pr": (
            "Precision and recall",
            ("recall", f"{positive} caught"),
            ("precision", f"{positive} of those flagged"),
        ),
        "calibration": ("Calibration", ("predicted", "predicted probability"), ("observed", "observed share")),
    }
    made = []
    for name, (title, (x, x_words), (y, y_words)) in names.items():
        points = found[name][::-1] if name == "pr" else found[name]
        places, heights = [point[x] for point in points], [point[y] for point in points]
        texts = [
            f"{x_words} {percent(place)}: {y_words} {percent(height)}"
            for place, height in zip(places, heights, strict=True)
        ]
        across, up = (Axis(words, 0, 1, ticks(0, 1), lambda share: percent(share, 0)) for words in (x_words, y_words))
        label = f"{title} on the test rows: {y_words} against {x_words}"
        lines = {(title, "one"): heights}
        made.append(curves(name, title, label, across, up, places, lines, texts, name != "pr"))
    return made


def thresholds(outcomes: list[Outcome], positive: str, others: str) -> Chart:
    """Return what each threshold at which the slider stops leads to. The x-axis has a step a stop."""
    numbers = [float(number) for number in range(len(outcomes))]
    stops = [outcome.threshold for outcome in outcomes]
    marked = [float(stops.index(value)) for value in (0.001, 0.1, 0.5, 0.9, 0.999)]
    x = Axis("threshold", 0, numbers[-1], marked, lambda number: threshold(stops[int(number)]))
    lowest = min(0.0, *(outcome.mcc for outcome in outcomes))
    y = Axis("", float(np.floor(lowest * 5)) / 5, 1, ticks(float(np.floor(lowest * 5)) / 5, 1))
    lines = {
        (f"{positive} caught", "one"): [outcome.recall for outcome in outcomes],
        (f"{others} blocked", "two"): [outcome.fallout for outcome in outcomes],
        ("precision", "three"): [1.0 if outcome.precision is None else outcome.precision for outcome in outcomes],
        ("Matthews correlation", "four"): [outcome.mcc for outcome in outcomes],
    }
    label = f"{positive} caught, {others} blocked, precision and Matthews correlation by threshold"
    return curves("thresholds", "What each threshold does", label, x, y, numbers, lines, [""] * len(numbers))


def lengths(found: NDArray[np.int64], positive: NDArray[np.bool_], name: str, others: str) -> Chart:
    """Return how long the messages are, those of the positive label apart. The last bar has all longer ones."""
    usual = max(1, int(np.percentile(found, 99)))
    width = next(step * 10**power for power in range(8) for step in (1, 2, 5) if usual / (step * 10**power) <= BARS)
    count = usual // width + 1
    bins = np.minimum(found // width, count)
    parts: dict[tuple[str, str], Any] = {
        (others, "one"): np.bincount(bins[~positive], minlength=count + 1).tolist(),
        (name, "two"): np.bincount(bins[positive], minlength=count + 1).tolist(),
    }
    stacked = list(zip(*parts.values(), strict=True))
    texts = [
        f"{bounds(number, width, last=number == count)}: {other:,} {others}, {own:,} {name}"
        for number, (other, own) in enumerate(stacked)
    ]
    highest = float(max(map(sum, stacked)))
    edges = [float(number * width) for number in range(count + 2)]
    x = Axis("tokens in a message", 0, edges[-1], ticks(0, edges[-2]))
    y = Axis("messages", 0, highest, ticks(0, highest), "{:,g}".format)
    label = f"Lengths of {len(found):,} messages: half have at most {int(np.median(found))} tokens"
    return bars("lengths", "Lengths of the messages", label, x, y, edges, parts, texts)


def bounds(number: int, width: int, last: bool) -> str:
    """Return which lengths the bar of this number has."""
    first = number * width
    if last:
        return f"{first} tokens or more"
    return f"{first} tokens" if width == 1 else f"{first} to {first + width - 1} tokens"
