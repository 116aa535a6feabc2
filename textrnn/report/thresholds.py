"""What each threshold leads to: the stops of the report's slider, their scores as text, and their chart."""

from textrnn.metrics.threshold import Outcome
from textrnn.report.formatting import number, percent, threshold
from textrnn.report.svg import Axis, Chart, round_numbers

IN_TABLE = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)


def stops(model: float) -> list[float]:
    """Return the thresholds at which the slider stops: nine a power of ten near 0 and near 1, and every hundredth.

    Most probabilities lie near 0 or 1; between two stops in the middle there is seldom a message.
    """
    near = {round(digit * 10.0**-power, 6) for power in (2, 3, 4) for digit in range(1, 10)}
    middle = {round(step / 100, 2) for step in range(10, 91)}
    return sorted({0.0, 1.0, model, *near, *middle, *(round(1 - value, 6) for value in near)})


def shown(outcome: Outcome) -> dict[str, str]:
    """Return the text of each cell of the report's threshold tables, by its id in the page."""
    return {
        "value": threshold(outcome.threshold),
        "recall": percent(outcome.recall),
        "missed": f"{outcome.missed:,}",
        "false_positive_rate": percent(outcome.false_positive_rate),
        "false_positives": f"{outcome.false_positives:,}",
        "precision": "–" if outcome.precision is None else percent(outcome.precision),
        "mcc": number(outcome.mcc),
        "flagged": f"{outcome.flagged:,}",
    }


def chart(outcomes: list[Outcome], positive: str, others: str) -> Chart:
    """Return the scores at each threshold where the slider stops. The x-axis has a step a stop."""
    numbers = [float(number) for number in range(len(outcomes))]
    values = [outcome.threshold for outcome in outcomes]
    marked = [float(values.index(value)) for value in (0.001, 0.1, 0.5, 0.9, 0.999)]
    x = Axis("threshold", 0, numbers[-1], marked, lambda number: threshold(values[int(number)]))
    ticks = round_numbers(min(0.0, *(outcome.mcc for outcome in outcomes)), 1)
    series = {
        (f"{positive} found (recall)", "one"): [outcome.recall for outcome in outcomes],
        (f"{others} flagged (false alarms)", "two"): [outcome.false_positive_rate for outcome in outcomes],
        ("precision", "three"): [1.0 if outcome.precision is None else outcome.precision for outcome in outcomes],
        ("Matthews correlation", "four"): [outcome.mcc for outcome in outcomes],
    }
    label = "Recall, false alarms, precision and Matthews correlation by threshold"
    y = Axis("", ticks[0], ticks[-1], ticks)
    return Chart("thresholds", "What each threshold does", label, x, y, numbers, series, [""] * len(numbers))
