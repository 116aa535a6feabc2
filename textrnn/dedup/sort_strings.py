"""Millions of byte strings in one array, put in the order of the alphabet without being made objects of."""

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of

WORD = 8  # bytes of each string that are compared at a time
ROUND = 500_000  # strings which are put in order at a time

Ints = NDArray[np.int64]


def alphabetical(letters: NDArray[np.uint8], starts: Ints, lengths: Ints) -> Ints:
    """Return the places of the strings `letters[start:start + length]` in their order. No two may be equal.

    The order of UTF-8 bytes is that of the code points. All are put in the order of their first bytes, and then those
    that begin alike in their own, about ROUND at a time.
    """
    word = np.concatenate(
        [np.zeros(0, np.uint64)]
        + [words(letters, starts[i : i + ROUND], lengths[i : i + ROUND]) for i in range(0, len(starts), ROUND)]
    )
    order = np.argsort(word)
    word = word[order]
    changes = np.flatnonzero(word[1:] != word[:-1]) + 1
    del word
    cuts = np.unique(np.searchsorted(changes, np.arange(ROUND, len(order), ROUND)))
    for some in np.split(order, changes[cuts[cuts < len(changes)]]):
        some[:] = some[settled(letters, starts[some], lengths[some])]
    return order


def settled(letters: NDArray[np.uint8], starts: Ints, lengths: Ints) -> Ints:
    """Return the places of the strings in their order.

    WORD bytes of all are compared, then the next of those which were equal, and so on: a radix sort from the front.
    """
    order = np.arange(len(starts))
    slots = np.arange(len(starts))  # places in the order which are not settled
    run = np.zeros(len(starts), np.int64)  # which of those are equal so far
    depth = 0
    while len(slots):
        strings = order[slots]
        word = words(letters, starts[strings] + depth, lengths[strings] - depth)
        left = np.minimum(lengths[strings] - depth, WORD + 1).astype(np.int8)  # "a" comes before "a\0"
        by = np.lexsort((left, word, run))
        order[slots] = strings[by]
        word, left = word[by], left[by]
        new = np.ones(len(slots), np.bool_)
        new[1:] = (word[1:] != word[:-1]) | (left[1:] != left[:-1]) | (run[1:] != run[:-1])
        alone = new & np.concatenate([new[1:], [True]])
        run = np.cumsum(new)[~alone]
        slots = slots[~alone]
        depth += WORD
    return order


def words(letters: NDArray[np.uint8], starts: Ints, lengths: Ints) -> NDArray[np.uint64]:
    """Return the first WORD bytes of each string as a number, with zeros after its end."""
    counts = np.clip(lengths, 0, WORD)
    ends = offsets_of(counts)
    row = np.repeat(np.arange(len(counts)), counts)
    column = np.arange(ends[-1]) - ends[row]
    table = np.zeros((len(counts), WORD), np.uint8)
    table[row, column] = letters[starts[row] + column]
    return table.view(">u8")[:, 0].astype(np.uint64)
