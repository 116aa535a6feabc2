"""Sets of words as sorted codes, and the trees that unite near-duplicates: sets that share most of their words."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import gathered, offsets_of, unique

NEAR = 80  # per cent: the least Jaccard similarity of near-duplicates, four words in five
# The same for sets of at most SHORT pairs of characters: another name is one word, but two to four characters, which
# stand in three to five pairs. Of more than 45 pairs, four in five stay.
NEAR_UNSPACED, SHORT = 67, 64
PAIRS = 200_000  # pairs compared at a time
BITS = 512  # of a sketch

Ints = NDArray[np.int64]
Sketches = NDArray[np.uint64]  # (sets, BITS / 64)


class Sets(NamedTuple):
    """Set i is `words[offsets[i]:offsets[i + 1]]`: codes in rising order. The rarer a word, the lower its code."""

    words: NDArray[np.int32]
    offsets: Ints
    near: int = NEAR  # per cent: the least Jaccard similarity of near-duplicates among them

    def sizes(self, chosen: Ints) -> Ints:
        """Return how many words each of the chosen sets has."""
        return self.offsets[chosen + 1] - self.offsets[chosen]


def distinct(words: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """Return the distinct words of each row, in rising order, and where each row begins."""
    rows = len(offsets) - 1
    keys = unique(np.repeat(np.arange(rows), np.diff(offsets)) << 32 | words)
    return keys & 0xFFFFFFFF, offsets_of(np.bincount(keys >> 32, minlength=rows))


def sketches(sets: Sets) -> Sketches:
    """Return the parities of each set's words: bit b is 1 if an odd number of its words have code b modulo BITS.

    Where two sets' bits differ, there is a word that one of them lacks.
    """
    result = np.zeros((len(sets.offsets) - 1, BITS // 64), np.uint64)
    owners = np.repeat(np.arange(len(result)), np.diff(sets.offsets))
    bits = np.uint64(1) << (sets.words & 63).astype(np.uint64)
    np.bitwise_xor.at(result, (owners, sets.words // 64 % (BITS // 64)), bits)
    return result


def unite_near(sets: Sets, marks: Sketches, one: Ints, other: Ints, parents: Ints) -> None:
    """Unite those pairs of sets that are near-duplicates. `marks` are the sets' sketches."""
    for start in range(0, len(one), PAIRS):
        a, b = one[start : start + PAIRS], other[start : start + PAIRS]
        small, large = np.sort([sets.sizes(a), sets.sizes(b)], axis=0)
        likely = (100 * small >= sets.near * large) & (a != b)
        a, b = a[likely], b[likely]
        apart = roots(parents, a) != roots(parents, b)
        a, b = a[apart], b[apart]
        lacked = np.bitwise_count(marks[a] ^ marks[b]).sum(axis=1, dtype=np.int64)  # at least, by one of the two
        likely = lacked * (100 + sets.near) <= (100 - sets.near) * (sets.sizes(a) + sets.sizes(b))
        # Two sets may share many buckets, and long ones take much memory to compare.
        a, b = np.divmod(unique(a[likely] * len(parents) + b[likely]), len(parents))
        common = in_common(sets, a, b)
        near = 100 * common >= sets.near * (sets.sizes(a) + sets.sizes(b) - common)
        unite(parents, a[near], b[near])


def in_common(sets: Sets, one: Ints, other: Ints) -> Ints:
    """Return how many words the two sets of each pair share."""
    keys = []
    for chosen in (one, other):
        words, offsets = gathered(sets.words, sets.offsets, chosen)
        keys.append(np.repeat(np.arange(len(chosen)), np.diff(offsets)) << 32 | words)
    both = np.sort(np.concatenate(keys))
    return np.bincount(both[1:][both[1:] == both[:-1]] >> 32, minlength=len(one))


def roots(parents: NDArray[Any], nodes: Ints) -> NDArray[Any]:
    """Return the root of each node in the trees that `parents` describe, and let the nodes point at it."""
    found = parents[nodes]
    while not np.array_equal(found, up := parents[found]):
        found = up
    parents[nodes] = found
    return found


def unite(parents: NDArray[Any], one: Ints, other: Ints) -> None:
    """Put the two nodes of each pair into one tree. Its root is its lowest node."""
    while len(one):
        a, b = roots(parents, one), roots(parents, other)
        apart = a != b
        one, other, a, b = one[apart], other[apart], a[apart], b[apart]
        np.minimum.at(parents, np.maximum(a, b), np.minimum(a, b))
