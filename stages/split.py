"""split: rows go to train, validation or test, stratified by label and seeded.

Rows that belong together (the same message, one template filled in twice, or a near-duplicate) stay on one
side, so the model is not tested on a message that it has seen in training with another price or phone number.
A row's side depends on its text, its label, the seed and the rest of the corpus, but not on the row order.
The stage counts how many test rows have a duplicate or near-duplicate outside the test part.

Reads   data/clean/messages.tsv, data/vectors/; section `split` and evaluate.positive_label of params.yaml
Writes  data/split/{train,validation,test}/ (the rows, and in groups.npy the group of each), metrics/split.json
Run     python -m stages.split
"""

import math
import sys
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.artifacts import ragged
from textrnn.artifacts.messages import Positive, commonest, positive_label
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import opened, read_table, write_array, write_metrics
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


def assign(together: Groups, labels: NDArray[np.int16], settings: Split) -> NDArray[np.int8]:
    """Return the side of each row, as an index into SIDES.

    A group's stratum is its commonest label. The groups of a stratum are taken in the order of a seeded hash of what
    their rows share, and each goes whole to the first side whose quota still has room for it.
    """
    sizes = np.bincount(together.numbers, minlength=len(together.order))
    strata = commonest(together.numbers, labels, len(sizes))
    # Stable: groups of equal hashes stay in alphabetical order.
    order = np.lexsort((together.order[:, 1], together.order[:, 0], strata))
    present, starts = np.unique(strata[order], return_index=True)
    totals = [int(sizes[strata == label].sum()) for label in present]
    wanted = [quotas(totals, settings.test_share), quotas(totals, settings.validation_share), totals]
    sides = np.empty(len(sizes), np.int8)
    for some, *room in zip(np.split(order, starts[1:]) if len(order) else [], *wanted, strict=True):
        sides[some] = filled(sizes[some], room)
    return sides[together.numbers]


def filled(sizes: NDArray[np.int64], room: list[int]) -> NDArray[np.int8]:
    """Return, for each group in turn, the first side that has room for it."""
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
    """Return how many test rows share a text, a template or a near-duplicate with a row outside the test part."""
    kinds = {
        "same_text": together.texts, "same_template": together.templates, "near_template": together.near_duplicates,
    }  # fmt: skip
    in_test = sides == SIDES.index("test")
    return {name: int(np.isin(of[in_test], of[~in_test]).sum()) for name, of in kinds.items()}


def check(labels: dict[str, NDArray[np.int16]], classes: int, settings: Split) -> None:
    """Raise UserError if a side with a share above zero lacks one of the labels."""
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
        together = groups(messages, settings.keep_together, settings.seed, folder)
    of_labels = {name: int(count) for name, count in read_table(paths.VECTORS / "classes.tsv")}
    sides = assign(together, all_labels, settings)
    rows = {side: np.flatnonzero(sides == number) for number, side in enumerate(SIDES)}
    labels = {side: all_labels[rows[side]] for side in SIDES}
    check(labels, len(of_labels), settings)
    for directory in (paths.TRAIN, paths.VALIDATION, paths.TEST):
        chosen = rows[directory.name]
        ragged.save_chosen(directory, paths.VECTORS, chosen)
        write_array(directory / "groups.npy", together.numbers[chosen].astype(np.int64))
    counts = {side: len(of) for side, of in labels.items()}
    more: dict[str, object] = {"groups": len(together.order), "test_twins": twins(together, sides)}
    if label := positive_label(of_labels, positive):
        number = list(of_labels).index(label)
        more["positive_share"] = {side: float(np.mean(of == number)) if len(of) else 0.0 for side, of in labels.items()}
    write_metrics(paths.METRICS / "split.json", counts | more)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
