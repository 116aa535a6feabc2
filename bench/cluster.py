"""How one network of the default size is trained by one, two and three workers: what it learns, and how fast.

Workers are processes that find each other by TF_CONFIG, as docs/cluster.md has it: each in a network of its own where
they may be made (by root, with iproute2), else over loopback. All share the processors of one machine: the paces tell
what working together costs, not what more machines gain.

Reads   data/split/, data/vectors/, data/clean/messages.tsv, as `dvc repro` leaves them
Writes  docs/speed/cluster.json
Run     python -m bench.cluster [--epochs N]   (about ten minutes)
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.networks import networks
from stages.train import training_set
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import write_json
from textrnn.model.config import TrainConfig
from textrnn.text import subwords, vocabulary
from textrnn.text.settings import Vectorize
from textrnn.training import loop
from textrnn.training.batches import Collator
from textrnn.training.distributed import cluster
from textrnn.training.history import COLUMNS
from textrnn.training.learn import known_words
from textrnn.training.members import one_by_one
from tools.markdown import table

RESULT = paths.ROOT / "docs/speed/cluster.json"
RUNS = (1, 2, 2, 3, 3)  # workers; twice, to see whether the bits repeat
REDUCTIONS = 50


def worker(folder: Path, epochs: int) -> None:
    """Train as TF_CONFIG has it; the chief leaves weights and figures in `folder`."""
    here = cluster.from_environment(os.environ)
    loop.CHECKPOINT, paths.MACHINE = folder / "checkpoint.npz", folder / "machine.json"
    config, vectorize = params.load("train", TrainConfig), params.load("vectorize", Vectorize)
    config = config.model_copy(update={"ensemble": 1, "linear": False, "epochs": epochs})
    training, held_out, _ = training_set(config)
    tokens = vocabulary.read_tokens(paths.VECTORS / "vocabulary.tsv")
    words, kept = known_words(training.rows, tokens, vectorize.min_word_frequency)
    features = subwords.of_many(tokens, config.subword_buckets)
    collator = Collator(words, features, vectorize.max_sequence_length, config.masking)
    member = loop.Member(training.rows, held_out, collator)
    train, seconds = partial(one_by_one, cluster=here), list[float]()

    def timed(*given: Any) -> Generator[list[loop.EpochResult], None, None]:
        begun = time.perf_counter()
        for results in train(*given):
            seconds.append(time.perf_counter() - begun)
            yield results
            begun = time.perf_counter()

    fitted = loop.fit(timed, loop.Ensemble(config, len(kept) + 1, 2, [member]), "bench", here)
    size = sum(array.size for array in fitted.weights[0].values())
    found = {
        "losses": fitted.history[:, COLUMNS.index("train_loss")].tolist(),
        "held_out_losses": fitted.history[:, COLUMNS.index("held_out_loss")].tolist(),
        "seconds": median(seconds[1:]),  # the first epoch compiles
        "tokens": int(member.collator.lengths(member.train).sum()),
        "steps": -(-len(training.rows.rows) // config.batch_size),
        "parameters": size,
        "seconds_of_a_sum": seconds_of_a_sum(size),
    }
    if here.chief:
        np.savez(folder / "weights.npz", **fitted.weights[0])  # type: ignore[arg-type]
        write_json(folder / "found.json", found)


def seconds_of_a_sum(size: int) -> float:
    """Return how long the workers take to sum so many numbers, and to wait for each other."""
    from textrnn.model.runtime import tf  # noqa: PLC0415
    from textrnn.training.distributed import collective  # noqa: PLC0415  # the parent process has no use for TensorFlow

    values = tf.ones(size)
    summed = tf.function(lambda: collective.run(lambda one: collective.summed([one])[0], values), autograph=False)
    took = []
    for _ in range(REDUCTIONS):
        begun = time.perf_counter()
        summed().numpy()
        took.append(time.perf_counter() - begun)
    return median(took)


def trained(count: int, epochs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train by so many workers, and return figures and weights."""
    with TemporaryDirectory() as folder, networks(count) as places:
        workers = [address for _, address in places]
        processes = []
        for number, (within, _) in enumerate(places):
            config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": number}}
            command = [*within, sys.executable, "-m", "bench.cluster", "--epochs", str(epochs), "--worker", folder]
            environment = os.environ | {cluster.VARIABLE: json.dumps(config)}
            processes.append(subprocess.Popen(command, cwd=paths.ROOT, env=environment, stderr=subprocess.PIPE))
        said = [process.communicate()[1].decode() for process in processes]
        if any(process.returncode for process in processes):
            raise UserError(f"expected {count} workers to train, found them failing: {' '.join(said)[-500:]}")
        with np.load(Path(folder) / "weights.npz") as weights:
            network = "one each" if places[0][0] else "loopback"
            return json.loads((Path(folder) / "found.json").read_text()) | {"network": network}, dict(weights)


def compared(found: dict[str, Any], weights: dict[str, Any], alone: dict[str, Any], first: dict[str, Any]) -> None:
    """Add to the figures how far the weights are from one worker's, whether they repeat, and the share of sums."""
    found["largest_difference"] = max(float(np.abs(weights[name] - alone[name]).max()) for name in alone)
    found["same_bits_again"] = all(weights[name].tobytes() == first[name].tobytes() for name in first)
    found["tokens_per_second"] = round(found["tokens"] / found["seconds"])
    found["share_of_sums"] = round(found["steps"] * found["seconds_of_a_sum"] / found["seconds"], 3)


def main() -> None:
    """Train by each number of workers, and write what came of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker(options.worker, options.epochs)
    first_occurrence: dict[int, dict[str, Any]] = {}
    result: dict[str, Any] = {}
    for count in RUNS:
        found, weights = trained(count, options.epochs)
        compared(found, weights, first_occurrence.get(1, weights), first_occurrence.setdefault(count, weights))
        result[str(count)] = found
        print(count, found, flush=True)
    write_json(RESULT, result)
    told = ("tokens_per_second", "share_of_sums", "largest_difference", "same_bits_again")
    rows = [[name, *(one[key] for key in told)] for name, one in result.items()]
    print(table(["workers", "tokens a second", "share of sums", "largest difference", "same bits again"],
                [[str(value) for value in row] for row in rows]))  # fmt: skip
    return None


if __name__ == "__main__":
    sys.exit(run(main))
