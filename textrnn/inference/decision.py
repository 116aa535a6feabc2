"""How probabilities become answers: the threshold, "unsure", and model/threshold.json, where evaluate writes both."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import provenance
from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.core.files import read_json
from textrnn.inference.settings import PROBABILITY, TEXT, Check, checked, or_null

FILE = "threshold.json"
UNSURE, UNSURE_LABEL = -1, "unsure"  # instead of a label's number and of its name


class Rule(NamedTuple):
    """How probabilities become answers."""

    positive: int | None  # the number of the positive label of two; of more the answer is the likeliest
    threshold: float
    sure_from: tuple[float, ...] | None = None  # of each label: an answer less probable is UNSURE


def _least_of_labels(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(map(or_null(PROBABILITY)[1], value.values())))


DECISION: dict[str, Check] = {
    "positive_label": or_null(TEXT),  # of more than two labels none need be positive
    "threshold": or_null(PROBABILITY),
    "model": TEXT,  # the SHA-256 of the model.json of the model that the threshold was chosen for
    # The least probability that an answer of each label may have, or it is "unsure"; null: always. Without: never.
    "sure_from": ("a number from 0 to 1 or null for each label", _least_of_labels),
}


def read(directory: Path, labels: list[str]) -> Rule:
    """Return how the model in `directory` answers. Raises UserError when the file is missing, damaged, or another's."""
    with provenance.whole(directory / FILE) as path:
        found = of_json(read_json(path))
    positive, least = found["positive_label"], found["sure_from"]
    if positive not in (labels if len(labels) == 2 else [*labels, None]):
        raise UserError(f"expected one of {listed(labels)} in {path}, found {positive!r}: run `dvc repro`")
    if found["model"] != provenance.checksum(directory / provenance.RECORD):
        raise UserError(f"expected the threshold of this model in {path}, found that of another one: run `dvc repro`")
    if least is not None and set(least) != set(labels):
        raise UserError(f"expected `sure_from` of {listed(labels)} in {path}, found other labels: run `dvc repro`")
    sure_from = None if least is None else tuple(math.inf if least[one] is None else least[one] for one in labels)
    if positive is None or len(labels) > 2:
        return Rule(None, 0.0, sure_from)
    return Rule(labels.index(positive), float(found["threshold"]), sure_from)


def of_json(value: Any) -> dict[str, Any]:
    """Return the keys of a value of JSON. Raises ValueError, which names all that are wrong."""
    if isinstance(value, dict):
        value = {"sure_from": None} | value
    checked(value, DECISION)
    if (value["positive_label"] is None) != (value["threshold"] is None):
        raise ValueError("expected a positive label and its threshold, or neither")
    return dict(value)


def answers(probabilities: NDArray[np.float64], positive: int | None, cut: float) -> NDArray[np.int16]:
    """Return the label number, int16, answered for each row of (rows, labels) probabilities.

    Of two labels the positive one, if its probability is at least `cut`; of more, the likeliest.
    """
    likeliest: NDArray[np.intp] = np.argmax(probabilities, axis=1)
    if positive is not None and probabilities.shape[1] == 2:
        likeliest = np.where(probabilities[:, positive] >= cut, positive, 1 - positive)
    return likeliest.astype(np.int16)


def final(probabilities: NDArray[np.float64], rule: Rule) -> NDArray[np.int16]:
    """Return what is answered in the end for each row of (rows, labels) probabilities: a label number or UNSURE."""
    predicted = answers(probabilities, rule.positive, rule.threshold)
    if rule.sure_from is None:
        return predicted
    own = probabilities[np.arange(len(predicted)), predicted]
    return np.where(own >= np.array(rule.sure_from)[predicted], predicted, UNSURE).astype(np.int16)


def shown(
    probabilities: NDArray[np.float64], predicted: NDArray[np.int16], positive: int | None
) -> NDArray[np.float64]:
    """Return the probability that stands beside each row's answer: of two labels the positive one's, else its own."""
    column = predicted if positive is None or probabilities.shape[1] > 2 else positive
    chosen: NDArray[np.float64] = probabilities[np.arange(len(probabilities)), column]
    return chosen
