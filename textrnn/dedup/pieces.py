"""Sets of words dealt by workers to pieces, each of which another worker searches for near-duplicates.

A piece holds whole buckets by one shared word. So two near-duplicates are in one piece, and the connections of all
pieces together are the same however the buckets are dealt.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import gathered, offsets_of
from textrnn.dedup.near_duplicates import first_entries, taken, united
from textrnn.dedup.word_sets import NEAR, NEAR_UNSPACED, SHORT, Ints, Sets, roots, runs, unite
from textrnn.partitions.exchange import Left, Slice, leave, read, slices_of
from textrnn.partitions.execute import map_ordered

T = TypeVar("T")

NEARS = (NEAR, NEAR_UNSPACED)  # the least similarity in the pieces of all sets, and in those of short unspaced sets

# Sets that a worker reads: their words, the number of the first, and whether most words of each are of scripts without
# blanks.
Numbered = tuple[Sets, int, NDArray[np.bool_]]


def near_duplicates(parts: Iterable[T], load: Callable[[T], Numbered], count: int, pieces: int, folder: str) -> Ints:
    """Return a number for each of `count` sets: the lowest of all sets that it is connected to by near-duplicates.

    Two sets are near-duplicates when their Jaccard similarity is at least NEAR per cent, or NEAR_UNSPACED per cent if
    both are short and of scripts without blanks. An empty set has none. Workers load the sets a part at a time, and
    deal them through `folder` to about so many pieces, each of which has whole buckets.
    """
    parents = np.arange(count)
    files = list(map_ordered(partial(dealt, load=load, pieces=pieces, folder=folder), parts))
    held = np.sum([np.diff(file.ends) for file in files], axis=0) if files else np.zeros(0)
    items = ((piece, slices_of(files, piece)) for piece in np.flatnonzero(held).tolist())
    for one, other in map_ordered(partial(connections, pieces=pieces), items):
        unite(parents, one, other)
    return roots(parents, np.arange(count))


def dealt(part: T, load: Callable[[T], Numbered], pieces: int, folder: str) -> Left:
    """Leave the sets of a part for the pieces that hold their buckets by one shared word."""
    sets, first, unspaced = load(part)
    short = np.flatnonzero(unspaced & (np.diff(sets.offsets) <= SHORT))
    chosen = np.arange(len(unspaced)), short
    return leave(folder, chain.from_iterable(map(partial(slices, sets, first, pieces), chosen, NEARS)))


def slices(sets: Sets, first: int, pieces: int, chosen: Ints, near: int) -> Iterator[NDArray[np.int32]]:
    """Yield the chosen sets of each piece: how many there are, their numbers, their sizes and their words."""
    entries = first_entries(sets._replace(near=near), chosen)
    keys = np.sort(entries.buckets % pieces << 32 | entries.sets)
    keys = keys[runs(keys)[0]]
    rows = keys & 0xFFFFFFFF
    words, offsets = gathered(sets.words, sets.offsets, rows)
    for start, end in pairwise(np.searchsorted(keys >> 32, np.arange(pieces + 1)).tolist()):
        sizes, some = np.diff(offsets[start : end + 1]), words[offsets[start] : offsets[end]]
        yield np.concatenate([[end - start] * (end > start), first + rows[start:end], sizes, some]).astype(np.int32)


def loaded(of_piece: list[Slice], near: int) -> tuple[Ints, Sets]:
    """Return the numbers of the sets of a piece, in rising order, and the sets."""
    numbers, sizes, words = ([np.zeros(0, np.int32)] for _ in range(3))
    for array in (read(one, np.int32) for one in of_piece if one[1] < one[2]):
        count = array[0]
        for found, some in zip((numbers, sizes, words), np.split(array[1:], [count, 2 * count]), strict=True):
            found.append(some)
    offsets = offsets_of(np.concatenate(sizes))
    return np.concatenate(numbers).astype(np.int64), Sets(np.concatenate(words), offsets, near)


def connections(item: tuple[int, list[Slice]], pieces: int) -> tuple[Ints, Ints]:
    """Return pairs of sets that connect the near-duplicates of a piece."""
    piece, of_piece = item
    numbers, sets = loaded(of_piece, NEARS[piece // pieces])
    entries = first_entries(sets, np.arange(len(numbers)))
    found = united(sets, taken(entries, entries.buckets % pieces == piece % pieces))
    nodes = np.flatnonzero(found != np.arange(len(found)))
    return numbers[nodes], numbers[found[nodes]]
