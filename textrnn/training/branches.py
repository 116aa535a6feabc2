"""The branches beside the networks: sources of the blend, each with its decisions on every row without its fold.

These decisions also choose the settings of the linear branch's machines.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight

from textrnn.core import process_pool
from textrnn.core.files import DIGITS
from textrnn.model import encoded, linear, stacking
from textrnn.model.config import ClassWeight
from textrnn.model.encoded import Encoded
from textrnn.model.linear import Linear
from textrnn.model.stacking import Floats
from textrnn.text.encoders import Vectors
from textrnn.text.ngrams import Bags, bags_of_many, split, take
from textrnn.training.batches import out_of_fold

PENALTIES = (0.1, 1.0, 10.0)  # LinearSVC's C
FIRST = 1.0  # of the penalties, by which we decide whether to count
LONG = 300  # characters of a text, on average: shorter ones repeat little, and counting their n-grams never paid
WORK = 20_000_000  # n-grams times decisions that a machine is fitted to in about a second: from there processes pay


class Task(NamedTuple):
    """What a machine is fitted to."""

    bags: Bags
    labels: NDArray[np.int16]
    fold: NDArray[np.int64]
    class_weight: ClassWeight


class Setting(NamedTuple):
    """How a machine is fitted."""

    penalty: float
    counted: bool


# Returns what `fitted` does with each number, that of a fold or None.
Fit = Callable[[Setting, Iterable[int | None]], list[Any]]


class Source(NamedTuple):
    """A machine fitted to all rows, and for each row the decisions (rows, decisions) of one fitted without its fold."""

    machine: Linear
    decisions: Floats


def linear_branch(
    texts: list[str], labels: NDArray[np.int16], fold: NDArray[np.int64], class_weight: ClassWeight = None
) -> dict[str, Source]:
    """Return the machine on characters and the machine on words, by the names of their sources."""
    characters, words = split(bags_of_many(texts))
    long = sum(map(len, texts)) > LONG * len(texts)
    given = {"characters": characters, "words": words}
    return {name: source(Task(some, labels, fold, class_weight), long) for name, some in given.items()}


def source(task: Task, long: bool) -> Source:
    """Return the machine whose decisions have the least log loss, out of fold and calibrated."""
    rows = compute_sample_weight(task.class_weight, task.labels)
    with fitting(task) as fit:

        @cache
        def decisions(setting: Setting) -> Floats:
            return out_of_fold(fit(setting, range(int(task.fold.max()) + 1)), task.fold)

        def loss(setting: Setting) -> float:
            sources = [decisions(setting)]
            blend = stacking.fit(sources, task.labels, task.class_weight)
            return round(float((rows * stacking.losses(stacking.apply(blend, sources), task.labels)).mean()), DIGITS)

        counted = long and loss(Setting(FIRST, True)) < loss(Setting(FIRST, False))
        chosen = min((Setting(penalty, counted) for penalty in PENALTIES), key=loss)
        (machine,) = fit(chosen, [None])
        return Source(machine, decisions(chosen))


def fitted(task: Task, setting: Setting, number: int | None) -> Any:
    """Return the machine fitted to all rows, or the decisions on the rows of a fold by one fitted to the others."""
    if number is None:
        return linear.fit(task.bags, task.labels, *setting, task.class_weight)
    others, left_out = task.fold != number, task.fold == number
    machine = linear.fit(take(task.bags, others), task.labels[others], *setting, task.class_weight)
    return linear.decisions(machine, take(task.bags, left_out), int(left_out.sum()))


@contextmanager
def fitting(task: Task) -> Iterator[Fit]:
    """Give a function that returns what `fitted` does for each number, from a process for each processor if it pays."""
    decisions = len(np.unique(task.labels))
    if len(task.bags.grams) * decisions < WORK:
        yield lambda setting, numbers: [fitted(task, setting, number) for number in numbers]
        return
    count = min(process_pool.processors(), int(task.fold.max()) + 1)
    with process_pool.started(count, process_pool.start_method(), partial(_keep, task)) as submit:

        def fit(setting: Setting, numbers: Iterable[int | None]) -> list[Any]:
            futures = [submit(_fitted, setting, number) for number in numbers]
            return [future.result() for future in futures]

        yield fit


def encoder_branch(
    vectors: Vectors, labels: NDArray[np.int16], fold: NDArray[np.int64], class_weight: ClassWeight = None
) -> tuple[Encoded, Floats]:
    """Return the branch fitted to the vectors of all rows, and the decisions on each row without its fold."""
    parts = []
    for number in range(int(fold.max()) + 1):
        others, left_out = fold != number, fold == number
        parts.append(encoded.decisions(encoded.fit(vectors[others], labels[others], class_weight), vectors[left_out]))
    return encoded.fit(vectors, labels, class_weight), out_of_fold(parts, fold)


_given: list[Task] = []  # in a worker process alone


def _keep(task: Task) -> None:
    _given[:] = [task]


def _fitted(setting: Setting, number: int | None) -> Any:
    return fitted(_given[0], setting, number)
