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
from textrnn.dedup.groups import Joined, joined
from textrnn.dedup.lacking import Counts, check
from textrnn.dedup.sides import Split, newest
from textrnn.dedup.word_sets import Ints
from textrnn.partitions.exchange import shared
from textrnn.partitions.execute import map_ordered


def of_user(columns: Path, settings: Split, folder: Path) -> Given:
    """Return what the user gives of the rows, in the files of clean: an array of length 0 is a column he has not."""
    arrays = [read_array(columns / f"{name}.npy") for name in ("part", "group", "time")]
    part, group, time = (Path(array.filename).resolve() if len(array) else None for array in arrays)
    given = Given(part, group, time, parts=frozenset(SIDES[side] for side in range(3) if (arrays[0] == side).any()))
    if not time:
        return given
    (folder / "time").write_bytes(arrays[2].data)  # not through the map, as in Joined.trees
    ordered = np.memmap(folder / "time", arrays[2].dtype, "r+")
    ordered.sort()
    return given._replace(newest=newest(ordered, settings))


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


def split(clean: Path, vectors: Path, directory: Path, settings: Split) -> tuple[dict[str, int], list[str]]:
    """Deal the rows of two stages' directories to a directory of each side. Returns counts and notes."""
    names = [name for name, _ in read_table(vectors / "classes.tsv")]
    vectors = vectors.resolve()
    with shared(directory) as folder, ExitStack() as stack:
        users = of_user(clean / "columns", settings, folder)
        found = joined(Blocks.of(clean / "messages.tsv"), settings.keep_together, settings.seed, folder)
        counts = dealt(found, [vectors / "labels.npy", vectors / "offsets.npy"], users, settings, len(names))
        notes = check(Counts(names, counts.rows, counts.of_labels, users.parts), settings)
        sizes, files = counts.blocks.sum(axis=0).tolist(), []
        for side, (rows, tokens) in zip(SIDES, sizes, strict=True):
            more = {"groups": np.int64} | ({"twins": np.int8} if side == "test" else {})
            arrays = [array_file(directory / side / f"{name}.npy", kind, rows) for name, kind in more.items()]
            of_rows = stack.enter_context(ragged.writing(directory / side, rows, tokens))
            files.append(of_rows + [stack.enter_context(array) for array in arrays])
        before = np.cumsum(counts.blocks, axis=0) - counts.blocks
        list(map_ordered(partial(write, found=found, vectors=vectors, files=files), enumerate(before)))
    of_sides = {name: rows for name, (rows, _) in zip(SIDES, sizes, strict=True)}
    return of_sides | {"groups": counts.groups, "test_twins": counts.twins}, notes


def main() -> None:
    """Run the stage."""
    settings = params.load("split", Split)
    counts, notes = split(paths.MESSAGES.parent, paths.VECTORS, paths.TRAIN.parent, settings)
    for one in notes:
        note(one)
    write_metrics(paths.METRICS / "split.json", counts)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
