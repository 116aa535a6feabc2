"""evaluate: score the exported model on the test rows, which played no part in training or tuning.

With two labels, a message is positive when its probability reaches a threshold, chosen where the expected Matthews
correlation of the rows held out in training is highest; with more, the likeliest label is the answer, and none need be
positive. With evaluate.promise, answers too likely to be wrong become "unsure"; the scores remain those of all answers.
The stage fails, after writing everything, if a score is worse than evaluate.require allows.

Reads   model/{model.onnx,linear.onnx,vocabulary.tsv,ngrams.npy,settings.json,model.json},
        data/clean/{messages.tsv,origins},
        data/split/{train,validation,test}/, data/scored/held_out.tsv, data/trained/out_of_fold.npz;
        section `evaluate` of params.yaml
Writes  model/{threshold.json,reference.tsv}, data/scored/{predictions,labels,errors,disguises,warnings}.tsv,
        data/scored/label_errors.csv, data/scored/scores.json, and the scores that DVC compares in metrics/evaluate.json
Run     python -m stages.evaluate
"""

if __spec__ is None:
    raise SystemExit("error: stages/evaluate.py is part of a package: run `python -m stages.evaluate`")

import sys
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
from pydantic import Field

from textrnn.artifacts import origins, ragged
from textrnn.artifacts.messages import TWINS, class_names, positive_label, read_messages
from textrnn.core import params, paths
from textrnn.core.errors import UserError, note, run
from textrnn.core.files import DIGITS, read_array, write_metrics
from textrnn.core.progress import progress
from textrnn.evaluation import checks, comparison, decision, disguises, tables
from textrnn.evaluation.tables import Answers
from textrnn.inference import predictor, reference
from textrnn.metrics.intervals import intervals
from textrnn.metrics.paired import on_networks
from textrnn.metrics.scores import Bools, Labels, of_answers, scores

SEED = 0  # of the intervals
COMPARED = (  # by DVC, if the labels have them
    "accuracy", "mcc", "macro_f1", "loss", "average_precision", "precision", "recall", "false_positive_rate",
    "threshold",
)  # fmt: skip


class Evaluate(decision.Deciding):
    """Section `evaluate` of params.yaml."""

    bootstrap_samples: int = Field(ge=100, le=1_000_000)
    require: dict[str, float]


def without_twins(answers: Answers, twins: Bools) -> dict[str, float]:
    """Return the scores of the test rows that have no near-duplicate outside the test part."""
    alone = answers.some(np.flatnonzero(~twins))
    rows = len(alone.rows)
    found = of_answers(alone.labels, alone.predicted, None) if rows else {}
    return {"rows": rows} | {name: found[name] for name in ("accuracy", "mcc", "macro_f1") if found}


def compared(found: dict[str, Any]) -> dict[str, Any]:
    """Return the scores that DVC compares, at most ten."""
    result = {name: found[name] for name in COMPARED if name in found}
    result["baseline_mcc"] = found["baselines"]["tfidf"]["mcc"]
    if "promise" in found:  # in the place of two
        result = {name: value for name, value in result.items() if name not in ("loss", "threshold")}
        result["promise"] = {name: found["promise"][name] for name in ("answered", "error")}
    return result


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
    held_out, out_of_fold = comparison.read_held_out(messages, names), comparison.read_out_of_fold()

    choose, rule = partial(decision.threshold, settings, positive), decision.decide(settings, label, names, held_out)
    texts, steps = [messages[row][1] for row in test.rows], partial(progress, desc="classify", unit="batch")
    outputs = predictor.outputs(model, texts, list(out_of_fold.sources), steps)
    probabilities = np.round(outputs["probabilities"], DIGITS)
    predicted, given = predictor.answers(probabilities, positive, rule.threshold), predictor.final(probabilities, rule)
    reference.write(paths.MODEL, reference.rows(model, texts, probabilities, predicted)[0])
    tested = Answers(np.asarray(test.rows), np.asarray(test.labels), predicted, probabilities)

    scored = (tested.labels, predicted, probabilities, positive)
    measured = scores(*scored)
    mislabelled = tables.mislabelled(tested.and_then(held_out), len(predicted), messages, names, places)
    twins = np.asarray(read_array(paths.TEST / "twins.npy"))
    known = np.concatenate([train.rows, validation.rows])
    learnt = np.concatenate([train.labels, validation.labels])
    beside, gains = comparison.beside(
        comparison.Rows([messages[row][1] for row in known], learnt), comparison.Rows(texts, tested.labels),
        out_of_fold, outputs, (held_out.probabilities, predicted), positive, choose,
    )  # fmt: skip
    found: dict[str, Any] = {
        **({} if label is None else {"threshold": rule.threshold}),
        **({} if rule.sure_from is None else {"promise": decision.of_test(tested, given, names)}),
        "test_twins": {name: int((twins >= kind).sum()) for kind, name in enumerate(TWINS, 1)},
        **({"without_twins": without_twins(tested, twins > 0)} if twins.any() else {}),
        "label_errors": {"all": len(mislabelled["part"]), "test": mislabelled["part"].count("test")},
        "baselines": beside,
        "gain_over": gains,
        **measured,
        **intervals(measured, *scored, settings.bootstrap_samples, SEED),
    }
    write_metrics(paths.METRICS / "evaluate.json", compared(found))
    write_metrics(paths.SCORES, found)
    warnings = checks.warnings(counts(learnt, names), counts(tested.labels, names), found["ci_low"]["mcc"])
    lengths = np.concatenate([np.diff(part.offsets) for part in (train, validation, test)])
    warnings += checks.truncated(lengths, model.settings.max_sequence_length) if model.networks else []
    warnings += checks.beaten(gains["tfidf"]) + decision.never(names, rule.sure_from)
    shown = None if rule.sure_from is None else given
    tables.write(paths.PREDICTIONS, tables.predictions(tested, messages, names, positive, shown), places)
    tables.write(paths.LABELS, tables.by_label(tested, names))
    tables.write(paths.ERRORS, tables.mistakes(tested, messages, names, rule, known, model), places)
    tables.write(paths.DISGUISES, disguises.table(model, texts, tested.labels, positive, rule.threshold))
    tables.write(paths.LABEL_ERRORS, mislabelled)
    tables.write(paths.WARNINGS, {"warning": list(warnings)})
    for warning in filter(None, [*warnings, on_networks(gains)]):
        note(warning)
    if failed := checks.unmet(found, settings.require):
        raise UserError(
            f"params.yaml: expected {'; '.join(failed)} (evaluate.require). All scores are in "
            "data/scored/scores.json: improve the model, or require less"
        )


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
