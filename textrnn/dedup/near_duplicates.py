"""Find all near-duplicates among millions of sets of words, exactly, without comparing every pair.

The prefix filter (Chaudhuri, Ganti and Kaushik 2006): list the words of two near-duplicates from the rarest on. Before
the l-th word that they share, each has at most l - 1 shared words, and others that make up a fifth of its size if
near-duplicates share four words in five. So sets are put into a bucket for each word that can be the first shared one,
and only sets in one bucket are compared. A bucket of too many sets to compare every pair is divided into buckets by two
shared words, then by three and so on (an adaptive prefix: Wang, Li and Feng 2012), since sets may share a common word
and little else.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of, runs
from textrnn.dedup.word_sets import Ints, Sets, Sketches, roots, sketches, unite_near

PAIRS = 8  # are compared in the time that an entry takes


class Entries(NamedTuple):
    """Sets in buckets, a bucket for each combination of shared words. Four arrays of one length."""

    buckets: Ints
    sets: Ints
    places: Ints  # the index, within the set, of the last shared word; -1 before the first
    firsts: Ints  # the number of the bucket by one shared word that the bucket was divided from


def united(sets: Sets, entries: Entries) -> Ints:
    """Return a number for each set: the lowest of those it is connected to by near-duplicates that share a bucket.

    The entries are whole buckets by one shared word, each with its sets in rising order.
    """
    order = np.argsort(entries.buckets, kind="stable")
    starts, lengths = runs(entries.buckets[order])
    entries = taken(entries, order[np.repeat(lengths > 1, lengths)])
    starts, lengths = runs(entries.buckets)
    entries = entries._replace(firsts=np.repeat(np.arange(len(starts)), lengths))
    parents = np.arange(len(sets.offsets) - 1)
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
    return roots(parents, np.arange(len(parents)))


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
