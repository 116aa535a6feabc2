"""The sets of words of all templates, joined by workers: the words become codes, the rarer ones first."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of
from textrnn.dedup.pieces import Numbered, near_duplicates
from textrnn.dedup.templates import unspaced, words
from textrnn.dedup.word_sets import Ints, Sets, distinct
from textrnn.partitions.alphabet import by_frequency, ids, ordered
from textrnn.partitions.exchange import leave, packed, unpacked
from textrnn.partitions.factorize import factorize

WORDS = 150_000  # of the sets of a piece, about


def leave_words(name: Path, part: int, templates: list[str], begins: list[bytes]) -> None:
    """Leave the distinct words of some templates: these, the sets by the places of their words, and the sets' sizes.

    Last comes whether most words of each are of scripts without blanks.
    """
    cut = factorize(templates, words)
    codes, offsets = distinct(cut.codes, offsets_of(cut.lengths))
    sizes = np.diff(offsets)
    kinds = np.fromiter(map(unspaced, cut.words), np.bool_)[codes]
    most = 2 * np.bincount(np.repeat(np.arange(len(sizes)), sizes), kinds, len(sizes)) > sizes
    slices, places = ordered(cut.words, codes, begins)
    leave(name, part, [*slices, packed(places, sizes, most)])


def sets_of(part: int, name: Path, ranges: int, starts: Ints, count: int) -> Numbered:
    """Read the sets of a part. `starts` says which is its first one, `count` how many words there are."""
    places, sizes, most = unpacked(name, part, 2 * ranges)
    codes, offsets = (count - 1 - ids(name, part, ranges))[places], offsets_of(sizes)
    return Sets(distinct(codes, offsets)[0].astype(np.int32), offsets), int(starts[part]), most


def connected(name: Path, starts: Ints, ranges: int, parents: NDArray[Any]) -> None:
    """Connect the near-duplicates among the templates of the parts that `leave_words` left."""
    words = by_frequency(name, len(starts) - 1, ranges)
    load = partial(sets_of, name=name, ranges=ranges, starts=starts, count=int(words.strings.sum()))
    pieces = 1 + int((words.counts * words.strings).sum()) // WORDS
    near_duplicates(range(len(starts) - 1), load, parents, pieces, name.with_name("pieces"))
