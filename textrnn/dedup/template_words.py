"""The sets of words of all templates, joined by workers: the words become codes, the rarer ones first."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of
from textrnn.dedup.pieces import Numbered, near_duplicates
from textrnn.dedup.templates import unspaced, words
from textrnn.dedup.word_sets import Ints, Sets, distinct
from textrnn.partitions.alphabet import RANGES, by_range, counted, joined, numbers_in, places_of
from textrnn.partitions.exchange import Left, Slice, kept, leave, read, slices_of
from textrnn.partitions.factorize import factorize

COUNTS, PLACES, SIZES, KINDS, SLICES = range(RANGES, RANGES + 5)  # of the slices that the words of templates take
WORDS = 150_000  # of the sets of a piece, about


def words_of(names: Sequence[str], begins: list[bytes]) -> list[NDArray[Any]]:
    """Return the SLICES of the words of some templates.

    After the ranges of words come the number of sets that have each; the sets, by the words' places; the sets' sizes;
    and whether most words of each are of scripts without blanks.
    """
    cut = factorize(names, words)
    codes, offsets = distinct(cut.codes, offsets_of(cut.lengths))
    sizes = np.diff(offsets)
    kinds = np.fromiter(map(unspaced, cut.words), np.bool_)[codes]
    most = 2 * np.bincount(np.repeat(np.arange(len(names)), sizes), kinds, len(names)) > sizes
    order = np.array(sorted(range(len(cut.words)), key=cut.words.__getitem__), np.int64)
    counts = np.bincount(codes, minlength=len(order))[order]
    of_words = by_range([cut.words[code] for code in order.tolist()], begins)
    return [*of_words, counts, places_of(order)[codes], sizes.astype(np.int32), most]


def sets_of(part: tuple[int, list[Slice], list[Slice]], starts: Ints, ranks: Slice) -> Numbered:
    """Read the sets of a part: the number of the first, the slices of the sets, and those of the words' numbers."""
    first, (places, sizes, most), of_words = part
    offsets = offsets_of(read(sizes, np.int32).astype(np.int64))
    codes = kept(ranks, np.int32)[numbers_in(of_words, starts)].astype(np.int64)
    return (
        Sets(distinct(codes[read(places, np.int32)], offsets)[0].astype(np.int32), offsets),
        first,
        read(most, np.bool_),
    )


def connected(files: Sequence[Left], firsts: Sequence[int], folder: str) -> Ints:
    """Return near_duplicates of the sets in the files. Set `firsts[i]` is the first of file i."""
    found = joined(files, range(RANGES), folder)
    counts = counted(files, COUNTS, found)
    (ranks,) = slices_of([leave(folder, [places_of(np.argsort(counts, kind="stable"))])], 0)
    parts = (
        (
            first,
            [one for kind in (PLACES, SIZES, KINDS) for one in slices_of([file], kind)],
            slices_of(found.files, index),
        )
        for index, (file, first) in enumerate(zip(files, firsts, strict=False))
    )
    load = partial(sets_of, starts=found.starts, ranks=ranks)
    return near_duplicates(parts, load, firsts[-1], 1 + int(counts.sum()) // WORDS, folder)
