"""evaluate: the exported model answers for the test rows, which nothing before has used for a choice.

With two labels, a message is positive when its probability reaches a threshold, chosen where the expected Matthews
correlation of the rows held out in training is highest; with more, the likeliest label is the answer. The stage fails,
once all is written, when a score is worse than evaluate.require has it.

Reads   model/{model.onnx,vocabulary.tsv,ngrams.npy,settings.json,model.json}, data/clean/messages.tsv,
        data/split/{train,validation,test}/, data/scored/held_out.tsv; section `evaluate` of params.yaml
Writes  model/threshold.json, data/scored/{predictions,errors,label_errors}.tsv,
        data/scored/warnings.txt, metrics/evaluate.json
Run     python -m stages.evaluate
"""

import sys
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.artifacts import provenance, ragged
from textrnn.artifacts.labels import Positive, class_names
from textrnn.artifacts.messages import read_messages
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.escape import printable
from textrnn.core.files import read_table, write_json, write_metrics, write_text
from textrnn.core.progress import progress
from textrnn.evaluation import tables
from textrnn.evaluation.label_errors import suspects
from textrnn.evaluation.requirements import unmet
from textrnn.evaluation.tables import Answers, Messages, some, together
from textrnn.evaluation.warnings import doubts
from textrnn.inference import predictor
from textrnn.metrics import scores

SEED = 0  # of the bootstrap
HEADLINE = ("accuracy", "average_precision", "false_positive_rate", "mcc", "recall")  # told once more without suspects

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


class Evaluate(Positive):
    """Section `evaluate` of params.yaml."""

    threshold: Literal["held_out"] | Annotated[float, Field(ge=0, le=1)]
    bootstrap_samples: int = Field(ge=100, le=1_000_000)
    require: dict[str, float]


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


def read_held_out(messages: Messages, names: list[str]) -> Answers:
    """Return the rows that were held out in training, and what was said of them then."""
    lines = read_table(paths.HELD_OUT)[1:]
    rows = np.array([line[0] for line in lines], np.int64)
    labels = np.array([names.index(messages[row][0]) for row in rows], np.int8)
    probabilities = np.array([line[1:] for line in lines], float).reshape(-1, len(names))
    return Answers(rows, labels, probabilities.argmax(axis=1).astype(np.int8), probabilities)


def counts(labels: Labels, names: list[str]) -> dict[str, int]:
    """Return how many rows each label has."""
    return dict(zip(names, np.bincount(labels, minlength=len(names)).tolist(), strict=True))


def measured(tested: Answers, sure: NDArray[np.bool_], positive: int, samples: int) -> dict[str, Any]:
    """Return the scores, their intervals, and the headline ones of the rows whose label is not doubtful."""
    if len(np.unique(tested.labels[sure])) < tested.probabilities.shape[1]:  # scores need every label
        sure = np.ones_like(sure)
    rows = some(tested, sure)
    without = scores.scores(rows.labels, rows.predicted, rows.probabilities, positive)
    return (
        scores.scores(tested.labels, tested.predicted, tested.probabilities, positive)
        | scores.intervals(tested.labels, tested.predicted, tested.probabilities, positive, samples, SEED)
        | {"without_label_errors": {name: without[name] for name in HEADLINE}}
    )


def main() -> None:
    """Run the stage."""
    settings = params.load("evaluate", Evaluate)
    model = predictor.load(paths.MODEL)
    messages = read_messages(paths.MESSAGES)
    names = class_names((label for label, _ in messages), settings)
    positive = names.index(settings.positive_label)
    train, validation, test = (ragged.load(path) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST))
    held_out = read_held_out(messages, names)

    cut = threshold(settings, held_out.labels == positive, held_out.probabilities[:, positive])
    decision = {
        "model": provenance.checksum(paths.MODEL / provenance.RECORD),
        "positive_label": settings.positive_label,
        "threshold": cut,
    }
    write_json(paths.MODEL / "threshold.json", decision)
    texts = [messages[row][1] for row in test.rows]
    probabilities = predictor.probabilities(model, texts, lambda batches: progress(batches, "classify", "batch"))
    predicted = predictor.answers(probabilities, positive, cut)
    tested = Answers(np.asarray(test.rows), np.asarray(test.labels), predicted, probabilities)

    unseen = together(tested, held_out)
    doubtful = suspects(unseen.labels, unseen.probabilities)
    sure = ~np.isin(np.arange(len(predicted)), doubtful)
    found = measured(tested, sure, positive, settings.bootstrap_samples)
    found |= {"threshold": cut, "suspects": {"all": len(doubtful), "test": int((~sure).sum())}}
    write_metrics(paths.METRICS / "evaluate.json", found)
    known = np.concatenate([train.rows, validation.rows])
    wrong = tables.mistakes(tested, messages, names, positive, cut, known, model)
    write_text(paths.PREDICTIONS, tables.table(tables.predictions(tested, messages, names, positive)))
    write_text(paths.ERRORS, tables.table(wrong))
    write_text(paths.LABEL_ERRORS, tables.table(tables.suspicions(unseen, doubtful, len(predicted), messages, names)))

    learnt = counts(np.concatenate([train.labels, validation.labels]), names)
    notes = doubts(learnt, counts(tested.labels, names), found["ci_low"]["mcc"])
    write_text(paths.WARNINGS, "".join(f"{printable(note)}\n" for note in notes))
    for note in notes:
        print(f"note: {printable(note)}", file=sys.stderr, flush=True)
    if failed := unmet(found, settings.require):
        raise UserError(
            f"params.yaml: expected {'; '.join(failed)} (evaluate.require). The scores are in metrics/evaluate.json: "
            "better the model, or ask for less"
        )


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
