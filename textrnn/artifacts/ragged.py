"""Rows of unequal length without padding: one flat array of tokens, and where each row begins."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.core.files import array_file, fill, read_array

N = TypeVar("N", bound=np.generic)

FEW = 50_000  # rows whose tokens are in memory at a time

KINDS: dict[str, type[np.generic]] = {"tokens": np.int32, "offsets": np.int64, "labels": np.int16, "rows": np.int64}


class Rows(NamedTuple):
    """Labelled messages as integers. Row i is `tokens[offsets[i]:offsets[i + 1]]`."""

    tokens: NDArray[np.int32]  # flat, ids of the corpus
    offsets: NDArray[np.int64]  # one more than there are rows
    labels: NDArray[np.int16]
    rows: NDArray[np.int64]  # zero-based line in data/clean/messages.tsv


@contextmanager
def writing(directory: Path, rows: int, tokens: int) -> Iterator[list[str]]:
    """Make the files of so many rows, for `write` to fill."""
    counts = {"tokens": tokens, "offsets": rows + 1, "labels": rows, "rows": rows}
    with ExitStack() as stack:
        yield [
            stack.enter_context(array_file(directory / f"{name}.npy", KINDS[name], count))
            for name, count in counts.items()
        ]


def write(files: list[str], row: int, token: int, rows: Rows) -> None:
    """Fill in some rows. `row` and `token` are how many there are before them; their own offsets begin at 0."""
    starts = token, row + 1, row, row
    for file, name, start, array in zip(
        files, KINDS, starts, rows._replace(offsets=token + rows.offsets[1:]), strict=True
    ):
        fill(file, start, np.asarray(array, KINDS[name]))


def load(directory: Path) -> Rows:
    """Return the rows in `directory`, mapped from the files: a page is read when it is used."""
    return Rows(*(read_array(directory / f"{name}.npy") for name in Rows._fields))


def take(rows: Rows, chosen: NDArray[np.int64]) -> Rows:
    """Return the chosen rows, in the order given."""
    tokens, offsets = gathered(rows.tokens, rows.offsets, chosen)
    return Rows(tokens, offsets, rows.labels[chosen], rows.rows[chosen])


def gathered(
    flat: NDArray[N], offsets: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[N], NDArray[np.int64]]:
    """Return the chosen rows of those in `flat`, one after another, and where each begins."""
    lengths = offsets[chosen + 1] - offsets[chosen]
    starts = offsets_of(lengths)
    return flat[np.repeat(offsets[chosen] - starts[:-1], lengths) + np.arange(starts[-1])], starts


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each row begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def runs(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each run of equal values begins, and how long it is."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])[: len(values)])
    return starts, np.diff(starts, append=len(values))


def unique(values: NDArray[N]) -> NDArray[N]:
    """Return the distinct values in order. np.unique, as of NumPy 2.3, is several times as slow, and slow to load."""
    values = np.sort(values)
    return values[runs(values)[0]]


def joined(one: Rows, other: Rows) -> Rows:
    """Return the rows of both, those of `one` first."""
    other = other._replace(offsets=one.offsets[-1] + other.offsets[1:])
    return Rows(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in Rows._fields))


def cut(order: NDArray[N], size: int) -> list[NDArray[N]]:
    """Return `order` in pieces of `size`, the last one perhaps shorter."""
    return [order[start : start + size] for start in range(0, len(order), size)]
