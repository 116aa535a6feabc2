"""What reading a million rows costs in each format: processor time and memory of clean, as ratios to TSV.

The rows are invented: words drawn by Zipf's law, two labels. Each format is read in turn in a copy of the repository,
and the rounds are repeated; the table has the medians. With --other, a folder with another version of textrnn, which
reads TSV with its own settings, is measured in the same rounds, and the ratios are to it.

Run     python -m bench.formats [--rows N] [--repeats N] [--other FOLDER]
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from bench.measure import Run, timed
from textrnn.core import paths
from textrnn.core.errors import run

CODE = ("stages", "textrnn", "params.yaml")


def table(rows: int) -> pyarrow.Table:
    """Return rows of a label and a text of fifteen words."""
    random = np.random.default_rng(0)
    words = np.array([f"w{number:x}" for number in range(50_000)])
    drawn = words[np.minimum(random.zipf(1.3, (rows, 15)), len(words)) - 1]
    texts = [" ".join(row) for row in drawn.tolist()]
    labels = np.where(random.random(rows) < 0.13, "spam", "ham").tolist()
    return pyarrow.table({"label": labels, "text": [f"{text}, {row}" for row, text in enumerate(texts)]})


def save(rows: pyarrow.Table, path: Path) -> None:
    """Write the rows in the format that the file's name ends in."""
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(rows, path)
    elif path.suffix == ".csv":
        pyarrow.csv.write_csv(rows, path)
    else:
        form = "{label}\t{text}" if path.suffix == ".tsv" else None
        with path.open("w", encoding="utf-8") as file:
            for batch in rows.to_batches(10_000):
                for row in batch.to_pylist():
                    file.write((form.format(**row) if form else json.dumps(row)) + "\n")


def measured(folder: Path, corpus: Path) -> Run:
    """Return the cost of clean on a corpus, in a folder with the code."""
    shutil.copy(corpus, folder / "data/raw/corpus")
    (folder / "data/raw/test").touch()
    return timed([sys.executable, "-m", "stages.clean"], folder)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m bench.formats", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--other", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        of_folders = {"this": paths.ROOT} | ({"other": given.other} if given.other else {})
        for name, source in of_folders.items():
            (here / name / "data/raw").mkdir(parents=True)
            for part in CODE:
                place = source / part
                (shutil.copytree if place.is_dir() else shutil.copy)(place, here / name / part)
        rows = table(given.rows)
        jobs = {f"{name} of this": ("this", here / f"rows.{name}") for name in ("tsv", "csv", "jsonl", "parquet")}
        for _, path in jobs.values():
            save(rows, path)
        if given.other:
            jobs["tsv of other"] = ("other", here / "rows.tsv")
        found: dict[str, list[Run]] = {name: [] for name in jobs}
        for _ in range(given.repeats):
            for name, (folder, path) in jobs.items():
                found[name].append(measured(here / folder, path))
        base = list(found)[-1 if given.other else 0]
        print(f"{'':16}  seconds  processor  ratio  peak MB  ratio")
        typical = {name: Run(*map(median, zip(*runs, strict=True))) for name, runs in found.items()}
        for name, one in typical.items():
            times, peaks = one.processor / typical[base].processor, one.peak / typical[base].peak
            print(f"{name:16} {one.seconds:8.1f} {one.processor:10.1f} {times:6.2f} {one.peak:8.0f} {peaks:6.2f}")


if __name__ == "__main__":
    sys.exit(run(main))
