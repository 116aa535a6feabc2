"""Which labels a side of the split lacks, and what would give it them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.messages import SIDES
from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.dedup.sides import TEST, Split

FEW = 3  # labels that a message names


class Counts(NamedTuple):
    """How many rows and groups each label has, in the order of `names`."""

    names: list[str]
    of_sides: NDArray[np.int64]  # (sides, labels): rows
    of_groups: NDArray[np.int64]
    given: frozenset[str]  # the sides that the user's parts name

    def told(self, chosen: NDArray[np.int64]) -> str:
        """Name the first of the chosen labels, the rarest first, with their rows and groups."""
        rows = self.of_sides.sum(axis=0)
        some = [
            f"{listed([self.names[i]])} ({counted(rows[i], 'row')} in {counted(self.of_groups[i], 'group')})"
            for i in chosen[np.argsort(rows[chosen], kind="stable")][:FEW]
        ]
        return ", ".join(some) + (f" and {len(chosen) - FEW:,} more" if len(chosen) > FEW else "")


def counted(number: np.int64, noun: str) -> str:
    """Return the number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def check(counts: Counts, settings: Split) -> list[str]:
    """Return notes on labels that the user's parts lack: to those, no setting gives any.

    Raises UserError if train, or a side that is dealt, lacks a label with rows outside the user's test part.
    """
    tested_only = ~counts.of_sides[1:].any(axis=0) & ("test" in counts.given)
    notes = []
    for side, rows in zip(SIDES, counts.of_sides, strict=True):
        lacking = np.flatnonzero((rows == 0) & ~tested_only)
        wanted = side != "validation" or settings.validation_share or side in counts.given
        if len(lacking) and wanted and side in counts.given - {"train"}:
            notes.append(f"no {side} row has {counts.told(lacking)}: no score there covers them")
        elif len(lacking) and wanted:
            raise UserError(
                f"expected every label among the {side} rows, found none of {counts.told(lacking)}: "
                f"{cure(side, lacking, counts, settings)}"
            )
    if tested_only.any():
        notes.append(f"only test rows have {counts.told(np.flatnonzero(tested_only))}: the model cannot learn them")
    return notes


def cure(side: str, lacking: NDArray[np.int64], counts: Counts, settings: Split) -> str:
    """Say what gives a side the labels that it lacks."""
    more = "give more rows, or map rare labels to others by clean.labels.map"
    if settings.time_column is not None:
        return "a split by time heeds no label: change the shares, or set split.time_column: null"
    if counts.given and side != "validation":
        return f"the parts of your file decide: give {side} rows of them, or rows of no part, or {more}"
    dealt = counts.of_sides[TEST + 1 if "test" in counts.given else TEST :].sum(axis=0)
    rarest = lacking[np.argmin(dealt[lacking])]
    rows, groups = dealt[rarest], counts.of_groups[rarest]
    sides = 1 + ("test" not in counts.given) + ("validation" not in counts.given and settings.validation_share > 0)
    if rows < sides:
        return f"a label needs a row for each of {sides} sides: {more}"
    ways = []
    if groups < rows and settings.keep_together == "templates":
        ways.append("set split.keep_together: duplicates")
    if groups >= sides:
        ways.append(f"set a larger split.{side}_share" if side != "train" else "set smaller shares of the other sides")
    fault = f"a group stays on one side, and these are too {'few' if groups < sides else 'large'}: "
    return (fault if groups < rows else "") + ", or ".join([*ways, more])
