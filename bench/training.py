"""How fast the default network is trained, beside PyTorch and Keras' `fit`, in the same run.

The contenders take turns, each in a process of its own. PyTorch, where it is installed
(pip install -r bench/requirements.txt), runs on packed sequences. What is reported is tokens of training rows in a
second, the median of the repetitions and their spread, and the ratio to the first contender's.

Reads   data/split/, data/vectors/: run `dvc repro` first
Writes  docs/speed/training.json, docs/speed/training.png
Run     python -m bench.training [--repeats N]   (about two minutes for each)
"""

import argparse
import json
import subprocess
import sys
from importlib.util import find_spec
from statistics import median

from bench.speed import bars, spread, table
from bench.trainers import CONTENDERS
from textrnn import paths
from textrnn.errors import UserError, run
from textrnn.files import write_json

EPOCHS = 2
OUT = paths.ROOT / "docs/speed"


def tokens_per_second(contender: str) -> float:
    """Return the pace of one contender in a process of its own."""
    command = [sys.executable, "-m", "bench.trainers", contender, "--epochs", str(EPOCHS)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"expected {contender} to train, found it failing: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return float(found["tokens"] / median(found["seconds"]))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="of each contender (default: 5)")
    options = parser.parse_args()
    contenders = [name for name in CONTENDERS if "PyTorch" not in name or find_spec("torch")]
    paces: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(options.repeats):
        for name in contenders:
            paces[name].append(tokens_per_second(name))
            print(f"{number + 1}: {name}: {paces[name][-1]:,.0f} tokens/s", flush=True)
    first = median(paces[contenders[0]])
    rows = [[name, f"{median(one):,.0f}", spread(one), f"{first / median(one):.2f}"] for name, one in paces.items()]
    print(table(["contender", "tokens/s", "from … to", "textrnn is so many times faster"], rows))
    write_json(OUT / "training.json", {name: {"median": median(one), "runs": one} for name, one in paces.items()})
    bars(OUT / "training.png", "Training the default network", "tokens of training rows in a second", paces)


if __name__ == "__main__":
    sys.exit(run(main))
