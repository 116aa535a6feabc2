"""split: rows go to train, validation or test, stratified by label and seeded.

Rows that belong together (the same message, one template filled in twice, or a near-duplicate) stay on one
side, so the model is not tested on a message that it has seen in training with another price or phone number.
Rows with one value of split.group_column stay together as well.
A row's side depends on its text, its label, the seed and the rest of the corpus, but not on the row order.

The user's file may decide instead. Rows that split.column or split.test_source puts on a side stay there, and a side
that has none is dealt from the others. With split.time_column the newest rows are for test.
The stage counts how many test rows have a duplicate or near-duplicate outside the test part, however they came there.

Reads   data/clean/messages.tsv, data/clean/columns/ (an array of length 0 is a column that the user has not),
        data/vectors/; section `split` of params.yaml
Writes  data/split/{train,validation,test}/ (the rows, and in groups.npy the group of each),
        data/split/test/twins.npy (int8, the duplicate or near-duplicate that the row has outside), metrics/split.json
Run     python -m stages.split
"""

if __spec__ is None:
    raise SystemExit("error: stages/split.py is part of a package: run `python -m stages.split`")

import sys
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import ragged
from textrnn.core import params, paths
from textrnn.core.errors import note, run
from textrnn.core.files import opened, read_array, read_table, write_array, write_metrics
from textrnn.dedup.groups import Groups, groups, united
from textrnn.dedup.lacking import check, count
from textrnn.dedup.sides import Sides, Split, assign, by_time, twins


class Dealt(NamedTuple):
    """Which side each row goes to, which rows belong together, and what a person should know."""

    sides: Sides
    together: Groups
    notes: list[str]


def dealt(
    messages: IO[bytes],
    labels: NDArray[np.int16],
    names: list[str],
    columns: list[NDArray[Any]],
    settings: Split,
    folder: Path,
) -> Dealt:
    """Deal the rows. `columns` are part, group and time, of length 0 where the user has none. Raises UserError."""
    part, users, time = columns
    together = groups(messages, settings.keep_together, settings.seed, folder)
    chosen = len(part) or len(users)
    part, users = (of if len(of) else np.full(len(labels), -1, of.dtype) for of in (part, users))
    if chosen:
        together = united(together, labels, part, users)
    sides = by_time(time, settings) if len(time) else assign(together, labels, part, settings)
    return Dealt(sides, together, check(count(sides, part, labels, together.numbers, names), settings))


def main() -> None:
    """Run the stage."""
    settings = params.load("split", Split)
    of_labels = {name: int(count) for name, count in read_table(paths.VECTORS / "classes.tsv")}
    columns = [read_array(paths.COLUMNS / f"{name}.npy") for name in ("part", "group", "time")]
    labels = ragged.load(paths.VECTORS).labels
    folder = paths.TRAIN.parent
    folder.mkdir(parents=True, exist_ok=True)
    with opened(paths.MESSAGES) as messages:
        sides, together, notes = dealt(messages, labels, list(of_labels), columns, settings, folder)
    for one in notes:
        note(one)
    counts = {"groups": len(together.order)}
    for number, directory in enumerate((paths.TEST, paths.VALIDATION, paths.TRAIN)):
        rows = np.flatnonzero(sides == number)
        ragged.save_chosen(directory, paths.VECTORS, rows)
        write_array(directory / "groups.npy", together.numbers[rows].astype(np.int64))
        counts[directory.name] = len(rows)
    found = twins(together, sides)
    write_array(paths.TEST / "twins.npy", found)
    write_metrics(paths.METRICS / "split.json", counts | {"test_twins": int(np.count_nonzero(found))})


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
