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
from textrnn.core.files import blocks
from textrnn.core.progress import progress
from textrnn.dedup.strings import Narrow, alphabetical
from textrnn.dedup.template_words import connected, words_left
from textrnn.dedup.templates import templates
from textrnn.dedup.word_sets import Ints, roots, runs, unite
from textrnn.partitions.exchange import Left, shared
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Digests, digests, distinct_digests, seeded

N = TypeVar("N", bound=np.generic)


class Groups(NamedTuple):
    """Numbers of each message: of its group, and of its text, its template and its near-duplicates."""

    numbers: Narrow  # 0 … groups - 1
    order: Digests  # of each group: the seeded digests by which groups are dealt to the sides
    texts: Narrow
    templates: Narrow
    near_duplicates: Narrow  # the lowest number of the templates connected by near-duplicates


class Part(NamedTuple):
    """What some messages may have in common with others: their texts and their templates."""

    texts: Digests  # of each message; seeded, if its text decides its group
    rows: Narrow  # for each message, the index of its template
    letters: NDArray[np.uint8]  # of the distinct templates in alphabetical order, in UTF-8
    lengths: Ints  # of each template, in bytes
    order: Digests  # of each template, seeded


def described(lines: bytes, keep_together: str, seed: int, folder: Path) -> tuple[Part, Left, int]:
    """Describe some lines of messages.tsv. Leaves the words of the templates for `words_of`, and counts them."""
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
    left, count = words_left(names, folder)
    return Part(of_texts, rows, letters, lengths, seeded(encoded, seed)), left, count


def groups(messages: IO[bytes], keep_together: str, seed: int, folder: Path) -> Groups:
    """Return which messages belong together. `messages` is messages.tsv.

    `keep_together` says what the messages of a group share: nothing, so that each is a group of its own (none), the
    text (duplicates), or a template, that of a near-duplicate included (templates). Groups of templates are numbered
    in alphabetical order, others in the order of their digests. Temporary files in `folder` hold what memory does not.
    """
    with ExitStack() as stack:
        place = stack.enter_context(shared(folder))
        work = partial(described, keep_together=keep_together, seed=seed, folder=place)
        opened = [stack.enter_context(TemporaryFile(dir=folder)) for _ in Part._fields]
        files, counts, ends = collect(map_ordered(work, blocks(messages)), opened)
        found = connected(files, ends, sum(counts), place)
        of_texts, of_rows, letters, lengths, order = opened
        names = alphabetical(letters, column(lengths, np.int64), ends)
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


def collect(
    parts: Iterable[tuple[Part, Left, int]], opened: Sequence[IO[bytes]]
) -> tuple[list[Left], list[int], list[int]]:
    """Write each array of the parts to a file of its own.

    Returns what else each part left, how many words it did, and after a 0 how many templates there are up to its end.
    """
    files, counts, ends = list[Left](), list[int](), [0]
    with progress(desc="compare", unit="message") as bar:
        for part, left, count in parts:
            arrays: Iterable[NDArray[Any]] = part._replace(rows=part.rows + np.int32(ends[-1]))
            for file, array in zip(opened, arrays, strict=True):
                file.write(array.tobytes())
            files.append(left)
            counts.append(count)
            ends.append(ends[-1] + len(part.lengths))
            bar.update(len(part.rows))
    return files, counts, ends


def column(file: IO[bytes], kind: type[N]) -> NDArray[N]:
    """Read the array that a file holds."""
    file.seek(0)
    return np.fromfile(file, kind)


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
