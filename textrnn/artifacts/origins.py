"""data/clean/origins: the file and the line that each message came from, as its user finds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.core.files import read_array, read_table

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


def write_files(file: IO[bytes], sizes: Mapping[str, int]) -> None:
    """Write how many messages each file has. Their lines are in another file, LINES."""
    file.write("".join(f"{name}\t{size}\n" for name, size in [("file", "messages"), *sizes.items()]).encode("utf-8"))


def read(folder: Path) -> Origins:
    """Return what `write` has written. Raises UserError when it is missing."""
    table = read_table(folder / FILES)[1:]
    return Origins([name for name, _ in table], np.array([int(size) for _, size in table]), read_array(folder / LINES))
