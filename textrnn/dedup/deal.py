"""Groups are dealt to the sides of the split. Workers look at whole groups; what they need of all groups is sorted.

A group's stratum is its commonest label. The groups of a stratum are taken in the order of a seeded hash of what their
rows share, and each goes whole to the first side whose quota still has room for it. A side that the user gives has no
room; a group with rows that are given never goes to test, and one with test rows goes to train.
"""

from collections.abc import Sequence
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.messages import SIDES, commonest
from textrnn.artifacts.ragged import unique
from textrnn.dedup.groups import ROW, Groups, Joined, groups, totals, unite_users, united
from textrnn.dedup.sides import TEST, TRAIN, VALIDATION, Sides, Split, by_time, filled, quotas, twins
from textrnn.dedup.word_sets import Ints
from textrnn.partitions import alphabet
from textrnn.partitions.exchange import cut_at, cut_by, leave, read, read_all, shares
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import distinct

GROUP = np.dtype([("order", "u8", 2), ("stratum", "i2"), ("first", "i1"), ("size", "i8")])
DECIDED = np.dtype([("side", "i1"), ("twin", "i1"), ("group", "i8")])


class Given(NamedTuple):
    """What the user gives of each row, as files, None if nothing: its part, its group, its time."""

    part: Path | None
    group: Path | None
    time: Path | None
    newest: tuple[float, float] = (0, 0)  # the first time of test, and of validation
    parts: frozenset[str] = frozenset()  # the sides that the parts name

    @property
    def sides(self) -> frozenset[str]:
        """The sides to which no row is dealt."""
        return frozenset(SIDES) if self.time else self.parts


class Counts(NamedTuple):
    """What is counted of the rows of a bucket, and summed up."""

    rows: Ints  # (sides, labels)
    of_labels: Ints  # (labels): the groups that have each
    groups: int
    blocks: Ints  # (blocks, sides, 2): rows and tokens
    twins: int


def scattered(block: int, found: Joined, vectors: Sequence[Path], given: Given, keep_together: str) -> None:
    """Leave the messages of a block for the buckets, whole groups for each, and the order in which they then are."""
    here = slice(int(found.rows[block]), int(found.rows[block + 1]))
    labels, offsets = (np.load(path, mmap_mode="r") for path in vectors)
    rows = np.zeros(here.stop - here.start, ROW)
    rows["template"] = found.templates(block)
    rows["near"] = found.near()[rows["template"]]
    rows["together"] = found.trees("together")[rows["template"]] if given.group else rows["near"]
    rows["text"] = read(found.folder / "messages", block, found.ranges + 1, np.uint64).reshape(-1, 2)
    rows["label"], rows["tokens"] = labels[here], np.diff(offsets[here.start : here.stop + 1])
    rows["part"], rows["user"] = (np.load(path, mmap_mode="r")[here] if path else -1 for path in given[:2])
    if given.time:
        rows["part"] = by_time(np.load(given.time, mmap_mode="r")[here], given.newest)
    buckets = rows["together"] % found.ranges
    order = np.argsort(buckets, kind="stable")
    cut = partial(cut_at, of=buckets[order], buckets=found.ranges)
    lines = (
        np.array(found.messages.read(block).split(b"\n")[:-1], object)[order] if keep_together == "none" else order[:0]
    )
    leave(
        found.folder / "rows", block,
        [*cut(rows[order]), order, *map(alphabet.lines, cut(lines))],
    )  # fmt: skip


