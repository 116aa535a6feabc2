"""Words as numbers, by the order in which they come first: what is made of a part of a corpus at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import chain, count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import gathered, offsets_of


class Numbered(NamedTuple):
    """Texts as numbers of their words, flat."""

    words: list[str]  # each once
    numbers: NDArray[np.int64]  # places in `words`, those of each text one after the other
    lengths: NDArray[np.int64]  # of each text


def numbered(texts: Iterable[str], cut: Callable[[str], list[str]]) -> Numbered:
    """Return the texts as numbers of the words into which `cut` cuts them.

    It must cut what stands between white space as if it stood alone, since this is done once for all that is alike.
    """
    pieces: list[str] = []
    counts = []
    for text in texts:
        some = text.split()
        pieces += some
        counts.append(len(some))
    known = numbers()
    at = places(pieces, known)
    cuts = list(map(cut, known))
    words = numbers()
    of_cuts = places(chain.from_iterable(cuts), words)
    ends = offsets_of(np.fromiter(map(len, cuts), np.int64, len(cuts)))
    flat, piece_ends = gathered(of_cuts, ends, at)
    return Numbered(list(words), flat, np.diff(piece_ends[offsets_of(np.array(counts, np.int64))]))


def numbers() -> defaultdict[str, int]:
    """Return an empty dictionary which gives each new word the next number when it is looked up."""
    return defaultdict(count().__next__)


def places(words: Iterable[str], known: defaultdict[str, int]) -> NDArray[np.int64]:
    """Return the number of each word in `known`, to which those that are new are added."""
    return np.fromiter(map(known.__getitem__, words), np.int64)
