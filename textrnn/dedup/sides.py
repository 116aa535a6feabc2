"""Which side of the split each row goes to: by the parts that the user gives, by groups, or by time.

Sides and parts are int8 arrays (rows,) of indices into SIDES; a part of -1 is none.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from textrnn.artifacts.messages import SIDES
from textrnn.core.params import Column, Section

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


def filled(sizes: NDArray[np.int64], first: Sides, left: list[int]) -> Sides:
    """Return, for each group in turn, the first side that has room left for it, from that on to which it may go."""
    sides = bytearray()
    for size, side in zip(sizes, first.tolist(), strict=True):
        while left[side] < size:
            side += 1  # noqa: PLW2901
        left[side] -= size
        sides.append(side)
    return np.frombuffer(sides, np.int8)


def newest(time: NDArray[np.float64], settings: Split) -> tuple[float, float]:
    """Return from which time on rows are for test, and from which for validation. `time` is of all rows, in order.

    Rows of one time stay on one side, so a side may be larger than its share: it takes a time that fits in part.
    """
    bounds, tested = [], 0
    for share in (settings.test_share, settings.validation_share):
        wanted = tested + quotas([len(time)], share)[0]
        bounds.append(float(time[max(len(time) - wanted, 0)]) if wanted > tested else np.inf)
        tested = len(time) - int(np.searchsorted(time, bounds[0]))
    return bounds[0], bounds[1]


def by_time(time: NDArray[np.float64], bounds: tuple[float, float]) -> Sides:
    """Return the side of each row."""
    return np.where(time >= bounds[0], TEST, np.where(time >= bounds[1], VALIDATION, TRAIN)).astype(np.int8)


def twins(kinds: Sequence[NDArray[Any]], sides: Sides) -> NDArray[np.int8]:
    """Return what each test row shares with a row outside the test part: 0 for nothing, else its number in TWINS.

    `kinds` are numbers of each row: of its near-duplicates, its template and its text. Rows of one text have one
    template, and rows of one template are near-duplicates.
    """
    tested = sides == TEST
    found: NDArray[np.int8] = np.sum([np.isin(of, of[~tested]) & tested for of in kinds], axis=0, dtype=np.int8)
    return found
