"""train: a recurrent network learns the training rows, epoch by epoch, and is exported.

Words are kept by their frequency in the training rows alone. The validation part says which epoch
was best; without one, the test part's curve is shown, and nothing is chosen by it.

Reads   data/split/{train,validation,test}/, data/vectors/{vocabulary,classes}.tsv; sections `train` and
        `vectorize` and the text settings of section `clean` of params.yaml
Writes  model/{model.onnx,weights.npz,vocabulary.tsv,settings.json,history.tsv}, metrics/train.json
Run     python -m stages.train
"""

import sys
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from textrnn import checkpoint, params, paths, ragged, subwords, vocabulary
from textrnn.batches import Encoder
from textrnn.errors import UserError, run
from textrnn.export import export
from textrnn.files import replacing, write_json, write_metrics, write_text
from textrnn.network import weights
from textrnn.normalise import Normalisation
from textrnn.parent import parent_watch
from textrnn.progress import progress
from textrnn.recipe import Recipe
from textrnn.tensorflow import deterministic
from textrnn.training import Trainer, log_loss
from textrnn.vocabulary import UNKNOWN, Vectorize

COLUMNS = ("epoch", "train_loss", "train_accuracy", "held_out_loss", "held_out_accuracy")
CHECKPOINT = paths.CHECKPOINTS / "train.npz"


def known_words(train: ragged.Rows, tokens: list[str], least: int) -> tuple[NDArray[np.int32], list[tuple[str, int]]]:
    """Return the word id of each of the corpus' tokens (UNKNOWN if it is not kept), and the kept words' counts.

    A word is kept when it occurs more than `least` times in the training rows. Of words as frequent, the
    first by the alphabet comes first: their order in the corpus would tell of the other rows.
    """
    counts = np.bincount(train.tokens, minlength=len(tokens))
    numbers = {tokens[number]: number for number in np.flatnonzero(counts > least).tolist()}
    kept = vocabulary.ranked(Counter({token: int(counts[number]) for token, number in numbers.items()}))
    words = np.full(len(tokens), UNKNOWN, np.int32)
    words[[numbers[token] for token, _ in kept]] = np.arange(UNKNOWN + 1, UNKNOWN + 1 + len(kept))
    return words, kept


def fit(
    trainers: list[Trainer], recipe: Recipe, encoder: Encoder, train: ragged.Rows, held_out: ragged.Rows, mark: str
) -> NDArray[np.float64]:
    """Train all members to the last epoch, or to where patience ends, and return the history.

    Every epoch trains each member once; held-out loss and accuracy are those of the members' mean
    probability. With patience, the members are left with the weights of the best epoch.
    """
    alive = parent_watch()
    saved = checkpoint.load(CHECKPOINT, mark)
    history, best = np.zeros((0, len(COLUMNS))), {}
    if saved:
        print(f"resuming after epoch {len(saved.history)}", flush=True)
        history, best = saved.history, saved.best
        restore(trainers, saved.now)
    bar = progress(range(len(history) + 1, recipe.epochs + 1), "train", "epoch")
    for epoch in bar:
        if recipe.patience and epoch > best_epoch(history) + recipe.patience:
            break
        orders = [(recipe.seed, epoch, number) for number in range(len(trainers))]
        trained = [one.epoch(train, encoder, order, alive) for one, order in zip(trainers, orders, strict=True)]
        mean = np.mean([one.probabilities(held_out, encoder) for one in trainers], axis=0)
        accuracy = float(np.mean(mean.argmax(axis=1) == held_out.labels))
        row = [epoch, *np.mean(trained, axis=0), log_loss(mean, held_out.labels), accuracy]
        history = np.vstack([history, np.round(row, 6)])
        bar.write(", ".join(f"{name} {value:.6g}" for name, value in zip(COLUMNS, history[-1], strict=True)))
        now = state(trainers)
        if recipe.patience and best_epoch(history) == epoch:
            best = now
        alive()
        checkpoint.save(CHECKPOINT, mark, checkpoint.Checkpoint(history, now, best))
    restore(trainers, best)
    return history


