"""check: whether the numbers of the comparison are those of the code as it is now.

`--code` compares the fingerprints in compare/code.json with the code, and prints one line if they differ. That is no
error: most changes of the code change no number. Without it, some cells run again, and their scores must equal the
committed ones to all six digits: then the committed numbers stand, and code.json records the code and these cells. With
`--update`, a score that differs replaces the committed one. PATTERN names the cells; without one, `--seed` draws one
cell of each model whose numbers do not depend on the processor (some minutes).

Reads   compare/cells.tsv, compare/corpora.tsv, compare/code.json, data/raw/corpus
Writes  compare/code.json, compare/prepared/; with --update compare/cells.tsv and compare/corpora.tsv
Run     python -m compare.check [--code] [--update] [--seed N] [PATTERN ...]   (templates/default/0-3, '*/rnn/*')
"""

import argparse
import sys
from fnmatch import fnmatchcase
from importlib.util import find_spec

import numpy as np

from compare import code, prepare
from compare.protocols import ABLE, PROTOCOLS
from compare.score import committed, parsed, scored, write
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_json, write_json
from textrnn.core.progress import progress

# May round differently on another processor: of the recurrent layers, only textrnn/model/gru.py prevents that.
BY_PROCESSOR = ("tutorial", "tutorial_masked", "rnn", "lstm")
RUN_ALL = "run `dvc --cd compare repro && python -m tools.readme`"


def model_of(cell: str) -> str:
    """Return the model of a cell."""
    return cell.split("/")[1]


def changed() -> list[str]:
    """Return what differs between the code as it is now and the code that gave the committed numbers."""
    before, now = read_json(code.RECORD)["code"], code.current()
    return sorted(place for place in before.keys() | now.keys() if before.get(place) != now.get(place))


def sample(cells: list[str], seed: int) -> list[str]:
    """Return a cell of each model that gives the same numbers on every processor, and is installed."""
    by_model: dict[str, list[str]] = {}
    for name in cells:
        by_model.setdefault(model_of(name), []).append(name)
    for model in BY_PROCESSOR:
        by_model.pop(model, None)
    if not find_spec("fasttext"):
        print("fastText is not installed: its cells are not recomputed", file=sys.stderr)
        by_model.pop("fasttext", None)
    draw = np.random.default_rng(seed)
    return [str(draw.choice(names)) for names in by_model.values()]


def matching(patterns: list[str]) -> list[str]:
    """Return the cells that these patterns name. Raises UserError if a pattern names none."""
    cells = list(committed())
    if wrong := [pattern for pattern in patterns if not any(fnmatchcase(cell, pattern) for cell in cells)]:
        raise UserError(f"expected cells such as templates/default/0-3, found {', '.join(wrong)}")
    return [cell for cell in cells if any(fnmatchcase(cell, pattern) for pattern in patterns)]


def recompute(names: list[str]) -> dict[str, list[str]]:
    """Run these cells again. Return the scores of those whose scores are not the committed ones."""
    from compare.cell import answers  # noqa: PLC0415  # loads every model's libraries, for seconds

    prepare.main(sorted({name.split("/")[0] for name in names}))
    scores = {}
    for name in progress(names, "recompute", unit="cell"):
        scores[name] = scored(name.split("/")[0], parsed(answers(*name.split("/"))))
    before = committed()
    return {name: found for name, found in scores.items() if found != before[name]}


def update(found: dict[str, list[str]]) -> None:
    """Write these scores where they are committed. Raises UserError if ceiling.json depends on one of these cells."""
    protocols = [name for name in found if name.split("/")[0] in PROTOCOLS]
    if able := sorted({model_of(name) for name in protocols} & set(ABLE)):
        raise UserError(f"other answers of {', '.join(able)} may give other rows in compare/ceiling.json: {RUN_ALL}")
    write(committed() | found)


def check(names: list[str], *, replace: bool) -> None:
    """Run these cells again, and record the code and the cells once their scores are those in cells.tsv.

    Raises UserError if a score is not the committed one; with `replace`, writes it into cells.tsv instead.
    """
    now, record = code.current(), read_json(code.RECORD)
    differing = recompute(names)
    if replace:
        update(differing)
    elif differing:
        before = committed()
        lines = (f"{name} {' '.join(found)} instead of {' '.join(before[name])}" for name, found in differing.items())
        raise UserError(f"the committed scores are not those of this code: {'; '.join(lines)}: {RUN_ALL}")
    earlier = record["recomputed"] if record["code"] == now else []
    write_json(code.RECORD, {"code": now, "recomputed": sorted({*names, *earlier})})
    print(
        f"{len(names)} cells ran again, {len(differing)} have other scores than before. "
        "Run `python -m compare.table && python -m tools.readme`"
    )


def main() -> None:
    """Check what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--code", action="store_true", help="compare fingerprints only, and run nothing")
    parser.add_argument("--update", action="store_true", help="replace scores that differ")
    parser.add_argument("--seed", type=int, default=0, help="which cells to draw (default: 0)")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    arguments = parser.parse_args()
    if not arguments.code:
        names = matching(arguments.patterns) if arguments.patterns else sample(list(committed()), arguments.seed)
        check(names, replace=arguments.update)
    elif different := changed():
        print(
            f"warning: the comparison ran with other code ({', '.join(different)}). `python -m compare.check` runs "
            f"a cell of each model again; for all cells, {RUN_ALL}"
        )


if __name__ == "__main__":
    sys.exit(run(main))
