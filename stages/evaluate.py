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
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field

from textrnn.artifacts.messages import TWINS
from textrnn.core import params, paths
from textrnn.core.errors import UserError, note, run
from textrnn.core.files import DIGITS, read_array, write_metrics
from textrnn.core.progress import progress
from textrnn.evaluation import checks, comparison, deciding, disguises, tables
from textrnn.evaluation.known import Known, read_known
from textrnn.evaluation.tables import Answers
from textrnn.inference import decision, loading, predictor, reference
from textrnn.inference.decision import Rule
from textrnn.inference.loading import Model
from textrnn.metrics.intervals import intervals
from textrnn.metrics.paired import on_networks
from textrnn.metrics.scores import Bools, Floats, Labels, of_answers, scores

SEED = 0  # of the intervals
COMPARED = (  # by DVC, if the labels have them
    "accuracy", "mcc", "macro_f1", "loss", "average_precision", "precision", "recall", "false_positive_rate",
    "threshold",
)  # fmt: skip


class Evaluate(deciding.Deciding):
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


class Tested(NamedTuple):
    """The model's answers to the test rows."""

    answers: Answers
    given: Labels  # the same answers, or UNSURE
    outputs: dict[str, Floats]  # of the graph


def answered(model: Model, known: Known, rule: Rule) -> Tested:
    """Answer the test rows."""
    texts, steps = known.texts(known.test.rows), partial(progress, desc="classify", unit="batch")
    outputs = predictor.outputs(model, texts, list(known.out_of_fold.sources), steps)
    probabilities = np.round(outputs["probabilities"], DIGITS)
    predicted = decision.answers(probabilities, rule.positive, rule.threshold)
    rows = Answers(np.asarray(known.test.rows), np.asarray(known.test.labels), predicted, probabilities)
    return Tested(rows, decision.final(probabilities, rule), outputs)


def scored(settings: Evaluate, known: Known, tested: Tested, rule: Rule, mislabelled: tables.Columns) -> dict[str, Any]:
    """Return all scores: the model's with their intervals, and those of others beside it."""
    answers, twins = tested.answers, np.asarray(read_array(paths.TEST / "twins.npy"))
    beside, gains = comparison.beside(
        comparison.Rows(known.texts(known.rows), known.labels),
        comparison.Rows(known.texts(answers.rows), answers.labels),
        known.out_of_fold, tested.outputs, (known.held_out.probabilities, answers.predicted), known.positive,
        partial(deciding.threshold, settings, known.positive),
    )  # fmt: skip
    given = (answers.labels, answers.predicted, answers.probabilities, known.positive)
    measured = scores(*given)
    return {
        **({} if known.label is None else {"threshold": rule.threshold}),
        **({} if rule.sure_from is None else {"promise": deciding.of_test(answers, tested.given, known.names)}),
        "test_twins": {name: int((twins >= kind).sum()) for kind, name in enumerate(TWINS, 1)},
        **({"without_twins": without_twins(answers, twins > 0)} if twins.any() else {}),
        "label_errors": {"all": len(mislabelled["part"]), "test": mislabelled["part"].count("test")},
        "baselines": beside,
        "gain_over": gains,
        **measured,
        **intervals(measured, *given, settings.bootstrap_samples, SEED),
    }


def warnings(model: Model, known: Known, rule: Rule, found: dict[str, Any]) -> list[str]:
    """Return what a person should know before trusting the scores."""
    names = known.names
    result = checks.warnings(counts(known.labels, names), counts(known.test.labels, names), found["ci_low"]["mcc"])
    lengths = np.concatenate([np.diff(part.offsets) for part in (known.train, known.validation, known.test)])
    result += checks.truncated(lengths, model.settings.max_sequence_length) if model.networks else []
    return [*result, *checks.beaten(found["gain_over"]["tfidf"]), *deciding.never(names, rule.sure_from)]


def write_tables(model: Model, known: Known, tested: Tested, rule: Rule) -> None:
    """Write what is known of single test rows and of single labels."""
    answers, messages, names, positive = tested.answers, known.messages, known.names, known.positive
    given = None if rule.sure_from is None else tested.given
    tables.write(paths.PREDICTIONS, tables.predictions(answers, messages, names, positive, given), known.places)
    tables.write(paths.LABELS, tables.by_label(answers, names))
    tables.write(paths.ERRORS, tables.mistakes(answers, messages, names, rule, known.rows, model), known.places)
    texts = known.texts(answers.rows)
    tables.write(paths.DISGUISES, disguises.table(model, texts, answers.labels, positive, rule.threshold))
    reference.write(paths.MODEL, reference.rows(model, texts, answers.probabilities, answers.predicted)[0])


def main() -> None:
    """Run the stage."""
    settings = params.load("evaluate", Evaluate)
    model, known = loading.load(paths.MODEL), read_known(settings.positive_label)
    rule = deciding.decide(settings, known.label, known.names, known.held_out)
    tested = answered(model, known, rule)
    mislabelled = tables.mislabelled(
        tested.answers.and_then(known.held_out), len(tested.given), known.messages, known.names, known.places
    )
    found = scored(settings, known, tested, rule, mislabelled)
    write_metrics(paths.METRICS / "evaluate.json", compared(found))
    write_metrics(paths.SCORES, found)
    write_tables(model, known, tested, rule)
    tables.write(paths.LABEL_ERRORS, mislabelled)
    said = warnings(model, known, rule, found)
    tables.write(paths.WARNINGS, {"warning": list(said)})
    for warning in filter(None, [*said, on_networks(found["gain_over"])]):
        note(warning)
    if failed := checks.unmet(found, settings.require):
        raise UserError(
            f"params.yaml: expected {'; '.join(failed)} (evaluate.require). All scores are in "
            "data/scored/scores.json: improve the model, or require less"
        )


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
