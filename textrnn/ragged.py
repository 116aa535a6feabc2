"""Rows of unequal length without padding: one flat array of tokens, and where each row begins."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.files import read_array, write_array


class Rows(NamedTuple):
    """Labelled messages as integers. Row i is `tokens[offsets[i]:offsets[i + 1]]`."""

    tokens: NDArray[np.int32]  # flat, ids of the corpus
    offsets: NDArray[np.int64]  # one more than there are rows
    labels: NDArray[np.int8]
    rows: NDArray[np.int64]  # zero-based line in data/clean/messages.tsv


def save(directory: Path, rows: Rows) -> None:
    """Write each array to a file of its name."""
    for name, array in rows._asdict().items():
        write_array(directory / f"{name}.npy", array)


def load(directory: Path) -> Rows:
    """Return the rows in `directory`, mapped from the files: a page is read when it is used."""
    return Rows(*(read_array(directory / f"{name}.npy") for name in Rows._fields))


def take(rows: Rows, chosen: NDArray[np.int64]) -> Rows:
    """Return the chosen rows, in the order given."""
    lengths = np.diff(rows.offsets)[chosen]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    tokens = rows.tokens[np.repeat(rows.offsets[chosen], lengths) + within]
    return Rows(tokens, offsets, rows.labels[chosen], rows.rows[chosen])


def joined(one: Rows, other: Rows) -> Rows:
    """Return the rows of both, those of `one` first."""
    offsets = np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]])
    tokens, labels, rows = (
        np.concatenate([getattr(one, name), getattr(other, name)]) for name in ("tokens", "labels", "rows")
    )
    return Rows(tokens, offsets, labels, rows)
