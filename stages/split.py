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
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from textrnn.artifacts import ragged
from textrnn.artifacts.messages import SIDES
from textrnn.artifacts.ragged import gathered
from textrnn.core import params, paths
from textrnn.core.errors import note, run
from textrnn.core.files import Blocks, array_file, fill, read_array, read_table, write_metrics
from textrnn.dedup.deal import Given, dealt, of_block
from textrnn.dedup.groups import Ints, Joined, joined
from textrnn.dedup.lacking import Counts, check
from textrnn.dedup.sides import Split, newest
from textrnn.partitions.exchange import shared
from textrnn.partitions.execute import map_ordered


def given(columns: Path, settings: Split, folder: Path) -> Given:
    """Return what the user gives of the rows, in the files of clean: an array of length 0 is a column he has not."""
    arrays = [read_array(columns / f"{name}.npy") for name in ("part", "group", "time")]
    files = [Path(array.filename).resolve() if len(array) else None for array in arrays]
    parts = frozenset(name for side, name in enumerate(SIDES) if (arrays[0] == side).any())
    if not len(arrays[2]):
        return Given(*files, parts=parts)
    ordered = np.memmap(folder / "time", np.float64, "w+", shape=arrays[2].shape)
    ordered[:] = arrays[2]
    ordered.sort()
    return Given(*files, newest=newest(ordered, settings), parts=parts)


def write(part: tuple[int, Ints], found: Joined, vectors: Path, files: list[list[str]]) -> None:
    """Write the rows of a block to the files of their sides. `part` is its number, and how many there are before it."""
    block, before = part
    result, start = of_block(block, found), int(found.rows[block])
    every = ragged.load(vectors)
    for side, (row, token) in enumerate(before.tolist()):
        rows = start + np.flatnonzero(result["side"] == side)
        tokens, offsets = gathered(every.tokens, every.offsets, rows)
        ragged.write(files[side][:4], row, token, ragged.Rows(tokens, offsets, every.labels[rows], every.rows[rows]))
        for file, name in zip(files[side][4:], ("group", "twin"), strict=False):
            fill(file, row, result[name][rows - start])


def main() -> None:
    """Run the stage."""
    settings = params.load("split", Split)
    names = [name for name, _ in read_table(paths.VECTORS / "classes.tsv")]
    vectors, folder = paths.VECTORS.resolve(), paths.TRAIN.parent
    with shared(folder) as place, ExitStack() as stack:
        users = given(paths.COLUMNS, settings, place)
        found = joined(Blocks.of(paths.MESSAGES), settings.keep_together, settings.seed, place)
        counts = dealt(found, [vectors / "labels.npy", vectors / "offsets.npy"], users, settings, len(names))
        for one in check(Counts(names, counts.rows, counts.of_labels, users.parts), settings):
            note(one)
        sizes, files = counts.blocks.sum(axis=0), []
        for side, (rows, tokens) in zip((paths.TEST, paths.VALIDATION, paths.TRAIN), sizes.tolist(), strict=True):
            more = {"groups": np.int64} | ({"twins": np.int8} if side == paths.TEST else {})
            of_side = stack.enter_context(ragged.writing(side, rows, tokens))
            files.append(
                of_side
                + [stack.enter_context(array_file(side / f"{name}.npy", kind, rows)) for name, kind in more.items()]
            )
        before = np.cumsum(counts.blocks, axis=0) - counts.blocks
        list(map_ordered(partial(write, found=found, vectors=vectors, files=files), enumerate(before)))
    of_sides = {name: rows for name, (rows, _) in zip(SIDES, sizes.tolist(), strict=True)}
    write_metrics(paths.METRICS / "split.json", of_sides | {"groups": counts.groups, "test_twins": counts.twins})


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
