"""Warnings about scores that rest on too few rows, and the requirements that scores must meet."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from textrnn.core.errors import UserError

FEW_TO_LEARN = 20  # training rows of a label
FEW_TO_TEST = 10  # test rows of a label: with five right in ten, Wilson's interval is 24 % to 76 %
IMBALANCED = 0.01  # share of the rarest label
LOWER_IS_BETTER = {"false_positive_rate", "brier", "calibration_error", "false_negatives", "false_positives", "loss"}


def warnings(trained: Mapping[str, int], tested: Mapping[str, int], lowest_mcc: float) -> list[str]:
    """Return a sentence for each reason to doubt the scores.

    `trained` and `tested` count the rows of each label; `lowest_mcc` is the lower bound of the Matthews correlation.
    """
    found = [
        f"only {_rows(count)} of {label!r} to learn from: give {FEW_TO_LEARN} or more"
        for label, count in trained.items()
        if count < FEW_TO_LEARN
    ]
    found += [
        f"the test has only {_rows(count)} of {label!r}: one mistake more or less changes its recall by {1 / count:.0%}"
        for label, count in tested.items()
        if count < FEW_TO_TEST
    ]
    rows = sum(trained.values())
    rarest, commonest = min(trained, key=trained.__getitem__), max(trained, key=trained.__getitem__)
    if trained[rarest] / rows < IMBALANCED:
        found.append(
            f"{rarest!r} is {trained[rarest] / rows:.2%} of the rows: always answering {commonest!r} is right for "
            f"{trained[commonest] / rows:.2%} of them, so read mcc and average_precision, not accuracy"
        )
    if lowest_mcc <= 0:
        found.append(f"the interval of mcc begins at {lowest_mcc:.3f}: the model may be no better than guessing")
    return found


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def unmet(found: Mapping[str, Any], require: Mapping[str, float]) -> list[str]:
    """Return a phrase for each score that is worse than required: lower, or higher if in LOWER_IS_BETTER.

    Raises UserError if a name in `require` is not a score.
    """
    flat = flattened(found)
    wrong = []
    for name, bound in require.items():
        if name not in flat:
            near = get_close_matches(name, flat, n=1)
            meant = f": did you mean {near[0]}?" if near else ""
            raise UserError(
                f"params.yaml: expected evaluate.require to name scores of metrics/evaluate.json, found {name!r}{meant}"
            )
        lower = name.rpartition(".")[2] in LOWER_IS_BETTER
        if (flat[name] > bound) if lower else (flat[name] < bound):
            wrong.append(f"{name} of at {'most' if lower else 'least'} {bound:g}, found {flat[name]:g}")
    return wrong


def flattened(found: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return every number of nested metrics by its full name, such as `ci_low.mcc`."""
    flat: dict[str, float] = {}
    for name, value in found.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat
