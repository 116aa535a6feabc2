"""split: rows go to train, validation or test, stratified by label and seeded.

Rows which belong together (the same message, or one template filled in twice, or reworded a little)
stay on one side, so that no test row was seen in training under another price or phone number. A row's
side depends on its text, its label and the seed, and on what else the corpus holds, but not on the row
order. How many test rows have a twin in training is counted, whatever was kept together.

Reads   data/clean/messages.tsv, data/vectors/; section `split` and evaluate.positive_label of params.yaml
Writes  data/split/{train,validation,test}/ (groups.npy beside the rows: which of them belong together),
        metrics/split.json
Run     python -m stages.split
"""

import math
import sys
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.artifacts import ragged
from textrnn.artifacts.labels import Positive
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import blocks, opened, read_table, write_array, write_metrics
from textrnn.core.params import Section
from textrnn.dedup.groups import Groups, groups

SIDES = ("test", "validation", "train")  # in the order in which they are filled


class Split(Section):
    """Section `split` of params.yaml."""

    seed: int = Field(ge=0, lt=2**31)
    test_share: float = Field(gt=0, lt=1)
    validation_share: float = Field(ge=0, lt=1)
    keep_together: Literal["none", "duplicates", "templates"]


def quotas(sizes: list[int], share: float) -> list[int]:
    """Return how many rows of each stratum a share of all rows is, by largest remainder.

    The total is rounded up, as scikit-learn's train_test_split rounds a test share.
    """
    total = math.ceil(round(share * sum(sizes), 9))
    exact = [share * size for size in sizes]
    counts = [math.floor(round(value, 9)) for value in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def assign(together: Groups, labels: NDArray[np.int8], settings: Split) -> NDArray[np.int8]:
    """Return the side of each row, as its place in SIDES.

    The groups of each stratum (a group's stratum is its commonest label) are taken in the order of a
    seeded hash of what they share, and given whole to the first side whose quota still has room for them.
    """
    sizes = np.bincount(together.numbers, minlength=len(together.order))
    strata = commonest_of(together.numbers, labels, len(sizes))
    # Stable: of equal hashes, the group first by the alphabet is the first.
    order = np.lexsort((together.order[:, 1], together.order[:, 0], strata))
    present, starts = np.unique(strata[order], return_index=True)
    totals = [int(sizes[strata == label].sum()) for label in present]
    wanted = [quotas(totals, settings.test_share), quotas(totals, settings.validation_share), totals]
    sides = np.empty(len(sizes), np.int8)
    for some, *room in zip(np.split(order, starts[1:]) if len(order) else [], *wanted, strict=True):
        sides[some] = filled(sizes[some], room)
    return sides[together.numbers]


def commonest_of(groups: NDArray[np.integer], labels: NDArray[np.int8], count: int) -> NDArray[np.int64]:
    """Return the commonest label of each group, 0 … count - 1, the smallest of those which tie."""
    pairs, times = np.unique(groups.astype(np.int64) << 8 | labels, return_counts=True)
    group, label = pairs >> 8, pairs & 255
    order = np.lexsort((-label, times, group))  # the last of each group is the one
    result = np.zeros(count, np.int64)
    result[group[order]] = label[order]
    return result


def filled(sizes: NDArray[np.int64], room: list[int]) -> NDArray[np.int8]:
    """Return for each group, in their order, the first side that has room for it."""
    left = list(room)
    sides = bytearray()
    for size in sizes:
        side = 0
        while left[side] < size:
            side += 1
        left[side] -= size
        sides.append(side)
    return np.frombuffer(sides, np.int8)


def twins(together: Groups, sides: NDArray[np.int8]) -> dict[str, int]:
    """Return how many test rows have a twin outside the test part, under each notion of a twin."""
    notions = {"same_text": together.texts, "same_template": together.templates, "near_template": together.families}
    in_test = sides == SIDES.index("test")
    counts = {}
    for name, numbers in notions.items():
        outside = np.zeros(len(sides), np.bool_)
        outside[numbers[~in_test]] = True
        counts[name] = int(np.sum(outside[numbers[in_test]]))
    return counts


def check(labels: dict[str, NDArray[np.int8]], classes: int, settings: Split) -> None:
    """Raise UserError when a side that was asked for lacks one of the labels."""
    for side, found in labels.items():
        if len(np.unique(found)) < classes and (side != "validation" or settings.validation_share):
            raise UserError(
                f"expected every one of the {classes} labels among the {side} rows, found {len(np.unique(found))} in "
                f"{len(found)} rows: change the shares in section split of params.yaml, or give more rows of the rare "
                "labels"
            )


def main() -> None:
    """Run the stage."""
    settings = params.load("split", Split)
    if settings.test_share + settings.validation_share >= 1:
        raise UserError("params.yaml: expected split.test_share + split.validation_share below 1: nothing is left")
    positive = params.load("evaluate", Positive, part=True)
    with opened(paths.MESSAGES) as messages:
        all_labels = ragged.load(paths.VECTORS).labels
        folder = paths.TRAIN.parent
        folder.mkdir(parents=True, exist_ok=True)
        together = groups(blocks(messages), settings.keep_together, settings.seed, folder)
    names = [name for name, _ in read_table(paths.VECTORS / "classes.tsv")]
    sides = assign(together, all_labels, settings)
    rows = {side: np.flatnonzero(sides == number) for number, side in enumerate(SIDES)}
    labels = {side: all_labels[rows[side]] for side in SIDES}
    check(labels, len(names), settings)
    for directory in (paths.TRAIN, paths.VALIDATION, paths.TEST):
        chosen = rows[directory.name]
        ragged.save_chosen(directory, paths.VECTORS, chosen)
        write_array(directory / "groups.npy", together.numbers[chosen].astype(np.int64))
    spam = {side: float(np.mean(found == names.index(positive.positive_label))) if len(found) else 0.0
            for side, found in labels.items()}  # fmt: skip
    write_metrics(
        paths.METRICS / "split.json",
        {side: len(found) for side, found in labels.items()}
        | {
            "positive_share": spam,
            "groups": len(together.order),
            "test_twins": twins(together, sides),
        },
    )


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
