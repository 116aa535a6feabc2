"""Words become codes, numbered in the order in which the words first occur. Each part of a corpus has its own codes."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import chain, count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import gathered, offsets_of


class Factorized(NamedTuple):
    """Texts as codes: text i is the next `lengths[i]` of `codes`, which are indices into `words`."""

    words: list[str]  # distinct
    codes: NDArray[np.int64]  # flat
    lengths: NDArray[np.int64]  # of each text, in words


def factorize(texts: Iterable[str], cut: Callable[[str], list[str]]) -> Factorized:
    """Cut the texts into words and return them as codes.

    `cut` must treat what stands between white space as if it stood alone: it is called once for each distinct piece.
    """
    piece_codes, word_codes = new_codes(), new_codes()
    pieces: list[str] = []
    lengths = []
    for text in texts:
        some = text.split()
        pieces += some
        lengths.append(len(some))
    flat = encode(pieces, piece_codes)
    cuts = list(map(cut, piece_codes))
    offsets = offsets_of(np.fromiter(map(len, cuts), np.int64, len(cuts)))
    codes, ends = gathered(encode(chain.from_iterable(cuts), word_codes), offsets, flat)
    return Factorized(list(word_codes), codes, np.diff(ends[offsets_of(np.array(lengths, np.int64))]))


def new_codes() -> defaultdict[str, int]:
    """Return an empty dictionary that gives each new word the next code when it is looked up."""
    return defaultdict(count().__next__)


def encode(words: Iterable[str], codes: defaultdict[str, int]) -> NDArray[np.int64]:
    """Return the code of each word. New words are added to `codes`."""
    return np.fromiter(map(codes.__getitem__, words), np.int64)
