"""evaluate: score the exported model on the test rows, which played no part in training or tuning.

With two labels, a message is positive when its probability reaches a threshold, chosen where the expected Matthews
correlation of the rows held out in training is highest; with more, the likeliest label is the answer, and none need be
positive. The stage fails, after writing everything, if a score is worse than evaluate.require allows.

Reads   model/{model.onnx,vocabulary.tsv,ngrams.npy,settings.json,model.json}, data/clean/{messages.tsv,origins},
        data/split/{train,validation,test}/, data/scored/held_out.tsv; section `evaluate` of params.yaml
Writes  model/threshold.json, data/scored/{predictions,labels,errors,warnings}.tsv, data/scored/label_errors.csv,
        data/scored/scores.json, and the scores that DVC compares in metrics/evaluate.json
Run     python -m stages.evaluate
"""

if __spec__ is None:
    raise SystemExit("error: stages/evaluate.py is part of a package: run `python -m stages.evaluate`")

import sys
from collections import Counter
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from textrnn.artifacts import origins, provenance, ragged
from textrnn.artifacts.messages import TWINS, Positive, class_names, positive_label, read_messages
from textrnn.core import params, paths
from textrnn.core.errors import UserError, note, run
from textrnn.core.files import read_array, read_table, write_json, write_metrics
from textrnn.core.progress import progress
from textrnn.evaluation import checks, tables
from textrnn.evaluation.baselines import baselines
from textrnn.evaluation.tables import Answers, Messages
from textrnn.inference import predictor
from textrnn.metrics.intervals import intervals
from textrnn.metrics.scores import Bools, Floats, Labels, of_answers, scores
from textrnn.metrics.threshold import best_threshold

SEED = 0  # of the intervals
COMPARED = (  # by DVC, if the labels have them
    "accuracy", "mcc", "macro_f1", "loss", "average_precision", "precision", "recall", "false_positive_rate",
    "threshold",
)  # fmt: skip


class Evaluate(Positive):
    """Section `evaluate` of params.yaml."""

    threshold: Literal["held_out"] | Annotated[float, Field(ge=0, le=1)]
    bootstrap_samples: int = Field(ge=100, le=1_000_000)
    require: dict[str, float]


def threshold(settings: Evaluate, truth: Bools, probability: Floats) -> float:
    """Return the threshold that the settings name, or choose it on the held-out rows."""
    if settings.threshold != "held_out":
        return settings.threshold
    if not truth.any() or truth.all():
        raise UserError(
            "params.yaml: expected held-out rows of both kinds to choose evaluate.threshold by, found none: "
            "set it to a number such as 0.5, or split.validation_share above 0"
        )
    return best_threshold(truth, probability)


def read_held_out(messages: Messages, names: list[str]) -> Answers:
    """Return the answers to the rows held out in training, from networks that did not train on them."""
    lines = read_table(paths.HELD_OUT)[1:]
    rows = np.array([line[0] for line in lines], np.int64)
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers[messages[row][0]] for row in rows], np.int16)
    probabilities = np.array([line[1:] for line in lines], float).reshape(-1, len(names))
    return Answers(rows, labels, probabilities.argmax(axis=1).astype(np.int16), probabilities)


def without_twins(answers: Answers, twins: Bools) -> dict[str, float]:
    """Return the scores of the test rows that have no near-duplicate outside the test part."""
    alone = answers.some(np.flatnonzero(~twins))
    rows = len(alone.rows)
    found = of_answers(alone.labels, alone.predicted, None) if rows else {}
    return {"rows": rows} | {name: found[name] for name in ("accuracy", "mcc", "macro_f1") if found}


def counts(labels: Labels, names: list[str]) -> dict[str, int]:
    """Return how many rows each label has."""
    return dict(zip(names, np.bincount(labels, minlength=len(names)).tolist(), strict=True))


def main() -> None:
    """Run the stage."""
    settings = params.load("evaluate", Evaluate)
    model = predictor.load(paths.MODEL)
    messages = read_messages(paths.MESSAGES)
    places, of_labels = origins.read(paths.ORIGINS), Counter(label for label, _ in messages)
    names, label = class_names(of_labels), positive_label(of_labels, settings)
    positive = None if label is None else names.index(label)
    train, validation, test = (ragged.load(path) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST))
    held_out = read_held_out(messages, names)

    cut = None
    if positive is not None:
        cut = threshold(settings, held_out.labels == positive, held_out.probabilities[:, positive])
    of_model = provenance.checksum(paths.MODEL / provenance.RECORD)
    write_json(paths.MODEL / "threshold.json", {"model": of_model, "positive_label": label, "threshold": cut})
    texts = [messages[row][1] for row in test.rows]
    probabilities = predictor.probabilities(model, texts, lambda batches: progress(batches, "classify", unit="batch"))
    predicted = predictor.answers(probabilities, positive, cut or 0.0)
    tested = Answers(np.asarray(test.rows), np.asarray(test.labels), predicted, probabilities)

    scored = (tested.labels, predicted, probabilities, positive)
    measured = scores(*scored)
    mislabelled = tables.mislabelled(tested.and_then(held_out), len(predicted), messages, names, places)
    twins = np.asarray(read_array(paths.TEST / "twins.npy"))
    known = np.concatenate([train.rows, validation.rows])
    learnt = np.concatenate([train.labels, validation.labels])
    beside = baselines([messages[row][1] for row in known], learnt, texts, tested.labels, len(names), positive)
    found: dict[str, Any] = {
        **({} if cut is None else {"threshold": cut}),
        "test_twins": {name: int((twins >= kind).sum()) for kind, name in enumerate(TWINS, 1)},
        **({"without_twins": without_twins(tested, twins > 0)} if twins.any() else {}),
        "label_errors": {"all": len(mislabelled["part"]), "test": mislabelled["part"].count("test")},
        "baselines": beside,
        **measured,
        **intervals(measured, *scored, settings.bootstrap_samples, SEED),
    }
    compared = {name: found[name] for name in COMPARED if name in found}
    write_metrics(paths.METRICS / "evaluate.json", compared | {"baseline_mcc": beside["tfidf"]["mcc"]})
    write_metrics(paths.SCORES, found)
    warnings = checks.warnings(counts(learnt, names), counts(tested.labels, names), found["ci_low"]["mcc"])
    lengths = np.concatenate([np.diff(part.offsets) for part in (train, validation, test)])
    warnings += checks.truncated(lengths, model.settings.max_sequence_length)
    tables.write(paths.PREDICTIONS, tables.predictions(tested, messages, names, positive), places)
    tables.write(paths.LABELS, tables.by_label(tested, names))
    tables.write(paths.ERRORS, tables.mistakes(tested, messages, names, positive, cut or 0.0, known, model), places)
    tables.write(paths.LABEL_ERRORS, mislabelled)
    tables.write(paths.WARNINGS, {"warning": list(warnings)})
    for warning in warnings:
        note(warning)
    if failed := checks.unmet(found, settings.require):
        raise UserError(
            f"params.yaml: expected {'; '.join(failed)} (evaluate.require). All scores are in "
            "data/scored/scores.json: improve the model, or require less"
        )


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
