"""Find all near-duplicates among millions of sets of words, exactly, without comparing every pair.

The prefix filter (Chaudhuri, Ganti and Kaushik 2006): list the words of two near-duplicates from the rarest on. Before
the l-th word that they share, each has at most l - 1 shared words, and others that make up a fifth of its size if
near-duplicates share four words in five. So sets are put into a bucket for each word that can be the first shared one,
and only sets in one bucket are compared. A bucket of too many sets to compare every pair is divided into buckets by two
shared words, then by three and so on (an adaptive prefix: Wang, Li and Feng 2012), since sets may share a common word
and little else.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import gathered, offsets_of
from textrnn.dedup.word_sets import (
    NEAR,
    NEAR_UNSPACED,
    SHORT,
    Ints,
    Sets,
    Sketches,
    roots,
    runs,
    sketches,
    unite,
    unite_near,
)
from textrnn.partitions.exchange import Left, Slice, leave, read, slices_of
from textrnn.partitions.execute import map_ordered

T = TypeVar("T")

PAIRS = 8  # are compared in the time that an entry takes
NEARS = (NEAR, NEAR_UNSPACED)  # the least similarity in the pieces of all sets, and in those of short unspaced sets


class Entries(NamedTuple):
    """Sets in buckets, a bucket for each combination of shared words. Four arrays of one length."""

    buckets: Ints
    sets: Ints
    places: Ints  # the index, within the set, of the last shared word; -1 before the first
    firsts: Ints  # the number of the bucket by one shared word that the bucket was divided from


# Sets that a worker reads: their words, the number of the first, and whether most words of each are of scripts without
# blanks.
Numbered = tuple[Sets, int, NDArray[np.bool_]]


def near_duplicates(parts: Iterable[T], load: Callable[[T], Numbered], count: int, pieces: int, folder: Path) -> Ints:
    """Return a number for each of `count` sets: the lowest of all sets that it is connected to by near-duplicates.

    Two sets are near-duplicates when their Jaccard similarity is at least NEAR per cent, or NEAR_UNSPACED per cent if
    both are short and of scripts without blanks. An empty set has none. Workers load the sets a part at a time, and
    deal them through `folder` to about so many pieces, each of which has whole buckets.
    """
    parents = np.arange(count)
    files = list(map_ordered(partial(dealt, load=load, pieces=pieces, folder=folder), parts))
    held = np.sum([np.diff(file.ends) for file in files], axis=0) if files else np.zeros(0)
    items = ((piece, slices_of(files, piece)) for piece in np.flatnonzero(held).tolist())
    for one, other in map_ordered(partial(united, pieces=pieces), items):
        unite(parents, one, other)
    return roots(parents, np.arange(count))


def dealt(part: T, load: Callable[[T], Numbered], pieces: int, folder: Path) -> Left:
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
    return np.concatenate(numbers).astype(np.int64), Sets(
        np.concatenate(words), offsets_of(np.concatenate(sizes)), near
    )


def united(item: tuple[int, list[Slice]], pieces: int) -> tuple[Ints, Ints]:
    """Return pairs of sets that connect all near-duplicates which share one of the buckets of a piece.

    The pairs of all pieces together connect the same sets however the buckets were dealt out, since two near-duplicates
    share a bucket, and a bucket lies in one piece.
    """
    piece, of_piece = item
    numbers, sets = loaded(of_piece, NEARS[piece // pieces])
    entries = first_entries(sets, np.arange(len(numbers)))
    entries = taken(entries, entries.buckets % pieces == piece % pieces)
    order = np.argsort(entries.buckets, kind="stable")
    starts, lengths = runs(entries.buckets[order])
    entries = taken(entries, order[np.repeat(lengths > 1, lengths)])
    starts, lengths = runs(entries.buckets)
    entries = entries._replace(firsts=np.repeat(np.arange(len(starts)), lengths))
    parents = np.arange(len(numbers))
    marks, shared, first, lengths = sketches(sets), 1, entries, np.bincount(entries.firsts)
    work = np.zeros(len(lengths))
    while len(entries.sets):
        entries = unresolved(sets, marks, entries, shared, parents)
        # Dividing on and on does not part sets that share many rare words, such as a footer: there are ever more
        # combinations of these. Where that would take longer than to compare every pair from the start, do the latter.
        more = PAIRS * np.bincount(entries.firsts, extensions(sets, entries, shared), len(lengths))
        work += more
        dear = (more > 0) & (work > lengths * (lengths - 1) // 2)
        whole, rest = dear[first.firsts], ~dear[entries.firsts]
        unite_within(sets, marks, first.firsts[whole], first.sets[whole], parents)
        entries = extended(sets, taken(entries, rest), shared)
        shared += 1
    found = roots(parents, np.arange(len(parents)))
    nodes = np.flatnonzero(found != np.arange(len(found)))
    return numbers[nodes], numbers[found[nodes]]


def first_entries(sets: Sets, chosen: Ints) -> Entries:
    """Return the entries of the chosen sets by one shared word: a bucket is the word's code."""
    zeros = np.zeros_like(chosen)
    return extended(sets, Entries(zeros, chosen, zeros - 1, zeros), 0)


