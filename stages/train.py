"""train: recurrent networks learn the training rows, epoch by epoch, and are exported as one model.

A single network learns the training part, and the validation part chooses the best epoch; without one, the test part's
curve is shown, and chooses nothing. An ensemble learns training and validation rows together, and each member leaves
out its fold, as the branches beside it do. The answers to the rows left out choose the epoch and the linear branch's
settings, fit the blend of all, and later choose the threshold. An ensemble of 0 is the branches alone.

Where TF_CONFIG names several workers, they train each network together (docs/cluster.md), and the first one writes.
TEXTRNN_DEVICE (cpu, gpu or auto) says whether GPUs are used.

Reads   data/split/{train,validation,test}/, data/vectors/{vocabulary,classes}.tsv, data/clean/messages.tsv,
        data/raw/corpus (its checksum alone);
        sections `train` and `vectorize` and the text settings of section `clean` of params.yaml
Writes  model/{model.onnx,linear.onnx,vocabulary.tsv,ngrams.npy,settings.json,history.tsv,model.json},
        data/trained/{weights,out_of_fold}.npz, data/scored/held_out.tsv, metrics/train.json
Run     python -m stages.train
"""

if __spec__ is None:
    raise SystemExit("error: stages/train.py is part of a package: run `python -m stages.train`")

import io
import os
import sys
import zipfile
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import provenance, ragged
from textrnn.artifacts.messages import read_messages
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import DIGITS, read_array, replacing, write_array, write_json, write_metrics
from textrnn.core.process_pool import stop_with_dvc
from textrnn.model.config import TrainConfig
from textrnn.text import encoders, vocabulary
from textrnn.text.settings import Normalise, Vectorize
from textrnn.training import checkpoint
from textrnn.training.distributed.cluster import from_environment
from textrnn.training.history import COLUMNS, epochs_of
from textrnn.training.learn import TrainedModel, TrainingSet, learn
from textrnn.training.loop import CHECKPOINT, Fitted

FILES = ("history.tsv", "linear.onnx", "model.onnx", "ngrams.npy", "settings.json", "vocabulary.tsv")


class Sections(NamedTuple):
    """The sections of params.yaml that the stage reads, or of which it reads a part."""

    clean: Normalise
    train: TrainConfig
    vectorize: Vectorize


def training_set(config: TrainConfig) -> tuple[TrainingSet, ragged.Rows, str]:
    """Return the rows to learn from, the rows that a single network is measured on, and the name of their part."""
    train, held_out, side = ragged.load(paths.TRAIN), ragged.load(paths.VALIDATION), "validation"
    groups = read_array(paths.TRAIN / "groups.npy")
    if config.ensemble != 1:
        groups = np.concatenate([groups, read_array(paths.VALIDATION / "groups.npy")])
        train = held_out = ragged.joined(train, held_out)
    elif not len(held_out.rows):
        held_out, side = ragged.load(paths.TEST), "test"
        if config.patience:
            raise UserError(
                "params.yaml: expected train.patience 0, as split.validation_share 0 leaves no rows to wait on"
            )
    if not len(train.tokens):
        raise UserError(
            "expected a token or more among the training rows, found none: set vectorize.tokenizer to rich, "
            "or change clean.remove_pattern"
        )
    texts = list[str]()
    if config.linear or config.encoder != "none":  # networks read the rows alone, from the disk
        messages = read_messages(paths.MESSAGES)
        texts = [messages[row][1] for row in train.rows]
    return TrainingSet(train, groups, texts), held_out, side


