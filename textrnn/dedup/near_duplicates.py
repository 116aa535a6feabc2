"""Which of millions of sets have four words in five in common, exactly, and without comparing every two.

By the prefix filter (Chaudhuri, Ganti and Kaushik 2006): of two sets that nearly coincide, the l-th of the rarest words
that both have has, in either, no more than a fifth of the set's words before it that the other has not. Sets with one
such word in common are put into a bucket. A bucket that holds too many to compare every two of them is parted into
buckets by two such words, then by three and so on (an adaptive prefix: Wang, Li and Feng 2012), since sets may share a
common word and little else.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import gathered, offsets_of
from textrnn.partitions.digests import first_occurrence
from textrnn.partitions.execute import elsewhere, ordered

NEAR = 80  # per cent of the words of both that two sets have in common, from which they count as one
ENTRIES = 500_000  # of buckets that are looked at together
PIECE = 50_000  # of those, which are sent elsewhere together
PAIRS = 200_000  # that are compared together

Ints = NDArray[np.int64]


class Sets(NamedTuple):
    """Set i is `words[offsets[i]:offsets[i + 1]]`, the numbers of its words in rising order: the rarer, the smaller."""

    words: NDArray[np.int32]
    offsets: Ints

    def sizes(self, chosen: Ints) -> Ints:
        """Return how many words each of the chosen sets has."""
        return self.offsets[chosen + 1] - self.offsets[chosen]


class Entries(NamedTuple):
    """Sets in buckets, each by some of its words; arrays of one length."""

    buckets: Ints
    sets: Ints
    places: Ints  # in the set, of the last of these words


class Piece(NamedTuple):
    """Some of the buckets, whole."""

    numbers: Ints  # of the sets in them, in rising order
    sets: Sets  # those
    entries: Entries  # whose sets are places in `numbers`


def similar(sets: Sets, folder: Path) -> Ints:
    """Return one of the sets for each: the same for all that nearly coincide, or do so with the same third one.

    Two sets nearly coincide when their Jaccard similarity is at least NEAR per cent; empty ones do with none. Temporary
    files in `folder`, which have no name, hold what would be too much for the memory.
    """
    parents = np.arange(len(sets.offsets) - 1)
    same = first_occurrence(fingerprints(sets))
    filled = np.diff(sets.offsets) > 0
    compare(sets, parents[filled], same[filled], parents)
    chosen = np.flatnonzero((same == np.arange(len(same))) & (np.diff(sets.offsets) > 3))
    del same, filled
    everything = parted(sets, chosen, folder)
    if elsewhere():
        for one, other in ordered(alike, (part for some in everything for part in pieces(sets, some))):
            unite(parents, one, other)
    else:  # here, all know what has been united so far, and nothing is copied
        for some in everything:
            unite_within(sets, some, parents)
    return roots(parents, np.arange(len(parents)))


def unite_within(sets: Sets, entries: Entries, parents: Ints) -> None:
    """Unite the sets that nearly coincide and share a bucket."""
    shared = 1
    while len(entries.sets):
        entries = extended(sets, crowded(sets, entries, shared, parents), shared)
        shared += 1


def pieces(sets: Sets, entries: Entries) -> Iterator[Piece]:
    """Yield the entries, whole buckets, about PIECE of them at a time, each time with their sets alone."""
    order = np.argsort(entries.buckets, kind="stable")
    starts = runs(entries.buckets[order])[0]
    cuts = starts[np.searchsorted(starts, np.arange(PIECE, len(order), PIECE), side="right") - 1]
    for some in np.split(order, np.unique(cuts)):
        part = Entries(*(array[some] for array in entries))
        numbers, own = np.unique(part.sets, return_inverse=True)
        yield Piece(numbers, Sets(*gathered(sets.words, sets.offsets, numbers)), part._replace(sets=own))


def alike(some: Piece) -> tuple[Ints, Ints]:
    """Return pairs of sets that unite all which nearly coincide and share one of the buckets.

    Whatever pieces the buckets are dealt out to, all the pairs together unite the same sets: two that nearly coincide
    share a bucket, which lies in one piece.
    """
    parents = np.arange(len(some.numbers))
    unite_within(some.sets, some.entries, parents)
    found = roots(parents, np.arange(len(parents)))
    united = np.flatnonzero(found != np.arange(len(found)))
    return some.numbers[united], some.numbers[found[united]]


def fingerprints(sets: Sets) -> NDArray[np.uint64]:
    """Return 128 bits for each set: sums of its words, scrambled as by splitmix64 (Steele and others 2014)."""
    scrambled = [splitmix64(int(sets.words.max(initial=0)) + 1, seed) for seed in (1, 2)]
    result = np.zeros((len(sets.offsets) - 1, 2), np.uint64)
    for start in range(0, len(result), PAIRS):
        some = sets.offsets[start : start + PAIRS + 1]
        words = sets.words[some[0] : some[-1]]
        for column, of_word in enumerate(scrambled):
            sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(of_word[words])])
            result[start : start + PAIRS, column] = np.diff(sums[some - some[0]])
    return result


def splitmix64(count: int, seed: int) -> NDArray[np.uint64]:
    """Return so many numbers that look like chance."""
    mixed = (np.arange(count, dtype=np.uint64) * np.uint64(2) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def spare(sizes: Ints) -> Ints:
    """Return how many words of a set of each size another one need not have that nearly coincides."""
    return sizes * (100 - NEAR) // 100


def parted(sets: Sets, chosen: Ints, folder: Path) -> Iterator[Entries]:
    """Yield the entries of the chosen sets by one word, those of a bucket together, about ENTRIES at a time."""
    many = sum(int(np.sum(spare(sets.sizes(some)) + 1)) for some in sliced(chosen))
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(many // ENTRIES + 1)]
        for some in sliced(chosen):
            entries = extended(sets, Entries(np.zeros_like(some), some, np.full_like(some, -1)), 0)
            file_of = entries.buckets % len(files)
            order = np.argsort(file_of, kind="stable")
            ends = np.cumsum(np.bincount(file_of, minlength=len(files)))
            for file, rows in zip(files, np.split(np.column_stack(entries)[order], ends[:-1]), strict=True):
                file.write(rows.tobytes())
        for file in files:
            file.seek(0)
            yield Entries(*np.frombuffer(file.read(), np.int64).reshape(-1, 3).T)


def sliced(chosen: Ints) -> Iterator[Ints]:
    """Yield the chosen sets, some at a time."""
    for start in range(0, len(chosen), PAIRS):
        yield chosen[start : start + PAIRS]


def children(sets: Sets, entries: Entries, shared: int) -> Ints:
    """Return how many words of each entry's set may be the next that is shared, after the `shared` ones so far."""
    sizes = sets.sizes(entries.sets)
    return np.minimum(spare(sizes) + shared, sizes - 1) - entries.places


