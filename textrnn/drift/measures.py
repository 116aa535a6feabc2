"""Whether messages are like the test rows of a model: their words, lengths and answers, and how sure the model is.

A measure is an alarm only if its difference is neither chance nor small.

Chance: if the messages and the test rows came from one source, it would not matter which of them are called which. So
the statistic is computed again for DRAWS random divisions of all rows, and p is the share of divisions, with the one
found, where it is at least as large. Holm's correction keeps the chance of any false alarm below LEVEL, however many
measures there are. It holds for distinct messages that do not depend on each other.

Small: a share that should be low (unknown tokens, expected errors) is an alarm from GROWTH times that of the test rows;
two distributions (lengths, answers) are if they are DISTANCE apart.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.inference.reference import Rows
from textrnn.metrics.wilson import Z, wilson

LEVEL = 0.05
DRAWS, AT_ONCE, SEED = 999, 50, 0
GROWTH, DISTANCE = 1.5, 0.1

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Statistic = Callable[[Bools], Floats]  # of (draws, rows), whether a row counts as one of the messages; larger is worse


class Measure(NamedTuple):
    """A measure of messages and of test rows, and what to think of it."""

    name: str
    here: str
    there: str
    verdict: str
    alarm: bool
    p: float  # corrected


def measures(here: Rows, there: Rows, labels: list[str], knows_tokens: bool = True) -> list[Measure]:
    """Return the four measures of messages and of the test rows, of a model that knows no tokens the last three."""
    some = slice(not knows_tokens, None)
    both = Rows._make(map(np.concatenate, zip(here, there, strict=True)))
    own = np.arange(len(both.tokens)) < len(here.tokens)
    statistics = [
        ratio(both.unknown, both.tokens),
        furthest(both.tokens),
        apart(both.answers, len(labels)),
        ratio(1 - both.confidence, np.ones(len(own))),
    ]
    found = [float(statistic(own[None])[0]) for statistic in statistics]
    chances = [1.0] * (not knows_tokens) + holm(chance(statistics[some], found[some], own))
    share = [(part.unknown.sum() / max(1, part.tokens.sum()), 1 - part.confidence.mean()) for part in (here, there)]
    large = [
        share[0][0] >= GROWTH * share[1][0], found[1] >= DISTANCE, found[2] >= DISTANCE,
        share[0][1] >= GROWTH * share[1][1],
    ]  # fmt: skip
    words = ("the vocabulary has moved", "the lengths have moved", "the answers have moved", "the model is less sure")
    names = ("unknown tokens", "length", "answers", "confidence")
    shown = zip(written(here, there, labels), written(there, here, labels), strict=True)
    lines = zip(names, shown, words, large, chances, strict=True)
    return [
        Measure(name, one, other, verdict(word, is_large, p), is_large and p < LEVEL, p)
        for name, (one, other), word, is_large, p in list(lines)[some]
    ]


def verdict(moved: str, is_large: bool, p: float) -> str:
    """Return what a measure says."""
    if p >= LEVEL:
        return "as in the test rows"
    return moved if is_large else "a little different from the test rows"


def written(one: Rows, other: Rows, labels: list[str]) -> Iterator[str]:
    """Yield each measure of some rows with its 95 % interval, of the answers that label whose share differs most."""
    count, total = len(one.tokens), max(1, one.tokens.sum())
    share = one.unknown.sum() / total
    yield with_error(
        share, np.sqrt(((one.unknown - share * one.tokens) ** 2).sum()) / total if count > 1 else np.inf, 100, " %"
    )
    yield with_error(one.tokens.mean(), deviation(one.tokens) / np.sqrt(count), 1, " tokens")
    shares = [np.bincount(part.answers, minlength=len(labels)) / len(part.answers) for part in (one, other)]
    furthest = np.abs(shares[0] - shares[1]).round(9)
    label = min(range(len(labels)), key=lambda label: (-furthest[label], shares[0][label] + shares[1][label]))
    low, high = wilson(float(shares[0][label]), count)
    yield f"{labels[label]} {shares[0][label]:.1%} ({low:.1%} … {high:.1%})".replace("%", " %")
    yield with_error(one.confidence.mean(), deviation(one.confidence) / np.sqrt(count), 100, " %")


def with_error(value: float, error: float, times: int, unit: str) -> str:
    """Return a value with half its 95 % interval, which one message does not have."""
    return f"{value * times:.1f}" + (f" ± {Z * error * times:.1f}" if np.isfinite(error) else "") + unit


def deviation(values: NDArray[np.generic]) -> float:
    """Return the standard deviation of what a sample is drawn from; infinite if it has one value."""
    return float(values.std(ddof=1)) if len(values) > 1 else np.inf


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Statistic:
    """Return how much larger sum(part) / sum(whole) is in the messages."""

    def of(own: Bools) -> Floats:
        sums = [(chosen @ part.astype(float), chosen @ whole.astype(float)) for chosen in (own, ~own)]
        one, other = (above / np.maximum(below, 1) for above, below in sums)
        return np.asarray(one - other, np.float64)

    return of


def furthest(values: NDArray[np.int64]) -> Statistic:
    """Return Kolmogorov's and Smirnov's distance: the largest difference of two shares of values up to a limit."""
    order = np.argsort(values, kind="stable")
    last = np.flatnonzero(np.append(np.diff(values[order]) > 0, True))

    def of(own: Bools) -> Floats:
        counts = np.cumsum(own[:, order], axis=1)[:, last]
        ones = own.sum(axis=1, keepdims=True)
        shares = counts / ones - (last + 1 - counts) / (len(values) - ones)
        return np.asarray(np.abs(shares).max(axis=1), np.float64)

    return of


def apart(answers: NDArray[np.int64], labels: int) -> Statistic:
    """Return the share of messages that another label would have to be given to, for the shares to be equal."""
    table = np.eye(labels)[answers]

    def of(own: Bools) -> Floats:
        shares = [chosen @ table / chosen.sum(axis=1, keepdims=True) for chosen in (own, ~own)]
        return np.asarray(np.abs(shares[0] - shares[1]).sum(axis=1) / 2, np.float64)

    return of


def chance(statistics: list[Statistic], found: list[float], own: Bools) -> list[float]:
    """Return for each statistic the share of random divisions of the rows in which it is as large as found."""
    random, larger = np.random.default_rng(SEED), np.ones(len(found))
    for start in range(0, DRAWS, AT_ONCE):
        drawn = random.permuted(np.tile(own, (min(AT_ONCE, DRAWS - start), 1)), axis=1)
        for place, statistic in enumerate(statistics):
            larger[place] += np.count_nonzero(statistic(drawn) >= found[place] - 1e-12)
    return [float(one) for one in larger / (DRAWS + 1)]


def holm(chances: list[float]) -> list[float]:
    """Return each p-value such that all below a level are below it together (Holm 1979)."""
    order, found, least = np.argsort(chances), [0.0] * len(chances), 0.0
    for rank, place in enumerate(order.tolist()):
        least = max(least, min(1.0, chances[place] * (len(chances) - rank)))
        found[place] = least
    return found
