"""Which side of the split each row goes to: by the parts that the user gives, by groups, or by time.

Sides and parts are int8 arrays (rows,) of indices into SIDES; a part of -1 is none.
"""

import math
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from textrnn.artifacts.messages import SIDES, commonest
from textrnn.core.params import Column, Section
from textrnn.dedup.groups import Groups

TEST, VALIDATION, TRAIN = range(len(SIDES))
Sides = NDArray[np.int8]


class Split(Section):
    """Section `split` of params.yaml."""

    seed: int = Field(ge=0, lt=2**31)
    test_share: float = Field(gt=0, lt=1)
    validation_share: float = Field(ge=0, lt=1)
    keep_together: Literal["none", "duplicates", "templates"]
    column: Column | None
    group_column: Column | None
    time_column: Column | None
    test_source: str | None = Field(min_length=1)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.test_share + self.validation_share >= 1:
            raise ValueError("expected test_share + validation_share below 1: nothing is left")
        for name in ("column", "group_column", "test_source"):
            if self.time_column is not None and getattr(self, name) is not None:
                raise ValueError(
                    f"expected time_column or {name}, found both: rows are dealt by time alone, so set one to null"
                )
        return self


def quotas(sizes: list[int], share: float) -> list[int]:
    """Return how many rows of each stratum make up a share of all rows, by largest remainder.

    The total is rounded up, as scikit-learn's train_test_split rounds a test share.
    """
    total = math.ceil(round(share * sum(sizes), 9))
    exact = [share * size for size in sizes]
    counts = [math.floor(round(value, 9)) for value in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def assign(together: Groups, labels: NDArray[np.int16], part: Sides, settings: Split) -> Sides:
    """Return the side of each row. Rows of a part stay there; the others are dealt, stratified and group by group.

    Train rows are dealt too, to train and validation, if no row is in part validation.
    A group's stratum is its commonest label. The groups of a stratum are taken in the order of a seeded hash of what
    their rows share, and each goes whole to the first side whose quota still has room for it. A side that is a part has
    no room; a group with rows in a part never goes to test, and one with test rows goes to train.
    """
    numbers, count = together.numbers, len(together.order)
    free = (part < 0) | ((part == TRAIN) & (VALIDATION not in part))
    first = np.full(count, TEST, np.int8)  # the first side that a group may go to
    first[numbers[part >= 0]] = VALIDATION
    first[numbers[part == TEST]] = TRAIN
    sizes = np.bincount(numbers[free], minlength=count)
    strata = commonest(numbers[free], labels[free], count)
    # Stable: groups of equal hashes stay in alphabetical order.
    order = np.lexsort((together.order[:, 1], together.order[:, 0], strata))
    present, starts = np.unique(strata[order], return_index=True)
    wanted = []
    for side, share in enumerate((settings.test_share, settings.validation_share, 1.0)):
        totals = np.bincount(strata, sizes * (first <= side))[present].astype(int).tolist()
        share_of_these = share * (len(labels) / max(sum(totals), 1)) if side not in part else 0.0
        wanted.append(totals if side == TRAIN else quotas(totals, share_of_these))
    sides = np.empty(count, np.int8)
    for some, *room in zip(np.split(order, starts[1:]) if len(order) else [], *wanted, strict=True):
        sides[some] = filled(sizes[some], first[some], room)
    return np.where(free, sides[numbers], part)


def filled(sizes: NDArray[np.int64], first: Sides, room: list[int]) -> Sides:
    """Return, for each group in turn, the first side that has room for it, from that on to which it may go."""
    left = list(room)
    sides = bytearray()
    for size, side in zip(sizes, first.tolist(), strict=True):
        while left[side] < size:
            side += 1  # noqa: PLW2901
        left[side] -= size
        sides.append(side)
    return np.frombuffer(sides, np.int8)


def by_time(time: NDArray[np.float64], settings: Split) -> Sides:
    """Return the side of each row: the newest are for test, those before them for validation.

    Rows of one time stay on one side, so a side may be larger than its share: it takes a time that fits in part.
    """
    newer = len(time) - np.searchsorted(np.sort(time), time, side="right")  # how many rows are newer than each
    test, validation = (quotas([len(time)], share)[0] for share in (settings.test_share, settings.validation_share))
    tested = newer < test
    return np.where(tested, TEST, np.where(newer < tested.sum() + validation, VALIDATION, TRAIN)).astype(np.int8)


def twins(together: Groups, sides: Sides) -> NDArray[np.int8]:
    """Return what each test row shares with a row outside the test part: 0 for nothing, else its number in TWINS.

    Rows of one text have one template, and rows of one template are near-duplicates.
    """
    kinds = together.near_duplicates, together.templates, together.texts
    in_test = sides == TEST
    shared: NDArray[np.int8] = np.sum([np.isin(of[in_test], of[~in_test]) for of in kinds], axis=0, dtype=np.int8)
    return shared
