"""evaluate: the exported model answers for the test rows, which nothing before has used for a choice.

With two labels, a message is positive when its probability reaches a threshold, chosen where the expected Matthews
correlation of the rows held out in training is highest; with more, the likeliest label is the answer.

Reads   model/{model.onnx,vocabulary.tsv,ngrams.npy,settings.json,model.json}, data/clean/messages.tsv,
        data/split/{train,validation,test}/, data/scored/held_out.tsv; section `evaluate` of params.yaml
Writes  model/threshold.json, data/scored/{predictions,errors,suspects}.tsv, metrics/evaluate.json
Run     python -m stages.evaluate
"""

import sys
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn import inference, params, paths, provenance, ragged, scores
from textrnn.cells import cell
from textrnn.errors import UserError, run
from textrnn.files import read_table, write_json, write_metrics, write_text
from textrnn.labels import Positive, class_names
from textrnn.messages import read_messages
from textrnn.neighbours import nearest
from textrnn.progress import progress
from textrnn.suspects import suspects

SEED = 0  # of the bootstrap
HEADLINE = ("accuracy", "average_precision", "blocked_ham", "mcc", "spam_caught")  # told once more without suspects

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
Messages = list[tuple[str, str]]
Columns = dict[str, list[object]]  # of a table, by name


class Evaluate(Positive):
    """Section `evaluate` of params.yaml."""

    threshold: Literal["held_out"] | Annotated[float, Field(ge=0, le=1)]
    bootstrap_samples: int = Field(ge=100, le=1_000_000)


def threshold(settings: Evaluate, truth: NDArray[np.bool_], probability: Floats) -> float:
    """Return the threshold that the settings name, or choose it on the held-out rows."""
    if settings.threshold != "held_out":
        return settings.threshold
    if not truth.any() or truth.all():
        raise UserError(
            "params.yaml: expected held-out rows of both kinds to choose evaluate.threshold by, found none: "
            "set it to a number such as 0.5, or split.validation_share above 0"
        )
    return scores.best_threshold(truth, probability)


def read_held_out(messages: Messages, names: list[str]) -> tuple[NDArray[np.int64], Labels, Floats]:
    """Return the numbers, labels and (rows, labels) probabilities of the rows that were held out in training."""
    lines = read_table(paths.HELD_OUT)[1:]
    rows = np.array([line[0] for line in lines], np.int64)
    labels = np.array([names.index(messages[row][0]) for row in rows], np.int8)
    return rows, labels, np.array([line[1:] for line in lines], float).reshape(-1, len(names))


def table(columns: Columns) -> str:
    """Return the columns under their names as tab-separated lines, safe for terminals and spreadsheets."""
    lines = zip(*columns.values(), strict=True)
    return "".join("\t".join(map(cell, line)) + "\n" for line in [list(columns), *lines])


def mistakes(columns: Columns, wrong: NDArray[np.int64], known: NDArray[np.int64], messages: Messages) -> Columns:
    """Return the columns of the rows answered wrongly, each beside the training row which is most like it."""
    chosen = {name: [column[row] for row in wrong] for name, column in columns.items()}
    texts = chosen.pop("text")
    numbers, similarity = nearest([str(text) for text in texts], [messages[row][1] for row in known])
    rows = known[numbers].tolist()
    return chosen | {
        "similarity": [f"{value:.3f}" for value in similarity],
        "nearest_row": rows,
        "nearest_label": [messages[row][0] for row in rows],
        "nearest_text": [messages[row][1] for row in rows],
        "text": texts,
    }


def main() -> None:
    """Run the stage."""
    settings = params.load("evaluate", Evaluate)
    model = inference.load(paths.MODEL)
    messages = read_messages(paths.MESSAGES)
    names = class_names((label for label, _ in messages), settings)
    positive = names.index(settings.positive_label)
    train, validation, test = (ragged.load(path) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST))
    held_out, truth, before = read_held_out(messages, names)

    cut = threshold(settings, truth == positive, before[:, positive])
    decision = {
        "model": provenance.checksum(paths.MODEL / provenance.RECORD),
        "positive_label": settings.positive_label,
        "threshold": cut,
    }
    write_json(paths.MODEL / "threshold.json", decision)
    labels, texts = np.asarray(test.labels), [messages[row][1] for row in test.rows]
    probabilities = inference.probabilities(model, texts, lambda batches: progress(batches, "classify", "batch"))
    predicted = inference.answers(probabilities, positive, cut)

    rows, given = np.concatenate([test.rows, held_out]), np.concatenate([labels, truth])
    likely = np.vstack([probabilities, before])
    doubtful = suspects(given, likely)
    sure = ~np.isin(np.arange(len(labels)), doubtful)
    counted = {"all": len(doubtful), "test": int((~sure).sum())}
    if len(np.unique(labels[sure])) < len(names):  # scores need every label
        sure[:] = True
    without = scores.scores(labels[sure], predicted[sure], probabilities[sure], positive)
    write_metrics(
        paths.METRICS / "evaluate.json",
        scores.scores(labels, predicted, probabilities, positive)
        | scores.intervals(labels, predicted, probabilities, positive, settings.bootstrap_samples, SEED)
        | {"threshold": cut, "suspects": counted}
        | {"without_suspects": {name: without[name] for name in HEADLINE}},
    )
    columns: Columns = {
        "row": test.rows.tolist(),
        "label": [names[number] for number in labels],
        "predicted": [names[number] for number in predicted],
        "probability": [f"{value:.6f}" for value in probabilities[:, positive]],
        "text": list(texts),
    }
    write_text(paths.PREDICTIONS, table(columns))
    wrong = np.flatnonzero(predicted != labels)
    certainty = np.abs(probabilities[:, positive] - cut) if len(names) == 2 else probabilities.max(axis=1)
    worst = wrong[np.argsort(-certainty[wrong], kind="stable")]
    write_text(paths.MISTAKES, table(mistakes(columns, worst, np.concatenate([train.rows, validation.rows]), messages)))
    suspicions: Columns = {
        "row": rows[doubtful].tolist(),
        "part": ["test" if number < len(labels) else "held out" for number in doubtful],
        "label": [names[number] for number in given[doubtful]],
        "likelier": [names[number] for number in likely[doubtful].argmax(axis=1)],
        "probability_of_label": [f"{likely[number, given[number]]:.6f}" for number in doubtful],
        "text": [messages[row][1] for row in rows[doubtful]],
    }
    write_text(paths.SUSPECTS, table(suspicions))


if __name__ == "__main__":
    sys.exit(run(main))
