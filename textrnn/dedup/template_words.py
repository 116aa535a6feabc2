"""The sets of words of all templates, joined by workers: the words become codes, the rarer ones first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import offsets_of
from textrnn.dedup.near_duplicates import Numbered, near_duplicates
from textrnn.dedup.templates import unspaced, words
from textrnn.dedup.word_sets import Ints, Sets, distinct
from textrnn.partitions.exchange import Left, Slice, read, slices_of
from textrnn.partitions.factorize import factorize
from textrnn.partitions.vocabulary import SLICES as OF_WORDS
from textrnn.partitions.vocabulary import by_bucket, codes_of, joined

SLICES = OF_WORDS + 3  # that templates take
WORDS = 150_000  # of the sets of a piece, about


def words_of(names: Sequence[str]) -> tuple[list[NDArray[Any]], int]:
    """Return the SLICES of the words of some templates, and how many words there are.

    After those of `vocabulary` come the sets of words, by the words' places; the sets' sizes; and whether most words of
    each are of scripts without blanks.
    """
    cut = factorize(names, words)
    codes, offsets = distinct(cut.codes, offsets_of(cut.lengths))
    sizes = np.diff(offsets)
    kinds = np.fromiter(map(unspaced, cut.words), np.bool_)[codes]
    most = 2 * np.bincount(np.repeat(np.arange(len(names)), sizes), kinds, len(names)) > sizes
    slices, places = by_bucket(cut.words, np.bincount(codes, minlength=len(cut.words)))
    return [*slices, places[codes].astype(np.int32), sizes.astype(np.int32), most], len(codes)


def sets_of(part: tuple[int, list[Slice], list[Slice]]) -> Numbered:
    """Read the sets of a part: the number of the first, the slices of the sets, and those of the words' codes."""
    first, (places, sizes, most), of_codes = part
    offsets = offsets_of(read(sizes, np.int32).astype(np.int64))
    codes = distinct(codes_of(of_codes)[read(places, np.int32)], offsets)[0].astype(np.int32)
    return Sets(codes, offsets), first, read(most, np.bool_)


def connected(files: Sequence[Left], ends: Sequence[int], count: int, folder: Path) -> Ints:
    """Return near_duplicates of the sets in the files, `count` words in all. Set `ends[i]` is the first of file i."""
    codes = joined(files, folder)
    parts = (
        (first, [one for kind in range(3) for one in slices_of([file], OF_WORDS + kind)], slices_of(codes, index))
        for index, (file, first) in enumerate(zip(files, ends, strict=False))
    )
    return near_duplicates(parts, sets_of, ends[-1], 1 + count // WORDS, folder)
