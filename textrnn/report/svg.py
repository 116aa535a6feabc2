"""The charts of the report: plain numbers, from which textrnn/report/page.html draws SVG."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

LEFT, RIGHT, TOP, BOTTOM = 44, 308, 10, 210  # the ends of the axes, in a drawing of 320 by 250 units
MOST = 400  # points of a line: more cannot be told apart


class Axis(NamedTuple):
    """An axis: what it measures, its ends and its ticks, and how a tick is written."""

    title: str
    low: float
    high: float
    ticks: Sequence[float]
    shown: Callable[[float], str] = "{:g}".format

    def at(self, value: float, start: float, end: float) -> float:
        """Return where a value lies on an axis drawn from `start` to `end`."""
        return round(start + (value - self.low) / (self.high - self.low) * (end - start), 1)


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

    def across(self, value: float) -> float:
        """Return how far from the left a value lies."""
        return self.x.at(value, LEFT, RIGHT)

    def down(self, value: float) -> float:
        """Return how far from the top a value lies."""
        return self.y.at(value, BOTTOM, TOP)

    def chosen(self) -> list[int]:
        """Return at most MOST of the points, evenly, the first and the last among them."""
        count = len(self.places)
        return [round(point) for point in np.linspace(0, count - 1, min(count, MOST)).tolist()]

    def lines(self) -> Iterator[tuple[str, list[tuple[float, float]]]]:
        """Yield the style of each line and where its points lie."""
        for (_, style), values in self.series.items():
            yield style, [(self.across(self.places[point]), self.down(values[point])) for point in self.chosen()]

    def stops(self) -> list[tuple[float, list[float], str]]:
        """Return where a reader stops along the x-axis: the place, the height of each line, and what is read out."""
        stops = []
        for point in self.chosen():
            heights = [self.down(values[point]) for values in self.series.values()]
            stops.append((self.across(self.places[point]), heights, self.texts[point]))
        return stops


def round_numbers(low: float, high: float) -> list[float]:
    """Return about five evenly spaced round numbers, the first at most `low` and the last at least `high`."""
    return [round(number, 10) for number in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)]