def best_epoch(history: NDArray[np.float64]) -> int:
    """Return the first epoch with the lowest held-out loss, 0 before any."""
    return 1 + int(history[:, COLUMNS.index("held_out_loss")].argmin()) if len(history) else 0


def state(trainers: list[Trainer]) -> checkpoint.Arrays:
    """Return every variable of every member."""
    return {f"{i}/{name}": array for i, one in enumerate(trainers) for name, array in one.state().items()}


def restore(trainers: list[Trainer], arrays: checkpoint.Arrays) -> None:
    """Put back what `state` returned, if anything."""
    for number, one in enumerate(trainers if arrays else []):
        one.restore(checkpoint.part(arrays, f"{number}/"))


def summary(history: NDArray[np.float64], chosen: int, side: str, trainers: list[Trainer]) -> dict[str, object]:
    """Return the metrics of epoch `chosen`, whose weights are kept. `side` is the part that was held out."""
    row = dict(zip(COLUMNS, history[chosen - 1].tolist(), strict=True))
    return {
        "epochs": len(history),
        "best_epoch": chosen,
        "parameters": sum(one.network.count_params() for one in trainers),
        "loss": {"train": row["train_loss"], side: row["held_out_loss"]},
        "accuracy": {"train": row["train_accuracy"], side: row["held_out_accuracy"]},
    }


def main() -> None:
    """Run the stage."""
    recipe, vectorize = params.load("train", Recipe), params.load("vectorize", Vectorize)
    normalisation = params.load("clean", Normalisation, part=True)
    train, held_out, side = ragged.load(paths.TRAIN), ragged.load(paths.VALIDATION), "validation"
    if not len(held_out.rows):
        held_out, side = ragged.load(paths.TEST), "test"
        if recipe.patience:
            raise UserError(
                "params.yaml: expected train.patience 0, as split.validation_share 0 leaves no rows to wait on"
            )
    tokens = vocabulary.read_tokens(paths.VECTORS / "vocabulary.tsv")
    labels = vocabulary.read_tokens(paths.VECTORS / "classes.tsv")
    words, kept = known_words(train, tokens, vectorize.min_word_frequency)
    parts = subwords.table(tokens, recipe.subword_buckets) if recipe.subword_buckets else None
    encoder = Encoder(words, parts, vectorize.max_sequence_length, recipe.masking)

    deterministic(recipe.seed)
    trainers = [Trainer(recipe, len(kept) + 1, len(labels), member) for member in range(recipe.ensemble)]
    inputs = [paths.VECTORS / "vocabulary.tsv", paths.VECTORS / "classes.tsv"]
    inputs += [path for part in (paths.TRAIN, paths.VALIDATION, paths.TEST) for path in sorted(part.glob("*.npy"))]
    mark = checkpoint.fingerprint(f"{recipe!r} {vectorize!r} {normalisation!r}", inputs)
    history = fit(trainers, recipe, encoder, train, held_out, mark)

    chosen = best_epoch(history) if recipe.patience else len(history)
    members = [weights(one.network) for one in trainers]
    with replacing(paths.MODEL / "model.onnx") as file:
        file.write(export(members, recipe, len(labels)))
    with replacing(paths.MODEL / "weights.npz") as file:
        np.savez(file, **{f"{i}/{name}": array for i, one in enumerate(members) for name, array in one.items()})
    vocabulary.write_counts(paths.MODEL / "vocabulary.tsv", kept)
    write_json(
        paths.MODEL / "settings.json",
        {
            "labels": labels,
            "masking": recipe.masking,
            "max_sequence_length": vectorize.max_sequence_length,
            "normalisation": normalisation.model_dump(),
            "subword_buckets": recipe.subword_buckets,
            "tokenizer": vectorize.tokenizer,
        },
    )
    lines = ["\t".join(COLUMNS), *("\t".join(f"{value:.10g}" for value in row) for row in history)]
    write_text(paths.MODEL / "history.tsv", "".join(f"{line}\n" for line in lines))
    write_metrics(paths.METRICS / "train.json", summary(history, chosen, side, trainers))
    CHECKPOINT.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run(main))
