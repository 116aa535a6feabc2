"""Rows of unequal length without padding: one flat array of tokens, and where each row begins."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.files import replacing


class Rows(NamedTuple):
    """Labelled messages as integers. Row i is `tokens[offsets[i]:offsets[i + 1]]`."""

    tokens: NDArray[np.int32]  # flat, ids of the corpus
    offsets: NDArray[np.int64]  # one more than there are rows
    labels: NDArray[np.int8]
    rows: NDArray[np.int64]  # zero-based line in data/clean/messages.tsv


def save(directory: Path, rows: Rows) -> None:
    """Write each array to a file of its name."""
    for name, array in rows._asdict().items():
        save_array(directory / f"{name}.npy", array)


def save_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write one array, whole or not at all."""
    with replacing(path) as file:
        np.save(file, array, allow_pickle=False)


def load(directory: Path) -> Rows:
    """Return the rows in `directory`, mapped from the files: a page is read when it is used."""
    return Rows(*(load_array(directory / f"{name}.npy") for name in Rows._fields))


def load_array(path: Path) -> Any:
    """Return the array in a file, mapped: it cannot be written to."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:  # an empty array cannot be mapped
        return np.load(path, allow_pickle=False)


def take(rows: Rows, chosen: NDArray[np.int64]) -> Rows:
    """Return the chosen rows, in the order given."""
    lengths = np.diff(rows.offsets)[chosen]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    tokens = rows.tokens[np.repeat(rows.offsets[chosen], lengths) + within]
    return Rows(tokens, offsets, rows.labels[chosen], rows.rows[chosen])