def extended(sets: Sets, entries: Entries, shared: int) -> Entries:
    """Return an entry for each of these words: its bucket is that of the entry and the number of the word."""
    counts = children(sets, entries, shared)
    starts = offsets_of(counts)
    buckets, chosen, after = (np.repeat(array, counts) for array in entries)
    places = np.arange(starts[-1]) - np.repeat(starts[:-1], counts) + after + 1
    return Entries(buckets << 32 | sets.words[sets.offsets[chosen] + places], chosen, places)


def crowded(sets: Sets, entries: Entries, shared: int, parents: Ints) -> Entries:
    """Unite what nearly coincides, and return the buckets in which there may be more of it, numbered anew.

    The smallest set of a bucket is compared with all others in it. (So are any two of them found which have no more in
    common than the bucket's words, and need no more: both nearly coincide with the smallest, too.) Where that has not
    united all, every two are compared, unless parting the bucket further is less work.
    """
    order = np.argsort(entries.buckets)
    order = order[in_runs(entries.buckets[order])]
    order = order[np.lexsort((sets.sizes(entries.sets[order]), entries.buckets[order]))]
    entries = Entries(*(array[order] for array in entries))
    starts, lengths = runs(entries.buckets)
    if not len(starts):
        return entries
    compare(sets, np.repeat(entries.sets[starts], lengths), entries.sets, parents)
    found = roots(parents, entries.sets)
    apart = np.add.reduceat(found != np.repeat(found[starts], lengths), starts, dtype=np.int64) > 0
    few = lengths * (lengths - 1) // 2 <= np.add.reduceat(children(sets, entries, shared), starts)
    compare_within(sets, entries.sets, starts[apart & few], lengths[apart & few], parents)
    left = apart & ~few
    keep = np.repeat(left, lengths)
    numbers = np.repeat(np.cumsum(left) - 1, lengths)
    return Entries(numbers[keep], entries.sets[keep], entries.places[keep])


