"""What evaluate.require asks of the scores, and which of them are worse."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from textrnn.core.errors import UserError

LOWER_IS_BETTER = {"false_positive_rate", "brier", "calibration_error", "false_negatives", "false_positives", "loss"}


def unmet(found: Mapping[str, Any], require: Mapping[str, float]) -> list[str]:
    """Return what is wrong with each score that is worse than required: lower, or of LOWER_IS_BETTER higher.

    Raises UserError where something is required that is no score.
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
    """Return every number of nested metrics by its name, such as `ci_low.mcc`."""
    flat: dict[str, float] = {}
    for name, value in found.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat
