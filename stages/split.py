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

import hashlib
import math
import sys
from collections import Counter, defaultdict
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn import params, paths, ragged
from textrnn.errors import UserError, run
from textrnn.files import write_array, write_metrics
from textrnn.folds import commonest
from textrnn.labels import Positive
from textrnn.messages import read_messages
from textrnn.params import Section
from textrnn.templates import families, template

SIDES = ("test", "validation", "train")  # in the order in which they are filled


class Split(Section):
    """Section `split` of params.yaml."""

    seed: int = Field(ge=0, lt=2**31)
    test_share: float = Field(gt=0, lt=1)
    validation_share: float = Field(ge=0, lt=1)
    keep_together: Literal["none", "duplicates", "templates"]


def group_keys(messages: list[tuple[str, str]], keep_together: str) -> list[str]:
    """Return a key for each (label, text): rows with the same key belong together."""
    texts = [text for _, text in messages]
    if keep_together == "templates":
        return families(texts)
    if keep_together == "duplicates":
        return texts
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for message in messages:
        seen[message] += 1
        keys.append(f"{message[0]}\t{message[1]}\t{seen[message]}")  # equal rows are interchangeable
    return keys


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


def assign(keys: list[str], labels: NDArray[np.int8], settings: Split) -> list[str]:
    """Return the side of each row.

    The groups of each stratum (a group's stratum is its commonest label) are taken in the order of a
    seeded hash of their keys, and given whole to the first side whose quota still has room for them.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        members[key].append(row)
    strata: defaultdict[int, list[str]] = defaultdict(list)
    for key, rows in members.items():
        strata[commonest(labels[rows])].append(key)
    sizes = [sum(len(members[key]) for key in strata[label]) for label in sorted(strata)]
    wanted = {"test": quotas(sizes, settings.test_share), "validation": quotas(sizes, settings.validation_share)}
    sides = [""] * len(keys)
    for place, label in enumerate(sorted(strata)):
        room = {side: wanted[side][place] for side in wanted} | {"train": len(keys)}
        for key in sorted(strata[label], key=lambda key: (seeded_hash(settings.seed, key), key)):
            side = next(side for side in SIDES if room[side] >= len(members[key]))
            room[side] -= len(members[key])
            for row in members[key]:
                sides[row] = side
    return sides


def seeded_hash(seed: int, key: str) -> bytes:
    """Return 32 bytes that order the keys in a way which differs for each seed."""
    return hashlib.sha256(f"{seed}\t{key}".encode()).digest()


def twins(texts: list[str], near: list[str], sides: NDArray[np.str_]) -> dict[str, int]:
    """Return how many test rows have a twin outside the test part, under each notion of a twin.

    `near` are the texts' families.
    """
    notions = {"same_text": texts, "same_template": [template(text) for text in texts], "near_template": near}
    counts = {}
    for name, keys in notions.items():
        seen = {key for key, side in zip(keys, sides, strict=True) if side != "test"}
        counts[name] = sum(key in seen for key, side in zip(keys, sides, strict=True) if side == "test")
    return counts


def check(parts: dict[str, ragged.Rows], classes: int, settings: Split) -> None:
    """Raise UserError when a side that was asked for lacks one of the labels."""
    for side, rows in parts.items():
        found = len(np.unique(rows.labels))
        if found < classes and (side != "validation" or settings.validation_share):
            raise UserError(
                f"expected every one of the {classes} labels among the {side} rows, found {found} in {len(rows.rows)} "
                "rows: change the shares in section split of params.yaml, or give more rows of the rare labels"
            )


def main() -> None:
    """Run the stage."""
    settings = params.load("split", Split)
    if settings.test_share + settings.validation_share >= 1:
        raise UserError("params.yaml: expected split.test_share + split.validation_share below 1: nothing is left")
    positive = params.load("evaluate", Positive, part=True)
    messages = read_messages(paths.MESSAGES)
    everything = ragged.load(paths.VECTORS)
    keys = group_keys(messages, settings.keep_together)
    sides = np.array(assign(keys, everything.labels, settings))
    parts = {side: ragged.take(everything, np.flatnonzero(sides == side)) for side in SIDES}
    texts = [text for _, text in messages]
    near = keys if settings.keep_together == "templates" else families(texts)
    names = sorted({label for label, _ in messages})
    check(parts, len(names), settings)
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    groups = np.array([numbers[key] for key in keys], np.int64)
    for directory in (paths.TRAIN, paths.VALIDATION, paths.TEST):
        part = parts[directory.name]
        ragged.save(directory, part)
        write_array(directory / "groups.npy", groups[part.rows])
    spam = {side: float(np.mean(rows.labels == names.index(positive.positive_label))) if len(rows.rows) else 0.0
            for side, rows in parts.items()}  # fmt: skip
    write_metrics(
        paths.METRICS / "split.json",
        {side: len(rows.rows) for side, rows in parts.items()}
        | {
            "spam_share": spam,
            "groups": len(numbers),
            "test_twins": twins(texts, near, sides),
        },
    )


if __name__ == "__main__":
    sys.exit(run(main))
