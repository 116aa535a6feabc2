"""The alphabetical order of all templates, found by workers: each has the templates of a range of the alphabet."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from itertools import chain, count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of
from textrnn.partitions.exchange import Left, Slice, leave, read, slices_of
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Digests, seeded


def bounds(names: Sequence[str], ranges: int) -> list[bytes]:
    """Return the names, from a sample in alphabetical order, with which so many ranges but the first begin."""
    return [names[len(names) * number // ranges].encode("utf-8") for number in range(1, ranges)]


def by_range(encoded: list[bytes], begins: list[bytes]) -> list[NDArray[Any]]:
    """Return the slice of each range. The names are in alphabetical order, which is also that of their bytes."""
    ends = [0, *(bisect_left(encoded, begin) for begin in begins), len(encoded)]
    lines = [name + b"\n" for name in encoded]  # no message holds a line end
    return [np.frombuffer(b"".join(lines[start:end]), np.uint8) for start, end in pairwise(ends)]


def numbered(of_parts: list[Slice], seed: int, folder: Path) -> Left:
    """Leave the numbers of each part's names in a range, and at last the seeded digest of each number."""
    parts = [read(one, np.uint8).tobytes().split(b"\n")[:-1] for one in of_parts]
    names = sorted(set(chain.from_iterable(parts)))
    numbers = dict(zip(names, count()))
    of_names = (np.fromiter(map(numbers.__getitem__, part), np.int32, len(part)) for part in parts)
    return leave(folder, chain(of_names, [seeded(names, seed)]))


def alphabetical(files: Sequence[Left], first: int, seed: int, folder: Path) -> tuple[NDArray[np.int32], Digests]:
    """Return the number of each name in alphabetical order, and the seeded digest of each number.

    Equal names have one number. The ranges' slices in the files begin at `first`.
    """
    ranges = len(files[0].ends) - 1 - first if files else 0
    items = (slices_of(files, first + number) for number in range(ranges))
    found = list(map_ordered(partial(numbered, seed=seed, folder=folder), items))
    order = [read(one, np.uint64).reshape(-1, 2) for one in slices_of(found, len(files))]
    starts = offsets_of(np.array([len(some) for some in order], np.int64)).astype(np.int32)
    of_parts = (zip(slices_of(found, index), starts, strict=False) for index in range(len(files)))
    numbers = [start + read(one, np.int32) for one, start in chain.from_iterable(of_parts)]
    return np.concatenate([np.zeros(0, np.int32), *numbers]), np.concatenate([np.zeros((0, 2), np.uint64), *order])
