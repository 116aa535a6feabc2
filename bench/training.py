"""How fast the default network is trained, beside PyTorch and Keras' `fit`, in the same run.

The contenders of bench/trainers.py take turns, each in a process of its own: once on all processors, as they are used
by default, and once on one thread. PyTorch is left out where it is not installed (bench/requirements.txt).

Reads   data/split/, data/vectors/, data/clean/messages.tsv, as `dvc repro` leaves them
Writes  docs/speed/training.json
Run     python -m bench.training [--repeats N]   (about two minutes for each; then python -m tools.speed)
"""

import argparse
import json
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import Any

from bench.measure import interleaved, shown, summary
from bench.trainers import CONTENDERS
from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import write_json
from tools.markdown import table

EPOCHS = 2
RESULT = paths.ROOT / "docs/speed/training.json"


def tokens_per_second(contender: str) -> float:
    """Return the pace of one contender: tokens of training rows by the median epoch's seconds."""
    command = [sys.executable, "-m", "bench.trainers", contender, "--epochs", str(EPOCHS)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"expected {contender} to train, found it failing: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return float(found["tokens"] / median(found["seconds"]))


def collected(paces: dict[str, list[float]]) -> dict[str, Any]:
    """Return summaries of the paces, and of how often each is in textrnn's with as many threads, run by run."""
    first, alone = (paces[name] for name in list(CONTENDERS)[:2])
    found = {}
    for name, values in paces.items():
        own = alone if "one thread" in name else first
        ratios = [mine / other for mine, other in zip(own, values, strict=True)]
        found[name] = {"tokens_per_second": summary(values), "textrnn_is_faster_by": summary(ratios)}
    return found


def main() -> None:
    """Measure all, and write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="of each contender (default: 5)")
    options = parser.parse_args()
    contenders = [name for name in CONTENDERS if "PyTorch" not in name or find_spec("torch")]
    found = collected(interleaved({name: partial(tokens_per_second, name) for name in contenders}, options.repeats))
    write_json(RESULT, found)
    rows = [[name, *(shown(one, digits) for one, digits in zip(values.values(), (0, 2), strict=True))]
            for name, values in found.items()]  # fmt: skip
    print(table(["contender", "tokens a second", "textrnn is faster by"], rows))


if __name__ == "__main__":
    sys.exit(run(main))
