"""What a training will take, reckoned before it starts: parameters, memory, the size of model.onnx, and time.

The factors were measured on 28 November 2026 with TensorFlow 2.21, on one thread of a server's processor, with 64 to
1,024 units and batches of 64 to 4,096 rows; those of a GPU the day before on an H100, where one step's GRU by cuDNN
took 4 ms for 64 rows x 64 units x 20 steps, and 13 ms for 512 x 1,024 x 40. They are right within a factor of about
two: enough to refuse what cannot work, and to choose a device.
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from textrnn.artifacts.provenance import MOST_BYTES
from textrnn.core.errors import UserError, note
from textrnn.core.process_pool import processors
from textrnn.model.config import TrainConfig
from textrnn.model.export import GATES
from textrnn.text.encoders import WIDTHS
from textrnn.text.ngrams import LONGEST, MOST, bags_of_many
from textrnn.training.loop import Ensemble

SLOTS = {"rmsprop": 1, "adamw": 2}  # arrays of an optimizer for each array of weights
TYPICAL_STEPS, TYPICAL_EPOCHS = 400, 6  # until patience ends, whichever are more
COPIES = 3  # of a network's state in its process: its own, the one it began with, the one it hands on
HANDED = 3  # of each network's state in the process that writes the checkpoint: its own, and two as bytes
ACTIVATIONS = {"rnn": 8, "gru": 24, "lstm": 16}  # numbers kept for each unit and time step of a batch
PROCESS, GPU_PROCESS = 5e8, 1e9  # bytes of memory, and of a GPU's, that TensorFlow takes of itself
LINEAR = 16  # bytes for each n-gram and decision: two arrays of float64, in each process that fits the linear branch
NGRAM, FITTED_NGRAM = 72, 48  # bytes for each n-gram of each text: in this process, and in each that fits the branch
ROW, TOKEN = 6, 130  # bytes of each row and each distinct token that are not read from the disk when they are needed
TAKEN_ROW, TAKEN_TOKEN = (
    18,
    4,
)  # bytes of each row of an ensemble's member, which are taken from the disk, and its token
LOGIT = 80  # bytes for each held-out row and label: a float64, its copies and what is computed from it
MARGIN = 1.3  # of the memory that is there, by which an estimate must be wrong before it refuses what would work
ENCODED = 24  # bytes for each number of an encoder's vectors: its own, and two copies that a regression reads
SAMPLE = 2000  # texts whose n-grams are counted

PROCESSOR, GPU = 35e9, 100e12  # floating-point operations a second, of one thread and of cuDNN
UPDATE, GPU_UPDATE = 9e-9, 4e-11  # seconds a step for each parameter: gradient, clipping, optimizer
STEP = 0.01  # seconds a step for all else, on either
GPU_START = 10.0  # seconds until a process has its GPU and its kernels

CURES = {
    "words": "lower train.embedding_size, or raise vectorize.min_word_frequency",
    "subwords": "lower train.subword_buckets or train.embedding_size",
    "layers": "lower train.units or train.layers",
    "output": "lower train.units, or map labels together with clean.labels.map",
    "batch": "lower train.batch_size, train.units or vectorize.max_sequence_length",
    "ngrams": "set train.linear to false",
    "rows": "set train.ensemble to 1, or lower split.validation_share",
    "linear": "set train.linear to false, or map labels together with clean.labels.map",
    "encoder": "set train.encoder to none",
}


class Costs(NamedTuple):
    """What a training takes."""

    parameters: dict[str, int]  # of one network, by part
    networks: int
    steps: int  # of all networks
    seconds: float  # on this machine's processors
    gpu_seconds: float  # on a GPU, one network after another
    memory: dict[str, float]  # bytes of all processes at once, by part
    gpu_memory: float  # bytes of a GPU for a process
    written: int  # networks in model.onnx: a cascade trains one more, and writes that one alone
    linear: float  # bytes of the linear branch's weights in model.onnx, at least

    @property
    def file(self) -> dict[str, float]:
        """Return the bytes of model.onnx, by part."""
        found = {part: 4.0 * self.written * count for part, count in self.parameters.items()}
        return found | {"linear": self.linear}


def parameters(config: TrainConfig, vocabulary_size: int, classes: int) -> dict[str, int]:
    """Return how many parameters a network has, by part."""
    directions, gates, units = 1 + config.bidirectional, len(GATES[config.cell]), config.units
    inputs = [config.embedding_size, *[directions * units] * (config.layers - 1)]
    biases = 2 if config.cell == "gru" else 1
    pooled = directions * units * (2 if config.pooling == "mean_max" else 1)
    return {
        "words": vocabulary_size * config.embedding_size,
        "subwords": (config.subword_buckets + 1) * config.embedding_size if config.subword_buckets else 0,
        "layers": sum(directions * gates * units * (size + units + biases) for size in inputs),
        "output": (pooled + 1) * classes,
    }


def reckon(ensemble: Ensemble, texts: Sequence[str] = (), encoded: int = 0) -> Costs:
    """Return what training these networks takes; with texts, also the linear branch that learns from them.

    `encoded` is how many rows have an encoder's vectors.
    """
    config, networks = ensemble.config, len(ensemble.members)
    parts = parameters(config, ensemble.vocabulary_size, ensemble.classes)
    lengths = [member.collator.lengths(member.train) for member in ensemble.members]
    steps_of = [ceil(len(one) / config.batch_size) for one in lengths]
    typical = max(TYPICAL_EPOCHS, ceil(TYPICAL_STEPS / max(steps_of, default=1)))
    epochs = min(config.epochs, typical) if config.patience else config.epochs
    steps = epochs * sum(steps_of)
    # A product and a sum, forward, and twice that backward.
    operations = 6.0 * epochs * sum(int(one.sum()) for one in lengths) * parts["layers"]
    updates, processes = float(steps * sum(parts.values())), min(processors(), networks)

    rows = min(config.batch_size, max(map(len, lengths), default=0))
    longest = max((int(one.max()) for one in lengths), default=0)
    states = (1 + config.bidirectional) * config.units * config.layers
    batch = 4.0 * rows * longest * (states * ACTIVATIONS[config.cell] + 4 * config.embedding_size)
    arrays = 4 * (1 + SLOTS[config.optimizer] + (config.schedule == "averaged"))
    held = COPIES * processes + (HANDED + bool(config.patience)) * networks
    decisions = ensemble.classes if ensemble.classes > 2 else 1
    of_texts, distinct = ngrams(texts, decisions)
    weights = float(decisions * distinct)
    rows_held = ROW * processes * max(map(len, lengths), default=0)
    rows_held += LOGIT * ensemble.classes * sum(len(member.held_out.rows) for member in ensemble.members)
    for member in ensemble.members:
        rows_held += TOKEN * len(member.collator.words) // networks
        taken = (member.train, member.held_out) if networks > 1 else ()
        rows_held += sum(TAKEN_ROW * len(part.rows) + TAKEN_TOKEN * len(part.tokens) for part in taken)
    fits = min(processors(), config.folds)  # of the linear branch, at a time; this process holds what they return
    return Costs(
        parts,
        networks,
        steps,
        (steps * STEP + operations / PROCESSOR + updates * UPDATE) / max(1, processes),
        GPU_START + steps * STEP + operations / GPU + updates * GPU_UPDATE,
        {part: float(arrays * held * count) for part, count in parts.items()}
        | {"batch": processes * (PROCESS + batch), "linear": LINEAR * weights * (1 + fits)}
        | {"ngrams": of_texts * float(NGRAM + FITTED_NGRAM * fits), "rows": float(rows_held)}
        | {"encoder": float(ENCODED * encoded * WIDTHS[config.encoder])},
        GPU_PROCESS + batch + COPIES * arrays * sum(parts.values()),
        min(networks, config.ensemble),
        4 * weights,
    )


def ngrams(texts: Sequence[str], decisions: int) -> tuple[int, int]:
    """Return how many n-grams the texts have, about, and how many distinct ones at least.

    Both are 0 where even the most possible ones take little memory.
    """
    possible = sum((LONGEST + 2) * min(MOST, len(text)) for text in texts)
    if max(2 * LINEAR * decisions, NGRAM + FITTED_NGRAM) * possible < PROCESS:
        return 0, 0
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    found = bags_of_many(sample).grams
    return len(found) * len(texts) // len(sample), len(np.unique(found))


def check(costs: Costs) -> None:
    """Raise UserError where the model cannot be trained or written here."""
    if (size := sum(costs.file.values())) >= MOST_BYTES:
        raise UserError(
            f"expected model.onnx to take less than {shown(MOST_BYTES)}, the most that the format holds, found that "
            f"{described(costs)} would take {shown(size)}: {cure(costs.file, costs)}"
        )
    size, most = sum(costs.memory.values()), memory()
    if size > MARGIN * most:
        raise UserError(
            f"expected training to fit into the {shown(most)} of memory here, found that {described(costs)} would take "
            f"about {shown(size)}: {cure(costs.memory, costs)}"
        )
    if size > most:
        note(f"training may take {shown(size)} of memory, and {shown(most)} are here: {cure(costs.memory, costs)}")


def described(costs: Costs) -> str:
    """Return the size of the networks in words."""
    if not costs.networks:
        return "the linear branch"
    count = f"{sum(costs.parameters.values()):,} parameters"
    return f"{costs.networks} networks of {count} each" if costs.networks > 1 else f"a network of {count}"


def cure(bytes_of: dict[str, float], costs: Costs) -> str:
    """Return what to do about the part that takes the most."""
    part = max(bytes_of, key=lambda part: bytes_of[part])
    if part == "linear" and not costs.networks:
        return "map labels together with clean.labels.map"
    some = CURES[part]
    return f"{some}, or lower train.ensemble" if costs.networks > 2 else some


def memory(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes of memory that this process and its children may use: the machine's, or a container's."""
    found = psutil.virtual_memory().total
    try:
        groups = [line.split(":", 2) for line in own.read_text("utf-8").splitlines()]
    except OSError:  # not Linux
        return found
    for _, controllers, path in groups:
        if controllers == "":  # version 2
            base, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            base, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        # Each group above limits it too. A container may see its own group as the root, and a path out of it.
        for folder in (base, *(base.joinpath(*path.split("/")[1:end]) for end in range(2, path.count("/") + 2))):
            file = folder / name
            text = file.read_text("utf-8").strip() if file.is_file() else ""
            found = min(found, int(text)) if text.isdigit() else found
    return found


def shown(size: float) -> str:
    """Return a number of bytes for a person."""
    return f"{size / 1e9:,.1f} GB"


def duration(seconds: float) -> str:
    """Return a time for a person."""
    for length, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {name}"
    return f"{seconds:,.0f} seconds"
