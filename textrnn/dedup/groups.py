"""Which messages belong together: messages of one text, of one template, or near-duplicates.

The messages are read a part at a time. Temporary files hold what is known of each until all are read.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.messages import columns
from textrnn.artifacts.ragged import gathered, offsets_of
from textrnn.core.files import blocks
from textrnn.core.progress import progress
from textrnn.dedup.near_duplicates import near_duplicates
from textrnn.dedup.strings import Narrow, alphabetical
from textrnn.dedup.templates import templates, unspaced, words
from textrnn.dedup.word_sets import NEAR_UNSPACED, SHORT, Ints, Sets, distinct, roots, runs, unite
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Digests, digests, distinct_digests, encode, factorize, new_codes, seeded

N = TypeVar("N", bound=np.generic)

ROWS = 100_000  # templates whose words are in memory at a time


class Groups(NamedTuple):
    """Numbers of each message: of its group, and of its text, its template and its near-duplicates."""

    numbers: Narrow  # 0 … groups - 1
    order: Digests  # of each group: the seeded digests by which groups are dealt to the sides
    texts: Narrow
    templates: Narrow
    near_duplicates: Narrow  # the lowest number of the templates connected by near-duplicates


class Part(NamedTuple):
    """What some messages may have in common with others: their texts, and their templates and the words of these."""

    texts: Digests  # of each message; seeded, if its text decides its group
    rows: Narrow  # for each message, the index of its template
    letters: NDArray[np.uint8]  # of the distinct templates in alphabetical order, in UTF-8
    lengths: Ints  # of each template, in bytes
    order: Digests  # of each template, seeded
    words: NDArray[np.int32]  # of each template, distinct, as codes
    sizes: Ints  # of each template, in words
    unspaced: NDArray[np.bool_]  # whether most words of each template are of scripts without blanks


def described(lines: bytes, keep_together: str, seed: int) -> tuple[Part, list[str]]:
    """Describe some lines of messages.tsv. Returns the words that the codes stand for, too."""
    texts = columns(lines.decode("utf-8"))[1]
    encoded = [text.encode("utf-8") for text in texts]
    of_texts = seeded(encoded, seed) if keep_together == "duplicates" else digests(encoded)
    of_rows = templates(texts)
    names = sorted(set(of_rows))
    indices = {name: index for index, name in enumerate(names)}
    rows = np.fromiter(map(indices.__getitem__, of_rows), np.int32)
    encoded = [name.encode("utf-8") for name in names]
    letters = np.frombuffer(b"".join(encoded), np.uint8)
    lengths = np.fromiter(map(len, encoded), np.int64)
    cut = factorize(names, words)
    codes, offsets = distinct(cut.codes, offsets_of(cut.lengths))
    sizes = np.diff(offsets)
    found = np.fromiter(map(unspaced, cut.words), np.bool_)[codes]
    most = 2 * np.bincount(np.repeat(np.arange(len(names)), sizes), found, len(names)) > sizes
    order = seeded(encoded, seed)
    return Part(of_texts, rows, letters, lengths, order, codes.astype(np.int32), sizes, most), cut.words


def groups(messages: IO[bytes], keep_together: str, seed: int, folder: Path) -> Groups:
    """Return which messages belong together. `messages` is messages.tsv.

    `keep_together` says what the messages of a group share: nothing, so that each is a group of its own (none), the
    text (duplicates), or a template, that of a near-duplicate included (templates). Groups of templates are numbered
    in alphabetical order, others in the order of their digests. Temporary files in `folder` hold what memory does not.
    """
    work = partial(described, keep_together=keep_together, seed=seed)
    with ExitStack() as stack:
        opened = [stack.enter_context(TemporaryFile(dir=folder)) for _ in Part._fields]
        counts, ends = collect(map_ordered(work, blocks(messages)), opened)
        of_texts, of_rows, letters, lengths, order, codes, sizes, kinds = opened
        names = alphabetical(letters, column(lengths, np.int64), ends)
        found = connected(sets_of(codes, column(sizes, np.int64), counts), column(kinds, np.bool_), folder)
        rows, texts = column(of_rows, np.int32), column(of_texts, np.uint64).reshape(-1, 2)
        by_name = column(order, np.uint64).reshape(-1, 2)[np.unique(names, return_index=True)[1]]
    lowest = np.full(len(names), len(names), np.int32)
    np.minimum.at(lowest, found, names)
    near = lowest[found[rows]]
    if keep_together == "templates":
        present, numbers = np.unique(near, return_inverse=True)
        hashes = by_name[present]
    else:
        keys = line_digests(messages, seed) if keep_together == "none" else texts
        first, numbers = distinct_digests(keys)
        hashes = keys[first]
    return Groups(numbers.astype(np.int32), hashes, distinct_digests(texts)[1].astype(np.int32), names[rows], near)


def connected(sets: Sets, unspaced: NDArray[np.bool_], folder: Path) -> Ints:
    """Return near_duplicates, after shorter sets of unspaced scripts have been united at a lower similarity."""
    found = near_duplicates(sets, folder)
    short = np.flatnonzero(unspaced & (np.diff(sets.offsets) <= SHORT))
    some = Sets(*gathered(sets.words, sets.offsets, short), NEAR_UNSPACED)
    unite(found, short, short[near_duplicates(some, folder)])
    return roots(found, np.arange(len(found)))


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


def collect(parts: Iterable[tuple[Part, list[str]]], opened: Sequence[IO[bytes]]) -> tuple[Ints, list[int]]:
    """Write each array of the parts to a file of its own, their words as codes of the whole.

    Returns how often each word's code occurs, and after a 0 how many templates there are up to the end of each part.
    """
    codes = new_codes()
    counts, ends = np.zeros(0, np.int64), [0]
    with progress(desc="compare", unit="message") as bar:
        for part, vocabulary in parts:
            words = encode(vocabulary, codes)[part.words].astype(np.int32)
            counts = np.pad(counts, (0, len(codes) - len(counts)))
            counts += np.bincount(words, minlength=len(codes))
            arrays: Iterable[NDArray[Any]] = part._replace(words=words, rows=part.rows + np.int32(ends[-1]))
            for file, array in zip(opened, arrays, strict=True):
                file.write(array.tobytes())
            ends.append(ends[-1] + len(part.sizes))
            bar.update(len(part.rows))
    return counts, ends


def column(file: IO[bytes], kind: type[N]) -> NDArray[N]:
    """Read the array that a file holds."""
    file.seek(0)
    return np.fromfile(file, kind)


def sets_of(file: IO[bytes], lengths: Ints, counts: Ints) -> Sets:
    """Return the sets of words of the templates. The file holds the words' codes, which occur `counts` times."""
    words, offsets = column(file, np.int32), offsets_of(lengths)
    by_rarity = np.argsort(np.argsort(counts, kind="stable"))  # the new code of each word
    for start in range(0, len(lengths), ROWS):
        ends = offsets[start : start + ROWS + 1]
        some = slice(int(ends[0]), int(ends[-1]))
        words[some] = distinct(by_rarity[words[some]], ends - ends[0])[0]
    return Sets(words, offsets)


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
