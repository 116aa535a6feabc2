"""train: recurrent networks learn the training rows, epoch by epoch, and are exported as one model.

Of a single network, the validation part says which epoch was best; without one, the test part's curve is
shown, and nothing is chosen by it. An ensemble learns from training and validation rows together: each member
leaves out its fold. What the members say of the rows they left out weighs them against the linear branch, makes
their logits probabilities, and later chooses the threshold.

Where TF_CONFIG names several workers they train each network together, and the first of them writes
(docs/cluster.md).

Reads   data/split/{train,validation,test}/, data/vectors/{vocabulary,classes}.tsv, data/clean/messages.tsv,
        data/raw/corpus (its checksum alone);
        sections `train` and `vectorize` and the text settings of section `clean` of params.yaml
Writes  model/{model.onnx,weights.npz,vocabulary.tsv,ngrams.npy,settings.json,history.tsv,model.json},
        data/scored/held_out.tsv, metrics/train.json
Run     python -m stages.train
"""

import io
import os
import sys
import zipfile

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import provenance, ragged
from textrnn.artifacts.messages import read_messages
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_array, replacing, write_array, write_json, write_metrics, write_text
from textrnn.model.config import TrainConfig
from textrnn.text import vocabulary
from textrnn.text.normalise import Normalisation
from textrnn.text.vocabulary import Vectorize
from textrnn.training import checkpoint
from textrnn.training.distributed.cluster import named
from textrnn.training.learn import Part, learn
from textrnn.training.loop import CHECKPOINT, COLUMNS, Fitted, best_epoch

DIGITS = 6  # of the held-out probabilities
PARTS = ("history.tsv", "model.onnx", "ngrams.npy", "settings.json", "vocabulary.tsv", "weights.npz")


def parts(config: TrainConfig) -> tuple[Part, ragged.Rows, str]:
    """Return the rows to learn from, those which are held out from a single network, and the name of their part."""
    train, held_out, side = ragged.load(paths.TRAIN), ragged.load(paths.VALIDATION), "validation"
    groups = read_array(paths.TRAIN / "groups.npy")
    if config.ensemble > 1:
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
    messages = read_messages(paths.MESSAGES)
    return Part(train, groups, [messages[row][1] for row in train.rows]), held_out, side


def summary(fitted: Fitted, chosen: int, side: str) -> dict[str, object]:
    """Return the metrics of epoch `chosen`, whose weights are kept. `side` is the part that was held out."""
    row = dict(zip(COLUMNS, fitted.history[chosen - 1].tolist(), strict=True))
    return {
        "epochs": len(fitted.history),
        "kept_epoch": chosen,
        "parameters": sum(array.size for arrays in fitted.weights for array in arrays.values()),
        "loss": {"train": row["train_loss"], side: row["held_out_loss"]},
        "accuracy": {"train": row["train_accuracy"], side: row["held_out_accuracy"]},
    }


def write_weights(fitted: Fitted) -> None:
    """Write the weights of each member as np.load reads them.

    Not by np.savez, whose ZIP headers are others before Python 3.11.4.
    """
    with replacing(paths.MODEL / "weights.npz") as file, zipfile.ZipFile(file, "w") as archive:
        for number, arrays in enumerate(fitted.weights):
            for name, array in arrays.items():
                content = io.BytesIO()
                np.save(content, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{number}/{name}.npy"), content.getvalue())


def held_out_table(rows: NDArray[np.int64], probabilities: NDArray[np.float64], labels: list[str]) -> str:
    """Return a line for each held-out row: its number and the probability of each label."""
    lines = ["\t".join(["row", *labels])]
    lines += [
        "\t".join([str(row), *(f"{value:.{DIGITS}f}" for value in values)])
        for row, values in zip(rows, probabilities, strict=True)
    ]
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Run the stage."""
    cluster = named(os.environ)
    config, vectorize = params.load("train", TrainConfig), params.load("vectorize", Vectorize)
    normalisation = params.load("clean", Normalisation, part=True)
    part, held_out, side = parts(config)
    tokens = vocabulary.read_tokens(paths.VECTORS / "vocabulary.tsv")
    labels = vocabulary.read_tokens(paths.VECTORS / "classes.tsv")
    inputs = [paths.VECTORS / "vocabulary.tsv", paths.VECTORS / "classes.tsv", paths.MESSAGES]
    parts_of_split = (paths.TRAIN, paths.VALIDATION, paths.TEST)
    inputs += [path for directory in parts_of_split for path in sorted(directory.glob("*.npy"))]
    mark = checkpoint.fingerprint(f"{config!r} {vectorize!r} {normalisation!r}", inputs)

    learnt = learn(config, vectorize, tokens, len(labels), part, held_out, mark, cluster)
    if not cluster.chief:
        return

    history = learnt.fitted.history
    with replacing(paths.MODEL / "model.onnx") as file:
        file.write(learnt.model)
    write_weights(learnt.fitted)
    vocabulary.write_counts(paths.MODEL / "vocabulary.tsv", learnt.words)
    write_array(paths.MODEL / "ngrams.npy", learnt.ngrams)
    write_json(
        paths.MODEL / "settings.json",
        {
            "labels": labels,
            "linear": config.linear,
            "masking": config.masking,
            "max_sequence_length": vectorize.max_sequence_length,
            "normalisation": normalisation.model_dump(),
            "subword_buckets": config.subword_buckets,
            "tokenizer": vectorize.tokenizer,
        },
    )
    # Rows of the test part, where there is no other, must choose nothing.
    told = slice(None) if side == "validation" else slice(0)
    write_text(paths.HELD_OUT, held_out_table(held_out.rows[told], learnt.held_out[told], labels))
    lines = ["\t".join(COLUMNS), *("\t".join(f"{value:.10g}" for value in row) for row in history)]
    write_text(paths.MODEL / "history.tsv", "".join(f"{line}\n" for line in lines))
    parameters = {"clean": normalisation, "train": config, "vectorize": vectorize}
    provenance.write(paths.MODEL, paths.CORPUS, parameters, inputs, PARTS)
    chosen = best_epoch(history) if config.patience else len(history)
    write_metrics(paths.METRICS / "train.json", summary(learnt.fitted, chosen, side))
    CHECKPOINT.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