def summary(fitted: Fitted, side: str) -> dict[str, object]:
    """Return the metrics of the epoch whose weights are kept. `side` is the part that was held out.

    They are the networks': without networks there is neither loss nor accuracy.
    """
    if not fitted.weights:
        return {"epochs": 0, "kept_epoch": 0, "parameters": 0}
    (kept,) = fitted.history[fitted.history[:, 0] == fitted.kept_epoch].tolist()
    row = dict(zip(COLUMNS, kept, strict=True))
    return {
        "epochs": epochs_of(fitted.history),
        "kept_epoch": fitted.kept_epoch,
        "parameters": sum(array.size for arrays in fitted.weights for array in arrays.values()),
        "loss": {"train": row["train_loss"], side: row["held_out_loss"]},
        "accuracy": {"train": row["train_accuracy"], side: row["held_out_accuracy"]},
    }


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write the arrays as np.load reads them.

    Not by np.savez, whose ZIP headers are others before Python 3.11.4.
    """
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())


def write_numbers(path: Path, columns: Sequence[str], numbers: NDArray[np.float64], formats: list[str]) -> None:
    """Write (lines, columns) numbers as tab-separated lines under the columns' names."""
    with replacing(path) as file:
        np.savetxt(file, numbers, formats, "\t", header="\t".join(columns), comments="", encoding="utf-8")


def inputs() -> list[Path]:
    """Return the files that training reads, whose checksums the model's record holds."""
    arrays = [sorted(part.glob("*.npy")) for part in (paths.TRAIN, paths.VALIDATION, paths.TEST)]
    return [paths.VECTORS / "vocabulary.tsv", paths.VECTORS / "classes.tsv", paths.MESSAGES, *chain(*arrays)]


def write_model(trained: TrainedModel, sections: Sections, labels: list[str]) -> None:
    """Write what predict.py and the stage evaluate read, but for the record of it."""
    for name, content in (("model.onnx", trained.model), ("linear.onnx", trained.first)):
        with replacing(paths.MODEL / name) as file:
            file.write(content)
    vocabulary.write_counts(paths.MODEL / "vocabulary.tsv", trained.words)
    write_array(paths.MODEL / "ngrams.npy", trained.ngrams)
    settings = {
        "encoder": sections.train.encoder,
        "labels": labels,
        "linear": sections.train.linear,
        "masking": sections.train.masking,
        "max_sequence_length": sections.vectorize.max_sequence_length,
        "normalisation": sections.clean.model_dump(),
        "subword_buckets": sections.train.subword_buckets,
        "alone_from": trained.alone_from,
        "tokenizer": sections.vectorize.tokenizer,
    }
    write_json(paths.MODEL / "settings.json", settings)


def write_training(trained: TrainedModel, labels: list[str], held_out: NDArray[np.int64]) -> None:
    """Write how training went, the networks' weights, and what the models said of rows that they had not learnt."""
    members = enumerate(trained.fitted.weights)
    write_arrays(paths.WEIGHTS, {f"{number}/{name}": array for number, one in members for name, array in one.items()})
    write_arrays(paths.OUT_OF_FOLD, {"fold": trained.fold, **trained.sources})
    write_numbers(paths.MODEL / "history.tsv", COLUMNS, trained.fitted.history, ["%.10g"] * len(COLUMNS))
    table = np.column_stack([held_out, trained.held_out[: len(held_out)]])
    write_numbers(paths.HELD_OUT, ["row", *labels], table, ["%d", *[f"%.{DIGITS}f"] * len(labels)])


def main() -> None:
    """Run the stage."""
    stop_with_dvc()
    cluster = from_environment(os.environ)
    config, vectorize = params.load("train", TrainConfig), params.load("vectorize", Vectorize)
    sections = Sections(params.load("clean", Normalise, part=True), config, vectorize)
    training, held_out, side = training_set(config)
    tokens = vocabulary.read_tokens(paths.VECTORS / "vocabulary.tsv")
    labels = vocabulary.read_tokens(paths.VECTORS / "classes.tsv")
    encoder, read = encoders.installed(config.encoder), inputs()
    fingerprint = checkpoint.fingerprint(f"{sections!r} {encoder!r}", read)

    trained = learn(config, vectorize, tokens, labels, training, held_out, fingerprint, cluster)
    if not cluster.chief:
        return

    write_model(trained, sections, labels)
    # Test rows, which stand in for a missing validation part, must choose nothing later.
    write_training(trained, labels, held_out.rows if side == "validation" else held_out.rows[:0])
    parameters = {name: section.model_dump() for name, section in sections._asdict().items()}
    provenance.write(paths.MODEL, paths.CORPUS, parameters, read, FILES, encoder)
    write_metrics(paths.METRICS / "train.json", summary(trained.fitted, side))
    CHECKPOINT.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
