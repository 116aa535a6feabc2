"""The default training and a large GRU on a GPU, beside the processors and PyTorch. It needs no network.

The stage train is run on each device from process start to model, in a copy of this folder, and twice on the GPU, whose
weights must be the same bits. Then each contender, in a process of its own, takes steps of one bidirectional GRU alone:
forward and backward, all rows of full length. PyTorch is left out where it is not installed. Without a GPU all of this
runs on the processors and says so.

Reads   data/, as `dvc repro` leaves it
Writes  docs/speed/gpu.json
Run     python -m bench.gpu [--repeats N] [--small] [--folder FOLDER] [--output FILE]   (a few minutes)
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from bench.measure import summary
from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import write_json
from tools.markdown import table

RESULT = paths.ROOT / "docs/speed/gpu.json"
CODE, DATA = ("stages", "textrnn", "requirements.txt"), ("params.yaml", "data")
DEFAULT_TARGET, RATIO_TARGET = 20.0, 1.3  # seconds from process start to model; times PyTorch's at TARGET
STEPS = 20  # of each size that are measured, after some that warm up


class Size(NamedTuple):
    """The size of a batch and of a bidirectional GRU that reads as many features as it has units."""

    rows: int
    units: int
    steps: int

    @property
    def name(self) -> str:
        """Return it in words."""
        return f"{self.rows} x {self.units} x {self.steps}"


SIZES = [Size(64, 64, 20), Size(512, 256, 40), Size(512, 512, 40), Size(512, 1024, 40)]
TARGET = SIZES[2]
SMALL = [Size(3, 4, 5)]


def copied(folder: Path, place: Path) -> Path:
    """Copy the code, and the data of `folder`, so that the stage can write there."""
    for source, names in ((paths.ROOT, CODE), (folder, DATA)):
        for name in names:
            copy = shutil.copytree if (source / name).is_dir() else shutil.copy
            copy(source / name, place / name)
    return place


def trained(place: Path, device: str) -> dict[str, Any]:
    """Run the stage train on a device; return its seconds, the notes that it printed, and a hash of the weights."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "stages.train"], cwd=place, env=os.environ | {"TEXTRNN_DEVICE": device},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise UserError(f"expected the stage train to end well on {device}, found {done.stderr.strip()[-2000:]}")
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    weights = hashlib.sha256((place / "data/trained/weights.npz").read_bytes()).hexdigest()
    print(f"train, TEXTRNN_DEVICE={device}: {seconds:.1f} s", *notes, sep="\n  ", flush=True)
    return {"seconds": round(seconds, 2), "notes": notes, "weights": weights}


