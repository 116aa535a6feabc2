"""Compare the time of each stage with what the disk and the processors would need for its work.

A stage reads its dependencies and writes its outputs (dvc.lock has their sizes) no faster than the disk allows. Train
and evaluate multiply matrices no faster than a processor multiplies large ones. The time beyond the larger of the two
goes to Python, loading libraries, small matrices and so on. bench/stages.py measured the times.

Reads   dvc.lock, docs/speed/stages.json, metrics/train.json, data/, as `dvc repro` leaves it
Writes  docs/speed/limits.json
Run     python -m bench.limits   (then python -m tools.speed)
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from bench import stages
from bench.arithmetic import multiply_adds, sgemm
from bench.kills import STAGES
from textrnn.artifacts import ragged
from textrnn.core import params, paths, process_pool
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_json, write_json
from textrnn.model.config import TrainConfig
from textrnn.text.settings import Vectorize

RESULT = paths.ROOT / "docs/speed/limits.json"
BACK = 3  # a training step multiplies three times as much as a forward pass: gradients of inputs and weights too


def moved(stage: dict[str, Any]) -> int:
    """Return the bytes that a stage of dvc.lock reads and writes."""
    return sum(one["size"] for kind in ("deps", "outs") for one in stage.get(kind, []))


def multiplied() -> dict[str, float]:
    """Return the multiply-adds of train and evaluate, as if training dropped no token."""
    config, longest = params.load("train", TrainConfig), params.load("vectorize", Vectorize).max_sequence_length
    parts = (paths.TRAIN, paths.VALIDATION, paths.TEST)
    tokens = {path: int(np.diff(ragged.load(path).offsets).clip(1, longest).sum()) for path in parts}
    step = multiply_adds(config)
    seen = tokens[paths.TRAIN] + tokens[paths.VALIDATION]
    held_out = 1 / config.ensemble if config.ensemble > 1 else 0.0
    epochs = read_json(paths.METRICS / "train.json")["epochs"]
    learnt = epochs * seen * step * (BACK * (1 - held_out) + held_out)
    return {"train": learnt, "evaluate": tokens[paths.TEST] * step * config.ensemble}


def disk(size: int = 1 << 28) -> float:
    """Return the bytes a second at which a file that is in no cache is read."""
    if sys.platform != "linux":
        raise UserError("expected Linux")
    with tempfile.NamedTemporaryFile(dir=paths.ROOT) as file:
        file.write(np.random.default_rng(0).bytes(size))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, size, os.POSIX_FADV_DONTNEED)
        begin = time.perf_counter()
        with Path(file.name).open("rb", 0) as again:
            while again.read(1 << 20):
                pass
        return size / (time.perf_counter() - begin)


def measured() -> dict[str, Any]:
    """Return the seconds of each stage, and those that the disk and the processors would need."""
    took = read_json(stages.RESULT)["stages"]
    lock = YAML(typ="safe", pure=True).load(paths.ROOT / "dvc.lock")["stages"]
    speed, peak, work = disk(), process_pool.processors() * sgemm(), multiplied()
    found = {
        name: {
            "seconds": took[name]["median"],
            "seconds_of_disk": round(moved(lock[name]) / speed, 5),
            "seconds_of_multiplying": round(work.get(name, 0) / peak, 5),
            "megabytes": round(moved(lock[name]) / 1e6, 2),
            "billion_multiply_adds": round(work.get(name, 0) / 1e9, 2),
        }
        for name in STAGES
    }
    machine = {"disk_megabytes_per_second": round(speed / 1e6), "billion_multiply_adds_per_second": round(peak / 1e9)}
    return {"machine": machine, "stages": found}


def main() -> None:
    """Measure the machine, and write each stage's time and limits."""
    found = measured()
    write_json(RESULT, found)
    for name in STAGES:
        one = found["stages"][name]
        print(f"{name}: {one['seconds']:.2f} s; disk {one['seconds_of_disk']:.4f} s, "
              f"multiplying {one['seconds_of_multiplying']:.3f} s")  # fmt: skip


if __name__ == "__main__":
    sys.exit(run(main))
