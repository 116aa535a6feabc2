"""Sets of words dealt by workers to pieces, each of which another worker searches for near-duplicates.

A piece holds whole buckets by one shared word. So two near-duplicates are in one piece, and the connections of all
pieces together are the same however the buckets are dealt.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import gathered, offsets_of, unique
from textrnn.dedup.near_duplicates import first_entries, taken, united
from textrnn.dedup.word_sets import NEAR, NEAR_UNSPACED, SHORT, Ints, Sets, unite
from textrnn.partitions.exchange import leave, read_all
from textrnn.partitions.execute import map_ordered

NEARS = (NEAR, NEAR_UNSPACED)  # the least similarity in the pieces of all sets, and in those of short unspaced sets

# Sets that a worker reads: their words, the number of the first, and whether most words of each are of scripts without
# blanks.
Numbered = tuple[Sets, int, NDArray[np.bool_]]


def near_duplicates(
    parts: Sequence[int], load: Callable[[int], Numbered], parents: NDArray[Any], pieces: int, name: Path
) -> None:
    """Connect near-duplicates in the trees of `parents`, of all sets: the root is the lowest that is connected.

    Two sets are near-duplicates when their Jaccard similarity is at least NEAR per cent, or NEAR_UNSPACED per cent if
    both are short and of scripts without blanks. An empty set has none. Workers load the sets a part at a time, and
    deal them to about so many pieces, each of which has whole buckets.
    """
    held = sum(map_ordered(partial(dealt, load=load, pieces=pieces, name=name), parts), np.zeros(2 * pieces, np.int64))
    work = partial(connections, parts=len(parts), pieces=pieces, name=name)
    for one, other in map_ordered(work, np.flatnonzero(held).tolist()):
        unite(parents, one, other)


def dealt(part: int, load: Callable[[int], Numbered], pieces: int, name: Path) -> Ints:
    """Leave the sets of a part for the pieces that hold their buckets by one shared word. Returns the pieces' sizes."""
    sets, first, unspaced = load(part)
    short = np.flatnonzero(unspaced & (np.diff(sets.offsets) <= SHORT))
    chosen = np.arange(len(unspaced)), short
    of_pieces = list(chain.from_iterable(map(partial(slices, sets, first, pieces), chosen, NEARS)))
    leave(name, part, of_pieces)
    return np.array(list(map(len, of_pieces)), np.int64)


def slices(sets: Sets, first: int, pieces: int, chosen: Ints, near: int) -> Iterator[NDArray[np.int32]]:
    """Yield the chosen sets of each piece: how many there are, their numbers, their sizes and their words."""
    entries = first_entries(sets._replace(near=near), chosen)
    keys = unique(entries.buckets % pieces << 32 | entries.sets)
    rows = keys & 0xFFFFFFFF
    words, offsets = gathered(sets.words, sets.offsets, rows)
    for start, end in pairwise(np.searchsorted(keys >> 32, np.arange(pieces + 1)).tolist()):
        sizes, some = np.diff(offsets[start : end + 1]), words[offsets[start] : offsets[end]]
        yield np.concatenate([[end - start] * (end > start), first + rows[start:end], sizes, some]).astype(np.int32)


def loaded(of_parts: list[NDArray[np.int32]], near: int) -> tuple[Ints, Sets]:
    """Return the numbers of the sets of a piece, in rising order, and the sets."""
    cut = [np.split(array[1:], [array[0], 2 * array[0]]) for array in of_parts if len(array)]
    numbers, sizes, words = (np.concatenate(column) for column in zip(*cut, strict=True))
    return numbers.astype(np.int64), Sets(words, offsets_of(sizes), near)


def connections(piece: int, parts: int, pieces: int, name: Path) -> tuple[Ints, Ints]:
    """Return pairs of sets that connect the near-duplicates of a piece."""
    numbers, sets = loaded(read_all(name, parts, piece, np.int32), NEARS[piece // pieces])
    entries = first_entries(sets, np.arange(len(numbers)))
    found = united(sets, taken(entries, entries.buckets % pieces == piece % pieces))
    nodes = np.flatnonzero(found != np.arange(len(found)))
    return numbers[nodes], numbers[found[nodes]]