def together(bucket: int, found: Joined, given: Given, settings: Split) -> tuple[NDArray[Any], Groups]:
    """Return the messages of a bucket, and their groups, in the order of the buckets to which `order` puts them."""
    blocks, name = found.messages.total, found.folder / "rows"
    rows = np.concatenate(read_all(name, blocks, bucket, ROW))
    some = read_all(name, blocks, found.ranges + 1 + bucket, np.uint8)
    lines = [line for part in some for line in alphabet.split(part)]
    of_bucket = groups(rows, lines, settings.keep_together, settings.seed, found)
    of_bucket = united(of_bucket, rows) if given.part or given.group else of_bucket
    order = np.argsort(shares(of_bucket.order, found.ranges), kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return rows, Groups(places[of_bucket.numbers], of_bucket.order[order], of_bucket.keys[order])


def free(rows: NDArray[Any], given: Given) -> NDArray[np.bool_]:
    """Return which rows are dealt. Those of part train are, too, if no row is in part validation."""
    part: Sides = rows["part"]
    dealt = (-1,) if "validation" in given.sides else (-1, TRAIN)
    return np.isin(part, dealt)


def described(bucket: int, found: Joined, given: Given, settings: Split, labels: int) -> Ints:
    """Leave what decides the side and the number of the groups of a bucket.

    Returns (labels, sides): how many rows of each stratum there are in groups that may go to the side.
    """
    rows, (numbers, order, keys) = together(bucket, found, given, settings)
    part, count, dealt = rows["part"], len(order), free(rows, given)
    table = np.zeros(count, GROUP)
    table["order"], table["first"] = order, TEST
    table["first"][numbers[part >= 0]] = VALIDATION
    table["first"][numbers[part == TEST]] = TRAIN
    table["size"] = np.bincount(numbers[dealt], minlength=count)
    table["stratum"] = commonest(numbers[dealt], rows["label"][dealt], count)
    leave(found.folder / "groups", bucket, cut_at(table, shares(order, found.ranges), found.ranges))
    sort = np.argsort(shares(keys, found.ranges), kind="stable")
    leave(found.folder / "keys", bucket, [*cut_at(keys[sort], shares(keys[sort], found.ranges), found.ranges), sort])
    wanted = [np.bincount(table["stratum"], table["size"] * (table["first"] <= side), labels) for side in range(3)]
    return np.stack(wanted, axis=1).astype(np.int64)


def ranked(bucket: int, found: Joined) -> int:
    """Sort the groups whose keys are in a bucket. Leaves their ranks. Returns how many there are."""
    keys = [some.reshape(-1, 2) for some in read_all(found.folder / "keys", found.ranges, bucket, np.uint64)]
    ranks = distinct(*np.concatenate(keys).T)[1]
    leave(found.folder / "ranks", bucket, cut_by(ranks, list(map(len, keys))))
    return len(ranks)


def assign(found: Joined, wanted: Ints, given: Given, settings: Split) -> None:
    """Leave the side of each group. `wanted` is the sum of what `described` returns."""
    room = []
    for side, share in enumerate((settings.test_share, settings.validation_share, 1.0)):
        sizes = wanted[:, side].tolist()
        share_of_these = share * (int(found.rows[-1]) / max(sum(sizes), 1)) if SIDES[side] not in given.sides else 0.0
        room.append(sizes if side == TRAIN else quotas(sizes, share_of_these))
    left = [list(of_sides) for of_sides in zip(*room, strict=True)]
    for bucket in range(found.ranges):
        tables = read_all(found.folder / "groups", found.ranges, bucket, GROUP)
        table = np.concatenate(tables)
        order = np.lexsort((table["order"][:, 1], table["order"][:, 0], table["stratum"]))
        sides = np.empty(len(table), np.int8)
        for some in cut_at(order, table["stratum"][order].astype(np.int64), len(left)) if len(order) else []:
            if len(some):
                sides[some] = filled(table["size"][some], table["first"][some], left[table["stratum"][some[0]]])
        leave(found.folder / "sides", bucket, cut_by(sides, list(map(len, tables))))


def decided(bucket: int, found: Joined, given: Given, settings: Split, firsts: Ints, labels: int) -> Counts:
    """Leave for each block the side, the twins and the group of its messages. `firsts` are the first numbers."""
    rows, (numbers, *_) = together(bucket, found, given, settings)
    of_groups: Sides = np.concatenate(
        [read(found.folder / "sides", one, bucket, np.int8) for one in range(found.ranges)]
    )
    ranks = [firsts[one] + read(found.folder / "ranks", one, bucket, np.int64) for one in range(found.ranges)]
    of_keys = np.empty(len(of_groups), np.int64)
    of_keys[read(found.folder / "keys", bucket, found.ranges, np.int64)] = np.concatenate(ranks)
    result = np.zeros(len(rows), DECIDED)
    result["side"] = sides = np.where(free(rows, given), of_groups[numbers], rows["part"])
    result["twin"] = twins((rows["near"], rows["template"], distinct(*rows["text"].T)[1]), sides)
    result["group"] = of_keys[numbers]
    sizes = [len(some) for some in read_all(found.folder / "rows", found.messages.total, bucket, ROW)]
    leave(found.folder / "decided", bucket, cut_by(result, sizes))
    places = np.repeat(np.arange(len(sizes)), sizes) * len(SIDES) + sides
    of_blocks = [np.bincount(places, weights, len(sizes) * len(SIDES)) for weights in (None, rows["tokens"])]
    pairs = unique(numbers << 16 | rows["label"])
    return Counts(
        np.bincount(sides.astype(np.int64) * labels + rows["label"], minlength=len(SIDES) * labels).reshape(-1, labels),
        np.bincount(pairs & 0xFFFF, minlength=labels),
        len(of_keys),
        np.stack(of_blocks, axis=1).astype(np.int64).reshape(-1, len(SIDES), 2),
        int(np.count_nonzero(result["twin"])),
    )


def dealt(found: Joined, vectors: Sequence[Path], given: Given, settings: Split, labels: int) -> Counts:
    """Deal the rows to the sides, and leave for each block what `decided` says. Returns what is counted in all."""
    buckets = range(found.ranges)
    if given.group:
        unite_users(found, given.group)
    work = partial(scattered, found=found, vectors=vectors, given=given, keep_together=settings.keep_together)
    list(map_ordered(work, range(found.messages.total)))
    describe = partial(described, found=found, given=given, settings=settings, labels=labels)
    assign(found, sum(map_ordered(describe, buckets), np.zeros((labels, len(SIDES)), np.int64)), given, settings)
    firsts = totals(map_ordered(partial(ranked, found=found), buckets))
    decide = partial(decided, found=found, given=given, settings=settings, firsts=firsts, labels=labels)
    return reduce(lambda one, other: Counts(*map(add, one, other)), map_ordered(decide, buckets))


def of_block(block: int, found: Joined) -> NDArray[Any]:
    """Read what was decided of the messages of a block, in their order."""
    parts = [read(found.folder / "decided", bucket, block, DECIDED) for bucket in range(found.ranges)]
    result = np.empty(sum(map(len, parts)), DECIDED)
    result[read(found.folder / "rows", block, found.ranges, np.int64)] = np.concatenate(parts)
    return result
