"""What each chart of the report shows, in which words, and what is read out at each point."""

import math

import numpy as np
from numpy.typing import NDArray

from textrnn.report.formatting import percent
from textrnn.report.svg import Axis, Chart, round_numbers

BINS = 24  # of lengths, at most, besides the bin of the longest messages

Points = list[dict[str, float]]


def epochs(history: dict[str, NDArray[np.float64]]) -> list[Chart]:
    """Return loss and accuracy by epoch, in training and held out."""
    numbers = history["epoch"].tolist()
    first, last = (1, numbers[-1]) if len(numbers) > 1 else (0.5, 1.5)
    x = Axis("epoch", first, last, [tick for tick in round_numbers(1, max(2, numbers[-1])) if tick in numbers])
    made = []
    for what in ("loss", "accuracy"):
        train, held_out = (history[f"{part}_{what}"].tolist() for part in ("train", "held_out"))
        y = epoch_axis(what, train + held_out)
        word = "{:.4f}".format if what == "loss" else percent
        texts = [
            f"epoch {number:g}: training {word(one)}, held out {word(other)}"
            for number, one, other in zip(numbers, train, held_out, strict=True)
        ]
        title = f"{what.capitalize()} by epoch"
        series = {("training", "one"): train, ("held out", "two"): held_out}
        made.append(Chart(what, title, f"{title}, at last {texts[-1]}", x, y, numbers, series, texts))
    return made


def epoch_axis(what: str, values: list[float]) -> Axis:
    """Return an axis of round numbers that holds the values: losses from 0, accuracies up to 1."""
    if what == "loss":
        ticks = round_numbers(0, max(*values, 1e-6))
        return Axis("cross entropy (nats)", ticks[0], ticks[-1], ticks)
    ticks = round_numbers(min(*values, 0.999), 1)
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9) - 2)  # that tell one tick from the next
    return Axis("accuracy", ticks[0], ticks[-1], ticks, lambda share: percent(share, digits))


def unit_squares(found: dict[str, Points], positive: str, others: str) -> list[Chart]:
    """Return ROC, precision-recall and calibration of the test rows, from the points that `dvc plots` draws."""
    recall, alarms = f"{positive} found (recall)", f"{others} flagged (false alarms)"
    made = []
    for name, title, x, x_words, y, y_words in (
        ("roc", "ROC", "fpr", alarms, "tpr", recall),
        ("pr", "Precision and recall", "recall", recall, "precision", f"{positive} among the flagged (precision)"),
        ("calibration", "Calibration", "predicted", "predicted probability", "observed", "observed share"),
    ):
        points = found[name][::-1] if name == "pr" else found[name]  # from left to right
        places, heights = [point[x] for point in points], [point[y] for point in points]
        texts = [
            f"{x_words} {percent(place)}: {y_words} {percent(height)}"
            for place, height in zip(places, heights, strict=True)
        ]
        across, up = (Axis(words, 0, 1, round_numbers(0, 1), "{:.0%}".format) for words in (x_words, y_words))
        label, lines = f"{title} on the test rows: {y_words} against {x_words}", {(title, "one"): heights}
        made.append(Chart(name, title, label, across, up, places, lines, texts, diagonal=name != "pr"))
    return made


def lengths(found: NDArray[np.int64], positive: NDArray[np.bool_], name: str, others: str) -> Chart:
    """Return how many messages have which length, in bins of one width; the last bin holds all longer messages."""
    usual = max(1, int(np.percentile(found, 99)))
    width = next(step * 10**power for power in range(8) for step in (1, 2, 5) if usual / (step * 10**power) <= BINS)
    last = usual // width + 1
    bins = np.minimum(found // width, last)
    own, rest = (np.bincount(bins[kind], minlength=last + 1).tolist() for kind in (positive, ~positive))
    starts = [float(number * width) for number in range(last + 1)]
    spans = [f"{start:g} tokens" if width == 1 else f"{start:g} to {start + width - 1:g} tokens" for start in starts]
    spans[-1] = f"{starts[-1]:g} tokens or more"
    texts = [f"{span}: {two:,} {others}, {one:,} {name}" for span, one, two in zip(spans, own, rest, strict=True)]
    x_ticks, y_ticks = round_numbers(0, starts[-1]), round_numbers(0, max(own + rest))
    x = Axis("tokens in a message", 0, x_ticks[-1], x_ticks)
    y = Axis("messages", 0, y_ticks[-1], y_ticks, "{:,g}".format)
    label = f"Lengths of {len(found):,} messages: half have at most {int(np.median(found))} tokens"
    return Chart("lengths", "Lengths of the messages", label, x, y, starts,
                 {(others, "one"): rest, (name, "two"): own}, texts)  # fmt: skip