def timed(step: Callable[[], object]) -> list[float]:
    """Return the milliseconds of each of STEPS steps, each of which waits until it is computed."""
    found = []
    for _ in range(STEPS // 2 + STEPS):
        begin = time.perf_counter()
        step()
        found.append(1000 * (time.perf_counter() - begin))
    return found[STEPS // 2 :]


def arrays(size: Size) -> tuple[Any, Any]:
    """Return inputs and what the gradient of the states shall be."""
    random = np.random.default_rng(0)
    values = random.normal(size=(size.rows, size.steps, size.units)).astype(np.float32)
    return values, random.normal(size=(size.rows, size.steps, 2 * size.units)).astype(np.float32)


def by_tensorflow(size: Size, kind: str) -> tuple[Callable[[], object], Callable[[], Any]]:
    """Return a step of textrnn's layer, by cuDNN where that is usable, of its loop, or of Keras' layer; its states."""
    from textrnn.model import cudnn, gru  # noqa: PLC0415  # PyTorch's contender does not load TensorFlow
    from textrnn.model.network import directions  # noqa: PLC0415
    from textrnn.model.runtime import deterministic, keras, tf  # noqa: PLC0415

    deterministic(0)
    layer = keras.layers.Bidirectional(keras.layers.GRU(size.units, return_sequences=True))
    layer.build((None, None, size.units))
    values, above = map(tf.constant, arrays(size))
    both, lengths = list(directions(layer).values()), tf.fill([size.rows], size.steps)
    mask = tf.sequence_mask(lengths)

    def states() -> Any:
        if kind == "Keras":
            return layer(values, mask=mask)
        if kind == "textrnn" and cudnn.usable():
            return cudnn.outputs("gru", both, values, lengths)[0]
        return gru.outputs(both, values, mask)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = tf.reduce_sum(states() * above)
        return tf.add_n([tf.reduce_sum(one) for one in tape.gradient(total, [values, *layer.trainable_variables])])

    return lambda: step().numpy(), lambda: states().numpy()


def by_pytorch(size: Size) -> Callable[[], object]:
    """Return a step of PyTorch's layer."""
    import torch  # type: ignore[import-not-found]  # noqa: PLC0415  # of bench/requirements.txt

    place = "cuda" if torch.cuda.is_available() else "cpu"
    values, above = (torch.from_numpy(one).to(place) for one in arrays(size))
    values.requires_grad_()
    layer = torch.nn.GRU(size.units, size.units, batch_first=True, bidirectional=True).to(place)

    def step() -> float:
        gradients = torch.autograd.grad((layer(values)[0] * above).sum(), [values, *layer.parameters()])
        return float(torch.stack([one.sum() for one in gradients]).sum())

    return step


CONTENDERS = ("textrnn", "textrnn, loop", "Keras", "PyTorch")


def contend(contender: str, small: bool) -> dict[str, Any]:
    """Measure one contender in this process."""
    found: dict[str, Any] = {}
    for size in SMALL if small else SIZES:
        step = by_pytorch(size) if contender == "PyTorch" else by_tensorflow(size, contender)[0]
        found[size.name] = timed(step)
    return found


def machine() -> dict[str, Any]:
    """Return the GPUs that TensorFlow finds, and how far cuDNN's states are from the loop's, without TF32."""
    from textrnn.model import cudnn  # noqa: PLC0415
    from textrnn.model.runtime import tf  # noqa: PLC0415

    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    names = [str(gpu.get("device_name", "a GPU")) for gpu in gpus]
    tf.config.experimental.enable_tensor_float_32_execution(False)
    one, other = (by_tensorflow(SIZES[0], kind)[1]() for kind in CONTENDERS[:2])
    return {"gpus": names, "cudnn": cudnn.usable(), "difference": float(np.abs(one - other).max())}


def in_process(*arguments: str) -> dict[str, Any]:
    """Return what this program prints in a process of its own."""
    command = [sys.executable, "-m", "bench.gpu", *arguments]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"expected {' '.join(arguments)} to end well, found {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Run everything."""
    here = in_process("--machine")
    if not here["gpus"]:
        print("no GPU: TensorFlow finds none here, so all of this is computed on the processors", flush=True)
    devices = ["cpu", "auto", *["gpu", "gpu"] * bool(here["gpus"])]
    with tempfile.TemporaryDirectory(prefix="gpu-") as work:
        place = copied(options.folder, Path(work))
        runs = [(device, trained(place, device)) for device in devices]
    weights = [one["weights"] for device, one in runs if device == devices[-1]]
    steps: dict[str, dict[str, list[float]]] = {}
    contenders = [name for name in CONTENDERS if name != "PyTorch" or find_spec("torch")]
    if len(contenders) < len(CONTENDERS):
        print("no PyTorch: it is not installed, and left out", flush=True)
    for _ in range(options.repeats):
        for contender in contenders:
            for size, took in in_process("--contender", contender, *["--small"] * options.small).items():
                steps.setdefault(size, {}).setdefault(contender, []).append(median(took))
                print(f"{size}, {contender}: {median(took):.2f} ms", flush=True)
    return here | {
        "train": [{"device": device, **one} for device, one in runs],
        "same_weights": len(set(weights)) == 1 if len(weights) > 1 else None,
        "milliseconds": {size: {name: summary(took) for name, took in by.items()} for size, by in steps.items()},
    }


def report(found: dict[str, Any]) -> str:
    """Return the tables, and whether the targets are met."""
    rows = [[one["device"], f"{one['seconds']:.1f}"] for one in found["train"]]
    by_size = found["milliseconds"]
    names = list(next(iter(by_size.values())))
    steps = [[size, *(f"{by[name]['median']:.2f}" for name in names)] for size, by in by_size.items()]
    lines = [table(["TEXTRNN_DEVICE", "seconds of the stage train"], rows)]
    lines.append(table(["rows x units x steps, in ms", *names], steps))
    lines.append(f"largest difference between cuDNN and the loop: {found['difference']:.1e}, used: {found['cudnn']}")
    if found["gpus"]:
        best = min(one["seconds"] for one in found["train"] if one["device"] == "gpu")
        lines.append(f"two trainings on the GPU have the same weights: {found['same_weights']}")
        lines.append(f"default on the GPU: {best:.1f} s, to reach: {DEFAULT_TARGET:g} s")
    if found["gpus"] and "PyTorch" in by_size.get(TARGET.name, {}):
        ours, theirs = (by_size[TARGET.name][name]["median"] for name in ("textrnn", "PyTorch"))
        lines.append(f"{TARGET.name}: {ours / theirs:.2f} times PyTorch's, to reach: {RATIO_TARGET:g}")
    return "\n\n".join(lines)


def main() -> None:
    """Measure, print and write it; or one part of it, for the process that asked for it."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="of each contender (default: 3)")
    parser.add_argument("--small", action="store_true", help="a tiny GRU, to try this program")
    parser.add_argument("--folder", type=Path, default=paths.ROOT, help="where params.yaml and data/ are")
    parser.add_argument("--output", type=Path, default=RESULT, help="the JSON file to write")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--machine", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.machine or options.contender:
        print(json.dumps(machine() if options.machine else contend(options.contender, options.small)))
        return
    found = measured(options)
    write_json(options.output, found)
    print(f"\n{report(found)}")


if __name__ == "__main__":
    sys.exit(run(main))
