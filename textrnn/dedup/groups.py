"""Which messages belong together: messages of one text, of one template, or near-duplicates.

Workers read the messages a block at a time, and leave for each bucket of others whole groups of these.
"""

from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.messages import columns
from textrnn.artifacts.ragged import offsets_of, runs, unique
from textrnn.core.files import Blocks
from textrnn.core.progress import progress
from textrnn.dedup.template_words import connected, leave_words
from textrnn.dedup.templates import templates, words
from textrnn.dedup.word_sets import Ints, roots, unite
from textrnn.partitions import alphabet
from textrnn.partitions.exchange import leave, read
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Digests, digests, distinct, seeded

CHUNK = 1 << 16  # numbers in memory at a time

# What is known of a message: the lowest number of the templates that are connected with its own by near-duplicates, and
# of those that users' groups connect, too; a digest of its text, seeded if that decides its group; its label; its part
# and its user's group, or -1; its tokens.
ROW = np.dtype([
    ("near", "i4"), ("together", "i4"), ("template", "i4"), ("text", "u8", 2), ("label", "i2"), ("part", "i1"),
    ("user", "i4"), ("tokens", "i8"),
])  # fmt: skip


class Joined(NamedTuple):
    """The templates of all messages, numbered in alphabetical order, and which messages have which, in a folder."""

    messages: Blocks
    folder: Path
    rows: Ints  # the first row of each block, and at last how many there are
    starts: Ints  # the first number of each range of the alphabet, and at last how many templates there are

    @property
    def ranges(self) -> int:
        """The number of ranges, and of buckets."""
        return len(self.starts) - 1

    def templates(self, block: int) -> Ints:
        """Return the template of each message of a block."""
        names = [read(self.folder / "names", bucket, block, np.int32) for bucket in range(self.ranges)]
        numbers = [start + some for start, some in zip(self.starts.tolist(), names, strict=False)]
        found: Ints = np.concatenate(numbers)[read(self.folder / "messages", block, self.ranges, np.int32)]
        return found

    def trees(self, name: str) -> NDArray[np.int32]:
        """Return trees of templates, whose roots are the lowest, mapped from their file: a new one has no branches."""
        path, count = self.folder / name, int(self.starts[-1])
        if not path.exists():
            with path.open("wb") as file:  # not through the map: on a full disk, that kills a process without a word
                for start in range(0, max(count, 1), CHUNK):
                    file.write(np.arange(start, min(start + CHUNK, max(count, 1)), dtype=np.int32).tobytes())
        return np.asarray(np.memmap(path, np.int32, "r+"))[:count]

    def near(self) -> NDArray[np.int32]:
        """Return the lowest number of the templates that near-duplicates connect with each."""
        return self.trees("near")

    def hashes(self, numbers: Ints) -> Digests:
        """Return the seeded digests of some templates."""
        return np.array(np.memmap(self.folder / "hashes", np.uint64, "r").reshape(-1, 2)[numbers])


def described(block: int, messages: Blocks, keep_together: str, seed: int, begins: list[bytes], folder: Path) -> int:
    """Leave the templates of some messages, by ranges, which each message has, and digests of the texts."""
    texts = columns(messages.read(block).decode("utf-8"))[1]
    encoded = [text.encode("utf-8") for text in texts]
    of_texts = seeded(encoded, seed) if keep_together == "duplicates" else digests(encoded)
    of_rows = templates(texts)
    names = sorted(set(of_rows))
    indices = {name: index for index, name in enumerate(names)}
    rows = np.fromiter(map(indices.__getitem__, of_rows), np.int32)
    leave(folder / "messages", block, [*alphabet.cut(names, begins), rows, of_texts])
    return len(texts)


def named(bucket: int, parts: int, seed: int, begins: list[bytes], folder: Path) -> int:
    """Join the templates of a range of the alphabet. Leaves their numbers, their seeded digests and their words."""
    distinct, of_parts = alphabet.merged(folder / "messages", parts, bucket)
    leave(folder / "names", bucket, [*of_parts[:parts], seeded(distinct, seed)])
    leave_words(folder / "words", bucket, [name.decode("utf-8") for name in distinct], begins)
    return len(distinct)


def joined(messages: Blocks, keep_together: str, seed: int, folder: Path) -> Joined:
    """Find the templates of all messages, and which are near-duplicates. `messages` is messages.tsv."""
    text, ranges = alphabet.sample(messages)
    sample = set(templates(columns(text)[1]))
    begins = [alphabet.bounds(some, ranges) for some in (sample, chain.from_iterable(map(words, sample)))]
    work = partial(
        described, messages=messages, keep_together=keep_together, seed=seed, begins=begins[0], folder=folder
    )
    rows = totals(progress(map_ordered(work, range(messages.total)), total=messages.total, desc="compare"))
    name = partial(named, parts=messages.total, seed=seed, begins=begins[1], folder=folder)
    found = Joined(messages, folder, rows, totals(map_ordered(name, range(ranges))))
    with (folder / "hashes").open("wb") as file:
        for bucket in range(ranges):
            file.write(read(folder / "names", bucket, messages.total, np.uint8).tobytes())
    parents = found.near()
    connected(folder / "words", found.starts, ranges, parents)
    flatten(parents)
    return found


