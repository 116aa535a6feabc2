"""Where the marks of the report's charts lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.report import figures
from textrnn.report.svg import BOTTOM, HEIGHT, LEFT, MOST, RIGHT, TOP, WIDTH, Axis, across, curves, down, thinned, ticks

UNIT = Axis("share", 0, 1, ticks(0, 1))


def test_ticks_are_round_numbers() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(1, 5) == [1, 2, 3, 4, 5]
    assert ticks(0.86, 1) == [0.9, 0.95, 1]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_there_are_few_ticks_and_all_within_the_axis(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 1 <= len(found) <= 6
    assert found == sorted(set(found))
    assert low - 1e-6 * width - 1e-9 <= found[0]
    assert found[-1] <= low + width + 1e-6 * width + 1e-9


def test_the_ends_of_an_axis_are_the_edges_of_the_drawing() -> None:
    assert (across(UNIT, 0), across(UNIT, 1)) == (LEFT, WIDTH - RIGHT)
    assert (down(UNIT, 0), down(UNIT, 1)) == (HEIGHT - BOTTOM, TOP)


@given(st.integers(1, 5000))
def test_of_many_points_few_are_drawn_the_first_and_the_last_among_them(count: int) -> None:
    found = thinned(count)
    assert len(found) == min(count, MOST)
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (0, count - 1)


def test_a_curve_has_a_stop_for_each_point_with_the_height_of_each_line() -> None:
    lines = {("one", "one"): [0.0, 1.0], ("other", "two"): [1.0, 0.5]}
    chart = curves("name", "title", "label", UNIT, UNIT, [0.0, 0.5], lines, ["first", "last"])
    assert [stop.text for stop in chart.stops] == ["first", "last"]
    assert [stop.x for stop in chart.stops] == [LEFT, (LEFT + WIDTH - RIGHT) / 2]
    assert chart.stops[0].heights == [HEIGHT - BOTTOM, TOP]
    assert [line.places for line in chart.lines] == [
        [(stop.x, stop.heights[number]) for stop in chart.stops] for number in (0, 1)
    ]


HISTORY = st.lists(st.tuples(*[st.floats(0, 9), st.floats(0, 1)] * 2), min_size=1, max_size=60)


@given(HISTORY)
def test_whatever_was_learnt_lies_within_the_charts_of_the_epochs(rows: list[tuple[float, ...]]) -> None:
    columns = ("train_loss", "train_accuracy", "held_out_loss", "held_out_accuracy")
    history = dict(zip(columns, np.array(rows).T, strict=True)) | {"epoch": np.arange(1.0, len(rows) + 1)}
    for chart in figures.epochs(history):
        assert len(chart.stops) == len(rows)
        for line in chart.lines:
            for x, y in line.places:
                assert LEFT <= x <= WIDTH - RIGHT
                assert TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1
        assert 1 <= len(chart.y_ticks) <= 7


@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), min_size=1, max_size=60))
def test_every_message_is_in_one_bar_of_the_lengths(rows: list[tuple[int, bool]]) -> None:
    found, positive = np.array([length for length, _ in rows]), np.array([kind for _, kind in rows])
    chart = figures.lengths(found, positive, "spam", "ham")
    counts = [stop.text.split(": ")[1].split(", ") for stop in chart.stops]
    assert sum(int(other.split()[0].replace(",", "")) for other, _ in counts) == int((~positive).sum())
    assert sum(int(own.split()[0].replace(",", "")) for _, own in counts) == int(positive.sum())
    assert len(chart.stops) <= figures.BARS + 2


@pytest.mark.parametrize(
    ("bar", "words"),
    [((0, 5, False), "0 to 4 tokens"), ((3, 1, False), "3 tokens"), ((9, 5, True), "45 tokens or more")],
)
def test_a_bar_says_which_lengths_it_has(bar: tuple[int, int, bool], words: str) -> None:
    assert figures.bounds(*bar) == words
