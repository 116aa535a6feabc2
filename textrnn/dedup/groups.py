"""Which messages belong together: messages of one text, of one template, or near-duplicates.

Workers read the messages a part at a time, and join what these have in common.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.messages import columns
from textrnn.core.files import blocks
from textrnn.core.progress import progress
from textrnn.dedup.template_words import SLICES, connected, words_of
from textrnn.dedup.templates import templates, words
from textrnn.dedup.word_sets import Ints, roots, runs, unite
from textrnn.partitions.alphabet import RANGES, bounds, by_range, joined, numbers_in
from textrnn.partitions.exchange import Left, Slice, leave, read, shared, slices_of
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Digests, digests, distinct_digests, seeded

Narrow = NDArray[np.int32]  # numbers of messages: memory does not hold two thousand million of them

TEXTS, ROWS, NAMES = range(SLICES, SLICES + 3)  # digests; the template of each message; the first range of templates
SAMPLE = 1 << 13  # bytes of messages by which the alphabet is divided
RANGE = 1 << 24  # bytes of messages for each range of the alphabet


class Groups(NamedTuple):
    """Numbers of each message: of its group, and of its text, its template and its near-duplicates."""

    numbers: Narrow  # 0 … groups - 1
    order: Digests  # of each group: the seeded digests by which groups are dealt to the sides
    texts: Narrow
    templates: Narrow
    near_duplicates: Narrow  # the lowest number of the templates connected by near-duplicates


def described(
    lines: bytes, keep_together: str, seed: int, begins: tuple[list[bytes], list[bytes]], folder: str
) -> tuple[Left, int]:
    """Leave what some lines of messages.tsv may have in common with others. Returns how many templates they have.

    `begins` says with which words and which templates the ranges of the alphabet begin.
    """
    texts = columns(lines.decode("utf-8"))[1]
    encoded = [text.encode("utf-8") for text in texts]
    of_texts = seeded(encoded, seed) if keep_together == "duplicates" else digests(encoded)
    of_rows = templates(texts)
    names = sorted(set(of_rows))
    indices = {name: index for index, name in enumerate(names)}
    rows = np.fromiter(map(indices.__getitem__, of_rows), np.int32)
    slices = [*words_of(names, begins[0]), of_texts, rows, *by_range(names, begins[1])]
    return leave(folder, slices), len(names)


def groups(messages: IO[bytes], keep_together: str, seed: int, folder: Path) -> Groups:
    """Return which messages belong together. `messages` is messages.tsv.

    `keep_together` says what the messages of a group share: nothing, so that each is a group of its own (none), the
    text (duplicates), or a template, that of a near-duplicate included (templates). Groups of templates are numbered
    in alphabetical order, others in the order of their digests. Workers leave what others need in `folder`.
    """
    ranges = 1 + messages.seek(0, 2) // RANGE
    messages.seek(0)
    sample = sorted(set(templates(columns(messages.read(SAMPLE).decode("utf-8", "ignore"))[1])))
    begins = bounds(sorted(set(chain.from_iterable(map(words, sample)))), RANGES), bounds(sample, ranges)
    messages.seek(0)
    with shared(folder) as place, progress(desc="compare", unit="template") as bar:
        work = partial(described, keep_together=keep_together, seed=seed, begins=begins, folder=place)
        files, firsts = list[Left](), [0]
        for left, size in map_ordered(work, blocks(messages)):
            files.append(left)
            firsts.append(firsts[-1] + size)
            bar.update(size)
        found = connected(files, firsts, place)
        named = joined(files, range(NAMES, NAMES + ranges), place, partial(seeded, seed=seed))
        by_part = (numbers_in(slices_of(named.files, index), named.starts) for index in range(len(files)))
        names = np.concatenate([np.zeros(0, np.int32), *(numbers.astype(np.int32) for numbers in by_part)])
        by_name = concatenated(slices_of(named.files, len(files)))
        texts = concatenated(slices_of(files, TEXTS))
        of_parts = zip(slices_of(files, ROWS), firsts, strict=False)
        rows = np.concatenate([np.zeros(0, np.int32), *(first + read(one, np.int32) for one, first in of_parts)])
    lowest = np.full(len(names), len(names), np.int32)
    np.minimum.at(lowest, found, names)
    near = lowest[found[rows]]
    if keep_together == "templates":
        present = np.zeros(len(by_name), np.bool_)
        present[near] = True
        numbers = (np.cumsum(present) - 1)[near]
        hashes = by_name[present]
    else:
        keys = line_digests(messages, seed) if keep_together == "none" else texts
        first, numbers = distinct_digests(keys)
        hashes = keys[first]
    return Groups(numbers.astype(np.int32), hashes, distinct_digests(texts)[1].astype(np.int32), names[rows], near)


def concatenated(some: Sequence[Slice]) -> Digests:
    """Read slices of digests."""
    return np.concatenate([digests([]), *(read(one, np.uint64).reshape(-1, 2) for one in some)])


def united(together: Groups, labels: NDArray[np.int16], part: NDArray[np.int8], users: Ints) -> Groups:
    """Return the groups after those with rows of one of the user's groups became one. A user's group of -1 is none.

    Of equal messages with keep_together none, the user's group and the part decide which has which number, as the row
    order must not.
    """
    numbers, equal = together.numbers.copy(), (labels, together.texts)
    numbers[np.lexsort((users, part, *equal))] = together.numbers[np.lexsort((together.numbers, *equal))]
    rows = np.flatnonzero(users >= 0)
    _, first, of_rows = np.unique(users[rows], return_index=True, return_inverse=True)
    trees = np.arange(len(together.order))
    unite(trees, numbers[rows].astype(np.int64), numbers[rows[first]][of_rows].astype(np.int64))
    present, new = np.unique(roots(trees, np.arange(len(trees))), return_inverse=True)
    order = np.zeros((len(present), 2), np.uint64)
    np.add.at(order, new, together.order)  # a sum modulo 2^64, as even as its terms, so no large group comes sooner
    return together._replace(numbers=new[numbers].astype(np.int32), order=order)


def line_digests(file: IO[bytes], seed: int) -> Digests:
    """Return a seeded digest of each line and its number among the lines that equal it."""

    def of_all(of_some: Callable[[list[bytes]], Digests]) -> Digests:
        file.seek(0)
        return np.concatenate([digests([]), *(of_some(block.split(b"\n")[:-1]) for block in blocks(file))])

    numbers = distinct_digests(of_all(digests))[1]
    order = np.argsort(numbers, kind="stable")
    starts, lengths = runs(numbers[order])
    numbers[order] = np.arange(1, len(order) + 1) - np.repeat(starts, lengths)
    rest = iter(numbers.tolist())
    return of_all(lambda lines: seeded((b"%s\t%d" % (line, next(rest)) for line in lines), seed))