def runs(values: Ints) -> tuple[Ints, Ints]:
    """Return where each run of equal values begins, and how long it is."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])[: len(values)])
    return starts, np.diff(starts, append=len(values))


def in_runs(values: Ints) -> NDArray[np.bool_]:
    """Return which of the values stand beside an equal one."""
    same = np.zeros(len(values), np.bool_)
    same[1:] = values[1:] == values[:-1]
    same[:-1] |= same[1:]
    return same


def compare_within(sets: Sets, members: Ints, starts: Ints, lengths: Ints, parents: Ints) -> None:
    """Compare every two of the members of each bucket, which begin at `starts`; the first has been compared."""
    ones = np.repeat(starts + lengths, lengths)  # where the bucket of each member ends
    at = np.arange(lengths.sum()) - np.repeat(offsets_of(lengths)[:-1] - starts, lengths)
    inner = at > np.repeat(starts, lengths)
    ones, at = ones[inner], at[inner]
    counts = ones - at - 1
    ends = np.cumsum(counts)
    for start in range(0, int(ends[-1]) if len(ends) else 0, PAIRS):
        number = np.arange(start, min(start + PAIRS, int(ends[-1])))
        which = np.searchsorted(ends, number, side="right")
        other = at[which] + 1 + number - (ends[which] - counts[which])
        compare(sets, members[at[which]], members[other], parents)


def compare(sets: Sets, one: Ints, other: Ints, parents: Ints) -> None:
    """Unite those of the pairs of sets which nearly coincide."""
    for start in range(0, len(one), PAIRS):
        a, b = one[start : start + PAIRS], other[start : start + PAIRS]
        small, large = np.sort([sets.sizes(a), sets.sizes(b)], axis=0)
        likely = (100 * small >= NEAR * large) & (a != b)
        a, b = a[likely], b[likely]
        parted_yet = roots(parents, a) != roots(parents, b)
        a, b = a[parted_yet], b[parted_yet]
        common = in_common(sets, a, b)
        near = 100 * common >= NEAR * (sets.sizes(a) + sets.sizes(b) - common)
        unite(parents, a[near], b[near])


def in_common(sets: Sets, one: Ints, other: Ints) -> Ints:
    """Return how many words the sets of each pair share."""
    keys = []
    for chosen in (one, other):
        words, offsets = gathered(sets.words, sets.offsets, chosen)
        keys.append(np.repeat(np.arange(len(chosen)), np.diff(offsets)) << 32 | words)
    both = np.sort(np.concatenate(keys))
    return np.bincount(both[1:][both[1:] == both[:-1]] >> 32, minlength=len(one))


def roots(parents: Ints, nodes: Ints) -> Ints:
    """Return the root of each node of the trees that `parents` describe, and shorten the ways there."""
    found = parents[nodes]
    while not np.array_equal(found, up := parents[found]):
        found = up
    parents[nodes] = found
    return found


def unite(parents: Ints, one: Ints, other: Ints) -> None:
    """Put the two nodes of each pair into one tree."""
    while len(one):
        a, b = roots(parents, one), roots(parents, other)
        apart = a != b
        one, other, a, b = one[apart], other[apart], a[apart], b[apart]
        np.minimum.at(parents, np.maximum(a, b), np.minimum(a, b))


def distinct(words: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """Return each row with each of its words once, in rising order, and where each row begins."""
    rows = len(offsets) - 1
    keys = np.sort(np.repeat(np.arange(rows), np.diff(offsets)) << 32 | words)
    keys = keys[runs(keys)[0]]  # np.unique, as of NumPy 2.3, is several times as slow
    return keys & 0xFFFFFFFF, offsets_of(np.bincount(keys >> 32, minlength=rows))


def by_rarity(counts: Ints) -> Ints:
    """Return the place of each word in the order of how many sets hold it."""
    places = np.empty_like(counts)
    places[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    return places
