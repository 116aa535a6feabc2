"""The lines of a large file, of which some are dropped."""

from typing import IO

import numpy as np
from numpy.typing import NDArray


def drop(file: IO[bytes], lengths: list[NDArray[np.int64]], kept: NDArray[np.bool_]) -> None:
    """Delete the lines that are not kept. `lengths` are those of all lines, in bytes; one part is read at a time."""
    row = start = end = 0
    for part in lengths:
        file.seek(start)
        content = np.frombuffer(file.read(int(part.sum())), np.uint8)
        start += len(content)
        file.seek(end)
        end += file.write(content[np.repeat(kept[row : row + len(part)], part)].tobytes())
        row += len(part)
    file.truncate(end)
