"""check: whether the numbers of the comparison are those of the code as it is now.

`--code` compares the fingerprints in compare/code.json with the code, and prints one line if they differ. That is no
error: most changes of the code change no number. Without it, some cells run again, and their scores must equal those in
cells.tsv to all six digits: then the committed numbers stand, and code.json records the code and these cells. The cells
are those on the command line, or one of each model, drawn by `--seed` (a few minutes).

Reads   compare/cells.tsv, compare/code.json, data/raw/corpus
Writes  compare/code.json, compare/prepared/
Run     python -m compare.check [--code] [--seed N] [PROTOCOL/MODEL/SPLIT ...]   (such as templates/default/0-3)
"""

import argparse
import sys
from importlib.util import find_spec

import numpy as np

from compare import code, prepare
from compare.protocols import CELLS
from compare.score import parsed, scored
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_json, read_table, write_json
from textrnn.core.progress import progress

RUN_ALL = "run `dvc --cd compare repro && python -m tools.readme`"


def committed() -> dict[str, list[str]]:
    """Return the scores in cells.tsv by PROTOCOL/MODEL/SPLIT."""
    return {"/".join(line[:3]): line[3:] for line in read_table(CELLS)[1:]}


def changed() -> list[str]:
    """Return what differs between the code as it is now and the code that gave the committed numbers."""
    before, now = read_json(code.RECORD)["code"], code.current()
    return sorted(place for place in before.keys() | now.keys() if before.get(place) != now.get(place))


def sample(cells: list[str], seed: int) -> list[str]:
    """Return one of the cells of each model. fastText's is left out where it is not installed."""
    by_model: dict[str, list[str]] = {}
    for name in cells:
        by_model.setdefault(name.split("/")[1], []).append(name)
    if not find_spec("fasttext"):
        print("fastText is not installed: its cells are not recomputed", file=sys.stderr)
        del by_model["fasttext"]
    draw = np.random.default_rng(seed)
    return [str(draw.choice(names)) for names in by_model.values()]


def recompute(names: list[str]) -> None:
    """Run these cells again. Raises UserError if a score is not the committed one."""
    from compare.cell import answers  # noqa: PLC0415  # loads every model's libraries, for seconds

    scores = committed()
    if unknown := [name for name in names if name not in scores]:
        raise UserError(f"expected cells such as templates/default/0-3, found {', '.join(unknown)}")
    prepare.main()
    differing = []
    for name in progress(names, "recompute", "cell"):
        found = scored(parsed(answers(*name.split("/"))))
        if found != scores[name]:
            differing.append(f"{name} {' '.join(found)} instead of {' '.join(scores[name])}")
    if differing:
        raise UserError(f"the committed scores are not those of this code: {'; '.join(differing)}: {RUN_ALL}")


def main() -> None:
    """Check what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--code", action="store_true", help="compare fingerprints only, and run nothing")
    parser.add_argument("--seed", type=int, default=0, help="which cells to draw (default: 0)")
    parser.add_argument("cells", nargs="*", metavar="PROTOCOL/MODEL/SPLIT")
    arguments = parser.parse_args()
    if arguments.code:
        if different := changed():
            print(
                f"warning: the comparison ran with other code ({', '.join(different)}). `python -m compare.check` runs "
                f"a cell of each model again; for all cells, {RUN_ALL}"
            )
        return
    names = arguments.cells or sample(list(committed()), arguments.seed)
    now, record = code.current(), read_json(code.RECORD)
    recompute(names)
    earlier = record["recomputed"] if record["code"] == now else []
    write_json(code.RECORD, {"code": now, "recomputed": sorted({*names, *earlier})})
    print(f"{len(names)} cells have the committed scores, as compare/code.json now says: run `python -m tools.readme`")


if __name__ == "__main__":
    sys.exit(run(main))
