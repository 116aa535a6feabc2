"""clean, vectorize and split beside pandas, Polars and DuckDB, which do the same work but near-duplicates, in one run.

The corpora are invented (bench/corpora.py). All read the same file, drop bad rows and repeated texts, number the tokens
by frequency, and deal rows of one template to one part. Only the stages also find near-duplicates, spread each label
over the parts, note contradictions, mask numbers, and write each part's tokens. The others write the same messages as
the stages, which is checked. They take turns; other load on the machine changes seconds more than processor seconds.

Writes  docs/speed/preparation.json
Run     PYTHONPATH=FOLDER_OF_POLARS_AND_DUCKDB python -m bench.preparation [--sizes 100000 1000000] [--repeats 3]
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from bench.corpora import write_corpus
from bench.measure import Run, interleaved, summary, used
from bench.scale import STAGES, Place
from textrnn.artifacts.provenance import checksum
from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import write_json
from tools.markdown import table

RESULT = paths.ROOT / "docs/speed/preparation.json"
OWN = ", ".join(STAGES)
PEERS = {
    "pandas": ("bench.peers", "less"),
    "Polars": ("bench.engines", "polars"),
    "DuckDB": ("bench.engines", "duckdb"),
}


def measured(place: Place, size: int, repeats: int) -> dict[str, Any]:
    """Return what each contender takes for a corpus of so many messages."""
    write_corpus(place.corpus, size, seed=0)
    runs: dict[str, list[Run]] = {name: [] for name in (OWN, *PEERS)}

    def once(name: str) -> float:
        before, folder = used(), place.folder / name
        folder.mkdir(exist_ok=True)
        if name == OWN:
            of_modules = [place.run(f"stages.{stage}") for stage in STAGES]
        else:
            of_modules = [place.run(*PEERS[name], str(place.corpus), str(folder))]
            if checksum(folder / "messages.tsv") != checksum(place.folder / "data/clean/messages.tsv"):
                raise UserError(f"expected the messages of the stages from {name}, found others")
            for left in folder.iterdir():
                left.unlink()
        seconds, peak = sum(one.seconds for one in of_modules), max(one.megabytes for one in of_modules)
        runs[name].append(Run(seconds, used() - before, peak))
        return seconds

    interleaved({name: partial(once, name) for name in runs}, repeats)
    return {
        name: {key: summary([getattr(one, key) for one in several]) for key in Run._fields}
        for name, several in runs.items()
    }


def report(found: dict[str, Any]) -> str:
    """Return a row for each contender."""
    sizes, digits = sorted(found, key=int), {"seconds": 1, "processor": 1, "peak": 0}
    rows = [
        [name, *(f"{found[size][name][key]['median']:,.{digits[key]}f}" for size in sizes for key in digits)]
        for name in (OWN, *PEERS)
    ]
    titles = [f"{int(size):,} messages: {of}" for size in sizes for of in ("seconds", "of processors", "MB")]
    return table(["", *titles], rows, numbers=True)


def main() -> None:
    """Measure the sizes on the command line, and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.preparation", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], metavar="N")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="runs of each (default: 3)")
    given = parser.parse_args()
    found = {}
    for size in given.sizes:
        with tempfile.TemporaryDirectory(prefix="preparation-") as folder:
            found[str(size)] = measured(Place(Path(folder)), size, given.repeats)
    write_json(RESULT, found)
    print(report(found))


if __name__ == "__main__":
    sys.exit(run(main))
