"""Rows of unequal length without padding: one flat array of tokens, and where each row begins."""

from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.core.files import read_array, replacing, write_array, write_header

N = TypeVar("N", bound=np.generic)

FEW = 50_000  # rows whose tokens are in memory at a time


class Rows(NamedTuple):
    """Labelled messages as integers. Row i is `tokens[offsets[i]:offsets[i + 1]]`."""

    tokens: NDArray[np.int32]  # flat, ids of the corpus
    offsets: NDArray[np.int64]  # one more than there are rows
    labels: NDArray[np.int16]
    rows: NDArray[np.int64]  # zero-based line in data/clean/messages.tsv


def save_chosen(directory: Path, source: Path, chosen: NDArray[np.int64]) -> None:
    """Write the `chosen` rows of `source`, in rising order, with the tokens of only FEW rows in memory."""
    rows = load(source)
    offsets = offsets_of(rows.offsets[chosen + 1] - rows.offsets[chosen])
    with replacing(directory / "tokens.npy") as file:
        write_header(file, np.int32, int(offsets[-1]))
        for start in range(0, len(chosen), FEW):
            tokens = load(source).tokens  # mapped anew, so that the pages read so far are freed
            file.write(gathered(tokens, rows.offsets, chosen[start : start + FEW])[0].tobytes())
    write_array(directory / "offsets.npy", offsets)
    write_array(directory / "labels.npy", rows.labels[chosen])
    write_array(directory / "rows.npy", rows.rows[chosen])


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


def joined(one: Rows, other: Rows) -> Rows:
    """Return the rows of both, those of `one` first."""
    other = other._replace(offsets=one.offsets[-1] + other.offsets[1:])
    return Rows(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in Rows._fields))


def cut(order: NDArray[N], size: int) -> list[NDArray[N]]:
    """Return `order` in pieces of `size`, the last one perhaps shorter."""
    return [order[start : start + size] for start in range(0, len(order), size)]
