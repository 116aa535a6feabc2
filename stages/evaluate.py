"""evaluate: the exported model answers for the test rows, which nothing before has used for a choice.

With two labels, a message is positive when its probability reaches a threshold, chosen where the
validation rows' Matthews correlation is highest; with more, the likeliest label is the answer.

Reads   model/{model.onnx,vocabulary.tsv,settings.json}, data/clean/messages.tsv,
        data/split/{validation,test}/; section `evaluate` of params.yaml
Writes  model/threshold.json, data/scored/{predictions,errors}.tsv, metrics/evaluate.json
Run     python -m stages.evaluate
"""

import sys
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn import inference, params, paths, ragged, scores
from textrnn.errors import UserError, run
from textrnn.files import write_json, write_metrics, write_text
from textrnn.labels import Positive, class_names
from textrnn.messages import read_messages
from textrnn.progress import progress

SEED = 0  # of the bootstrap


class Evaluate(Positive):
    """Section `evaluate` of params.yaml."""

    threshold: Literal["validation"] | Annotated[float, Field(ge=0, le=1)]
    bootstrap_samples: int = Field(ge=100, le=1_000_000)


def threshold(settings: Evaluate, truth: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """Return the threshold that the settings name, or choose it on the validation rows."""
    if settings.threshold != "validation":
        return settings.threshold
    if not truth.any() or truth.all():
        raise UserError(
            "params.yaml: expected validation rows of both kinds to choose evaluate.threshold by, found none: "
            "set it to a number such as 0.5, or split.validation_share above 0"
        )
    return scores.best_threshold(truth, probability)


def table(rows: NDArray[np.int64], columns: list[list[str]], chosen: NDArray[np.int64]) -> str:
    """Return the chosen rows as lines of row number, label, answer, probability and text."""
    header = "row\tlabel\tpredicted\tprobability\ttext\n"
    return header + "".join("\t".join([str(rows[i]), *(column[i] for column in columns)]) + "\n" for i in chosen)


def main() -> None:
    """Run the stage."""
    settings = params.load("evaluate", Evaluate)
    model = inference.load(paths.MODEL)
    messages = read_messages(paths.MESSAGES)
    names = class_names((label for label, _ in messages), settings)
    positive = names.index(settings.positive_label)
    validation, test = ragged.load(paths.VALIDATION), ragged.load(paths.TEST)

    on_validation, on_test = (
        inference.probabilities(
            model, [messages[row][1] for row in part.rows], lambda batches: progress(batches, "classify", "batch")
        )
        for part in (validation, test)
    )
    cut = threshold(settings, validation.labels == positive, on_validation[:, positive])
    predicted = inference.answers(on_test, positive, cut)

    labels, probability = test.labels, on_test[:, positive]
    write_json(paths.MODEL / "threshold.json", {"positive_label": settings.positive_label, "threshold": cut})
    write_metrics(
        paths.METRICS / "evaluate.json",
        scores.scores(labels, predicted, on_test, positive)
        | scores.intervals(labels, predicted, settings.bootstrap_samples, SEED)
        | {"threshold": cut},
    )
    columns = [[names[number] for number in labels], [names[number] for number in predicted]]
    columns += [[f"{value:.6f}" for value in probability], [messages[row][1] for row in test.rows]]
    write_text(paths.PREDICTIONS, table(test.rows, columns, np.arange(len(labels))))
    wrong = np.flatnonzero(predicted != labels)
    certainty = np.abs(probability - cut) if len(names) == 2 else on_test.max(axis=1)
    worst = wrong[np.argsort(-certainty[wrong], kind="stable")]
    write_text(paths.MISTAKES, table(test.rows, columns, worst))


if __name__ == "__main__":
    sys.exit(run(main))
