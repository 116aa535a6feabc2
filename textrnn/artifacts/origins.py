"""data/clean/origins: the file and the line that each message came from, as its user finds it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.core.files import read_array, read_table, write_array, write_text

FILES, LINES = "files.tsv", "line.npy"


class Origins(NamedTuple):
    """Where messages came from. Those of one file stand one after the other."""

    files: list[str]
    sizes: NDArray[np.int64]  # messages from each file
    lines: NDArray[np.int32]  # of each message, from 1; the row in a table, the place in a list of JSON

    def of(self, rows: NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Return the file and the line of some messages."""
        places = np.searchsorted(np.cumsum(self.sizes), rows, side="right")
        return [self.files[place] for place in places], self.lines[rows].tolist()

    def kept(self, chosen: NDArray[np.bool_]) -> "Origins":
        """Return the origins of the messages that are `chosen`."""
        before = np.concatenate([[0], np.cumsum(chosen)])
        ends = np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.int64)
        return Origins(self.files, np.diff(before[ends]), self.lines[chosen])


def write(folder: Path, origins: Origins) -> None:
    """Write the origins of all messages."""
    table = [("file", "messages"), *zip(origins.files, origins.sizes.tolist(), strict=True)]
    write_text(folder / FILES, "".join(f"{name}\t{size}\n" for name, size in table))
    write_array(folder / LINES, origins.lines)


def read(folder: Path) -> Origins:
    """Return what `write` has written. Raises UserError when it is missing."""
    table = read_table(folder / FILES)[1:]
    return Origins([name for name, _ in table], np.array([int(size) for _, size in table]), read_array(folder / LINES))