def taken(entries: Entries, chosen: NDArray[Any]) -> Entries:
    """Return the chosen entries."""
    return Entries(*(array[chosen] for array in entries))


def extensions(sets: Sets, entries: Entries, shared: int) -> Ints:
    """Return how many words of each entry's set may be the next shared word, after the `shared` words so far."""
    sizes = sets.sizes(entries.sets)
    lacking = sizes * (100 - sets.near) // 100  # how many of its words a set may lack and still be a near-duplicate
    return np.minimum(lacking + shared, sizes - 1) - entries.places


def extended(sets: Sets, entries: Entries, shared: int) -> Entries:
    """Return an entry for each of these words. Its bucket is made of the entry's bucket and the word's code."""
    counts = extensions(sets, entries, shared)
    starts = offsets_of(counts)
    buckets, chosen, after, firsts = (np.repeat(array, counts) for array in entries)
    places = np.arange(starts[-1]) - np.repeat(starts[:-1], counts) + after + 1
    return Entries(buckets << 32 | sets.words[sets.offsets[chosen] + places], chosen, places, firsts)


def unresolved(sets: Sets, marks: Sketches, entries: Entries, shared: int, parents: Ints) -> Entries:
    """Unite near-duplicates, and return the buckets that may hold more of them, numbered anew.

    The smallest set of each bucket is compared with all others in it. That also connects any two sets that have no more
    words in common than the bucket's and are near-duplicates: both are near-duplicates of the smallest. If that has not
    united the whole bucket, every pair is compared, unless dividing the bucket is less work.
    """
    order = np.lexsort((sets.sizes(entries.sets), entries.buckets))
    entries = taken(entries, order)
    starts, lengths = runs(entries.buckets)
    unite_near(sets, marks, np.repeat(entries.sets[starts], lengths), entries.sets, parents)
    found = roots(parents, entries.sets)
    apart = np.add.reduceat(found != np.repeat(found[starts], lengths), starts, dtype=np.int64) > 0
    few = lengths * (lengths - 1) // 2 <= PAIRS * np.add.reduceat(extensions(sets, entries, shared), starts)
    small, large = np.repeat(apart & few, lengths), np.repeat(apart & ~few, lengths)
    unite_within(sets, marks, entries.buckets[small], entries.sets[small], parents)
    numbers = np.repeat(np.arange(len(starts)), lengths)
    return taken(entries._replace(buckets=numbers), large)


def unite_within(sets: Sets, marks: Sketches, buckets: Ints, members: Ints, parents: Ints) -> None:
    """Unite near-duplicates among the members of each bucket, comparing every pair. The buckets are sorted."""
    for gap in range(1, len(members)):
        same = buckets[gap:] == buckets[:-gap]
        if not same.any():
            return
        unite_near(sets, marks, members[:-gap][same], members[gap:][same], parents)