def totals(counts: Iterable[int]) -> Ints:
    """Return how many there are before each, and of all."""
    return offsets_of(np.array(list(counts), np.int64))


def flatten(parents: NDArray[np.int32]) -> None:
    """Let each node point at its root."""
    for start in range(0, len(parents), CHUNK):
        roots(parents, np.arange(start, min(start + CHUNK, len(parents))))


def of_users(block: int, found: Joined, users: Path) -> tuple[Ints, Ints]:
    """Return pairs of a user's group and a template of its messages."""
    groups = np.load(users, mmap_mode="r")[found.rows[block] : found.rows[block + 1]]
    some = groups >= 0
    pairs = unique(groups[some].astype(np.int64) << 32 | found.near()[found.templates(block)[some]])
    return pairs >> 32, pairs & 0xFFFFFFFF


def unite_users(found: Joined, users: Path) -> None:
    """Connect the templates of each user's group, too."""
    parents = found.trees("together")
    for start in range(0, len(parents), CHUNK):
        parents[start : start + CHUNK] = found.near()[start : start + CHUNK]
    firsts = np.full(1 + np.load(users, mmap_mode="r").max(initial=-1), -1, np.int32)
    for groups, some in map_ordered(partial(of_users, found=found, users=users), range(found.messages.total)):
        new = firsts[groups] < 0
        firsts[groups[new]] = some[new]
        unite(parents, firsts[groups].astype(np.int64), some)
    flatten(parents)


class Groups(NamedTuple):
    """Groups of the messages of a bucket."""

    numbers: Ints  # of each message, 0 … groups - 1
    order: Digests  # of each group: the seeded digests by which groups are dealt to the sides
    keys: Digests  # of each group: what the groups of all buckets are numbered by


def groups(rows: NDArray[Any], lines: list[bytes], keep_together: str, seed: int, found: Joined) -> Groups:
    """Return which messages belong together, of all that others might belong to.

    `keep_together` says what the messages of a group share: nothing, so that each is a group of its own (none), the
    text (duplicates), or a template, that of a near-duplicate included (templates). Groups of templates are numbered
    in alphabetical order, others in the order of their digests. `lines` are those of the messages, if it is none.
    """
    if keep_together == "templates":
        first, numbers = distinct(rows["near"])
        near = rows["near"][first]
        keys = np.zeros((len(near), 2), np.uint64)
        keys[:, 0] = near.astype(np.uint64) * np.uint64(((1 << 64) - 1) // max(1, int(found.starts[-1])))
        return Groups(numbers, found.hashes(near), keys)
    of_rows = line_digests(lines, seed) if keep_together == "none" else rows["text"]
    first, numbers = distinct(*of_rows.T)
    return Groups(numbers, of_rows[first], of_rows[first])


def united(together: Groups, rows: NDArray[Any]) -> Groups:
    """Return the groups after those with rows of one of the user's groups became one.

    Of equal messages with keep_together none, the user's group and the part decide which has which number, as the row
    order must not.
    """
    numbers, equal, users = together.numbers.copy(), (rows["label"], *rows["text"].T), rows["user"]
    ordered = np.lexsort((users, rows["part"], *equal))
    numbers[ordered] = together.numbers[np.lexsort((together.numbers, *equal))]
    some = np.flatnonzero(users >= 0)
    _, first, of_rows = np.unique(users[some], return_index=True, return_inverse=True)
    trees = np.arange(len(together.order))
    unite(trees, numbers[some], numbers[some[first]][of_rows])
    present, new = np.unique(roots(trees, np.arange(len(trees))), return_inverse=True)
    order = np.zeros((len(present), 2), np.uint64)
    np.add.at(order, new, together.order)  # a sum modulo 2^64, as even as its terms, so no large group comes sooner
    return Groups(new[numbers], order, together.keys[present])


def line_digests(lines: list[bytes], seed: int) -> Digests:
    """Return a seeded digest of each line and its number among the lines that equal it."""
    numbers = distinct(*digests(lines).T)[1]
    order = np.argsort(numbers, kind="stable")
    starts, lengths = runs(numbers[order])
    numbers[order] = np.arange(1, len(order) + 1) - np.repeat(starts, lengths)
    return seeded((b"%s\t%d" % pair for pair in zip(lines, numbers.tolist(), strict=True)), seed)
