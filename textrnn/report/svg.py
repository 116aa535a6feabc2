"""Where the marks of the report's charts lie: plain numbers, of which textrnn/report/page.html makes SVG."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 320, 250  # of a drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 40  # what axes and their names take of it
MOST = 400  # points of a line: more cannot be told apart
FEW = 30  # points that are marked one by one

Place = tuple[float, float]


class Axis(NamedTuple):
    """An axis: what it measures, from where to where, and its ticks."""

    title: str
    low: float
    high: float
    ticks: Sequence[float]
    shown: Callable[[float], str] = "{:g}".format


class Line(NamedTuple):
    """A line: its name, its style (a class of textrnn/report/page.css), and where its points lie."""

    name: str
    style: str
    places: list[Place]
    marked: bool


class Bar(NamedTuple):
    """A part of a bar: its style, its left upper corner, and its size."""

    style: str
    x: float
    y: float
    width: float
    height: float


class Stop(NamedTuple):
    """Where a reader may stop on the way along the x-axis: the place, the heights there, and what is read out."""

    x: float
    heights: list[float]
    text: str


class Chart(NamedTuple):
    """A chart, ready to be drawn. `label` says to those who do not see it what it shows."""

    name: str
    title: str
    label: str
    x_title: str
    y_title: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    stops: list[Stop]
    lines: list[Line]
    bars: list[Bar]
    legend: list[tuple[str, str]]  # names and styles, where there are several
    diagonal: bool = False


def across(axis: Axis, value: float) -> float:
    """Return how far from the left a value lies."""
    return round(LEFT + (value - axis.low) / (axis.high - axis.low) * (WIDTH - LEFT - RIGHT), 1)


def down(axis: Axis, value: float) -> float:
    """Return how far from the top a value lies."""
    return round(HEIGHT - BOTTOM - (value - axis.low) / (axis.high - axis.low) * (HEIGHT - TOP - BOTTOM), 1)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most `most` + 1 round numbers from `low` to `high`: multiples of 1, 2 or 5 and a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if (high - low) / (power * factor) <= most + 1e-9)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def axes(x: Axis, y: Axis) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
    """Return where the ticks of both axes lie, and what they say."""
    return (
        [(across(x, tick), x.shown(tick)) for tick in x.ticks],
        [(down(y, tick), y.shown(tick)) for tick in y.ticks],
    )


def thinned(count: int, most: int = MOST) -> list[int]:
    """Return the numbers of at most `most` of `count` points, evenly, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(number * (count - 1) / (most - 1)) for number in range(most)]


def several(named: Mapping[tuple[str, str], Sequence[float]]) -> list[tuple[str, str]]:
    """Return the names and styles for a legend, which one alone needs not."""
    return list(named) if len(named) > 1 else []


def curves(
    name: str,
    title: str,
    label: str,
    x: Axis,
    y: Axis,
    places: Sequence[float],
    lines: Mapping[tuple[str, str], Sequence[float]],
    texts: Sequence[str],
    diagonal: bool = False,
) -> Chart:
    """Return a chart of lines over the same `places`, by their names and styles; `texts` are read out, one a place."""
    chosen = thinned(len(places))
    xs = [across(x, places[point]) for point in chosen]
    heights = [[down(y, values[point]) for point in chosen] for values in lines.values()]
    drawn = [
        Line(*named, list(zip(xs, ys, strict=True)), len(chosen) <= FEW)
        for named, ys in zip(lines, heights, strict=True)
    ]
    stops = [
        Stop(place, [ys[number] for ys in heights], texts[point])
        for number, (place, point) in enumerate(zip(xs, chosen, strict=True))
    ]
    return Chart(name, title, label, x.title, y.title, *axes(x, y), stops, drawn, [], several(lines), diagonal)


def bars(
    name: str,
    title: str,
    label: str,
    x: Axis,
    y: Axis,
    edges: Sequence[float],
    parts: Mapping[tuple[str, str], Sequence[float]],
    texts: Sequence[str],
) -> Chart:
    """Return a chart of bars between the edges, their named and styled parts stacked; `texts` are read out."""
    drawn, stops = [], []
    for number, text in enumerate(texts):
        left, right = across(x, edges[number]), across(x, edges[number + 1])
        height = 0.0
        for (_, style), values in parts.items():
            top, foot = down(y, height + values[number]), down(y, height)
            drawn.append(Bar(style, left, top, round(right - left - 1, 1), round(foot - top, 1)))
            height += values[number]
        stops.append(Stop(round((left + right - 1) / 2, 1), [down(y, height)], text))
    return Chart(name, title, label, x.title, y.title, *axes(x, y), stops, [], drawn, several(parts))
