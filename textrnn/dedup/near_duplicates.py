"""Find all near-duplicates among millions of sets of words, exactly, without comparing every pair.

The prefix filter (Chaudhuri, Ganti and Kaushik 2006): list the words of two near-duplicates from the rarest on. Before
the l-th word that they share, each has at most l - 1 shared words, and others that make up a fifth of its size if
near-duplicates share four words in five. So sets are put into a bucket for each word that can be the first shared one,
and only sets in one bucket are compared. A bucket of too many sets to compare every pair is divided into buckets by two
shared words, then by three and so on (an adaptive prefix: Wang, Li and Feng 2012), since sets may share a common word
and little else.
"""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from textrnn.artifacts.ragged import gathered, offsets_of
from textrnn.dedup.word_sets import Ints, Sets, Sketches, roots, runs, sketches, unite, unite_near
from textrnn.partitions.execute import map_ordered

ENTRIES = 50_000  # in memory at a time, about
PAIRS = 8  # are compared in the time that an entry takes
ROW = 12  # bytes of an entry in the temporary file: three numbers of 32 bits


class Entries(NamedTuple):
    """Sets in buckets, a bucket for each combination of shared words. Four arrays of one length."""

    buckets: Ints
    sets: Ints
    places: Ints  # the index, within the set, of the last shared word; -1 before the first
    firsts: Ints  # the number of the bucket by one shared word that the bucket was divided from


# Some whole buckets with their sets: the numbers of the sets, in rising order; the sets; and entries whose `sets` are
# indices into the numbers.
Piece = tuple[Ints, Sets, Entries]


def near_duplicates(sets: Sets, folder: Path) -> Ints:
    """Return a number for each set: the lowest of all sets that it is connected to by near-duplicates.

    Two sets are near-duplicates when their Jaccard similarity is at least `sets.near` per cent. An empty set has none.
    An unnamed temporary file in `folder` holds the buckets.
    """
    parents = np.arange(len(sets.offsets) - 1)
    for one, other in map_ordered(united, pieces(sets, folder)):
        unite(parents, one, other)
    return roots(parents, np.arange(len(parents)))


def united(piece: Piece) -> tuple[Ints, Ints]:
    """Return pairs of sets that connect all near-duplicates which share one of the buckets.

    The pairs of all pieces together connect the same sets however the buckets were dealt out, since two near-duplicates
    share a bucket, and a bucket lies in one piece.
    """
    numbers, sets, entries = piece
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
        entries = extended(sets, Entries(*(array[rest] for array in entries)), shared)
        shared += 1
    found = roots(parents, np.arange(len(parents)))
    nodes = np.flatnonzero(found != np.arange(len(found)))
    return numbers[nodes], numbers[found[nodes]]


def pieces(sets: Sets, folder: Path) -> Iterator[Piece]:
    """Yield all buckets of one shared word that hold two sets or more, about ENTRIES entries at a time."""
    vocabulary = int(sets.words.max(initial=-1)) + 1
    counts = np.zeros(vocabulary, np.int64)
    for some in first_entries(sets):
        counts += np.bincount(some.buckets, minlength=vocabulary)
    counts[counts == 1] = 0
    piece_of = np.cumsum(counts) // ENTRIES  # the piece of each word's bucket
    offsets = offsets_of(np.bincount(piece_of, counts).astype(np.int64))
    ends = offsets[:-1].copy()  # of what has been written of each piece
    with tempfile.TemporaryFile(dir=folder) as file:
        for some in first_entries(sets):
            rows = np.column_stack(some[:3])[counts[some.buckets] > 0].astype(np.int32)
            rows = rows[np.argsort(piece_of[rows[:, 0]], kind="stable")]
            for start, length in zip(*runs(piece_of[rows[:, 0]]), strict=True):
                piece = piece_of[rows[start, 0]]
                file.seek(int(ends[piece]) * ROW)
                file.write(rows[start : start + length].tobytes())
                ends[piece] += length
        for start, end in pairwise(offsets.tolist()):
            file.seek(start * ROW)
            rows = np.frombuffer(file.read((end - start) * ROW), np.int32).astype(np.int64)
            rows = rows.reshape(-1, 3)[np.argsort(rows[::3], kind="stable")]
            buckets, chosen, places = rows.T
            numbers, own = np.unique(chosen, return_inverse=True)
            entries = Entries(buckets, own, places, np.unique(buckets, return_inverse=True)[1])
            yield numbers, Sets(*gathered(sets.words, sets.offsets, numbers), sets.near), entries


def first_entries(sets: Sets) -> Iterator[Entries]:
    """Yield the entries of all sets by one shared word, ENTRIES sets at a time."""
    for start in range(0, len(sets.offsets) - 1, ENTRIES):
        some = np.arange(start, min(start + ENTRIES, len(sets.offsets) - 1))
        yield extended(sets, Entries(np.zeros_like(some), some, np.full_like(some, -1), np.zeros_like(some)), 0)


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
    entries = Entries(*(array[order] for array in entries))
    starts, lengths = runs(entries.buckets)
    unite_near(sets, marks, np.repeat(entries.sets[starts], lengths), entries.sets, parents)
    found = roots(parents, entries.sets)
    apart = np.add.reduceat(found != np.repeat(found[starts], lengths), starts, dtype=np.int64) > 0
    few = lengths * (lengths - 1) // 2 <= PAIRS * np.add.reduceat(extensions(sets, entries, shared), starts)
    small, large = np.repeat(apart & few, lengths), np.repeat(apart & ~few, lengths)
    unite_within(sets, marks, entries.buckets[small], entries.sets[small], parents)
    numbers = np.repeat(np.arange(len(starts)), lengths)
    return Entries(*(array[large] for array in entries._replace(buckets=numbers)))


def unite_within(sets: Sets, marks: Sketches, buckets: Ints, members: Ints, parents: Ints) -> None:
    """Unite near-duplicates among the members of each bucket, comparing every pair. The buckets are sorted."""
    for gap in range(1, len(members)):
        same = buckets[gap:] == buckets[:-gap]
        if not same.any():
            return
        unite_near(sets, marks, members[:-gap][same], members[gap:][same], parents)
