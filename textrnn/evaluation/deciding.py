"""How the model answers: the threshold, and from which probability on answers are given, by the rows held out."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.artifacts import provenance, ragged
from textrnn.artifacts.settings import Positive
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.core.files import read_array, write_json
from textrnn.evaluation.tables import Answers
from textrnn.inference import decision
from textrnn.inference.decision import UNSURE, UNSURE_LABEL
from textrnn.metrics import promise
from textrnn.metrics.scores import Floats, Labels
from textrnn.metrics.threshold import best_threshold

LOWER = (0.98, 0.95, 0.9, 0.8)  # promises that an error suggests


class Deciding(Positive):
    """The keys of section `evaluate` that say how the model answers."""

    threshold: Literal["held_out"] | Annotated[float, Field(ge=0, le=1)]
    promise: Annotated[float, Field(gt=0.5, lt=1)] | None
    promise_per_label: bool


def decide(settings: Deciding, label: str | None, names: list[str], held_out: Answers) -> decision.Rule:
    """Return how the model answers from now on, by the rows held out in training, and write it beside the model."""
    positive = None if label is None else names.index(label)
    cut = threshold(settings, positive, held_out.labels, held_out.probabilities)
    answered = decision.answers(held_out.probabilities, positive, cut or 0.0)
    least = sure_from(settings, names, held_out._replace(predicted=answered))
    found: dict[str, Any] = {"positive_label": label, "threshold": cut}
    if least is not None:
        found["sure_from"] = {name: one if one < np.inf else None for name, one in zip(names, least, strict=True)}
    of_model = provenance.checksum(paths.MODEL / provenance.RECORD)
    write_json(paths.MODEL / "threshold.json", found | {"model": of_model})
    return decision.Rule(positive, cut or 0.0, least)


def groups_of(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the groups of rows held out in training."""
    groups: dict[int, int] = {}
    for path in (paths.TRAIN, paths.VALIDATION):
        groups |= zip(ragged.load(path).rows.tolist(), read_array(path / "groups.npy").tolist(), strict=True)
    return np.array([groups[row] for row in rows.tolist()], np.int64)


def threshold(settings: Deciding, positive: int | None, labels: Labels, probabilities: Floats) -> float | None:
    """Return the threshold that the settings name, or choose it on held-out rows; None without a positive label."""
    if positive is None or settings.threshold != "held_out":
        return None if positive is None else float(settings.threshold)
    truth = labels == positive
    if not truth.any() or truth.all():
        raise UserError(
            "params.yaml: expected held-out rows of both kinds to choose evaluate.threshold by, found none: "
            "set it to a number such as 0.5, or split.validation_share above 0"
        )
    return best_threshold(truth, probabilities[:, positive])


def sure_from(settings: Deciding, names: list[str], held_out: Answers) -> tuple[float, ...] | None:
    """Return the least probability of each label's answers, infinite if it has none; None without a promise.

    Raises UserError if the held-out rows do not show that any answer keeps it.
    """
    if settings.promise is None:
        return None
    if UNSURE_LABEL in names:
        raise UserError(
            f"params.yaml: expected no label {UNSURE_LABEL!r} beside evaluate.promise, which answers so, found one: "
            "give it another name with clean.labels.map"
        )
    least = partial(
        promise.of_labels, held_out.probabilities, held_out.predicted, held_out.labels, groups_of(held_out.rows),
        each=settings.promise_per_label,
    )  # fmt: skip
    found = least(promise=settings.promise)
    if min(found) == math.inf:
        kept = (lower for lower in LOWER if lower < settings.promise and min(least(promise=lower)) < math.inf)
        instead = next((f"promise {lower:g}" for lower in kept), "promise less")
        raise UserError(
            f"params.yaml: expected held-out answers that can keep evaluate.promise {settings.promise:g} "
            f"({promise.fewest(settings.promise):,} that are all right, or more with few wrong), found none such among "
            f"{len(held_out.rows):,}: {instead}, or give more rows"
        )
    return found


def of_test(tested: Answers, given: Labels, names: list[str]) -> dict[str, Any]:
    """Return how many test rows are answered, and how many of these answers are wrong, in all and with each label."""
    right, sure = tested.predicted == tested.labels, given != UNSURE
    of = {name: tested.predicted == number for number, name in enumerate(names)}
    by_label = {name: promise.kept(right[rows], sure[rows]) for name, rows in of.items()}
    return promise.kept(right, sure) | {"by_label": by_label}


def never(names: list[str], least: Sequence[float] | None) -> list[str]:
    """Return a sentence if some labels are never answered."""
    found = [name for name, one in zip(names, least or [0.0] * len(names), strict=True) if one == math.inf]
    if not found:
        return []
    return [
        f"too few held-out answers, or too many wrong ones, to promise anything of {listed(found)}: texts that look so "
        f"are answered {UNSURE_LABEL!r}"
    ]
