"""Warnings about scores that rest on too few rows, and the requirements that scores must meet."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.metrics.paired import MANY, points
from textrnn.text.ngrams import MOST

FEW_TO_LEARN = 20  # training rows of a label
FEW_TO_TEST = 10  # test rows of a label: with five right in ten, Wilson's interval is 24 % to 76 %
IMBALANCED, DOMINANT = 0.01, 0.5  # share of the rarest label, and of the commonest
MOSTLY = 0.5  # share of the texts that are cut
LOWER_IS_BETTER = {
    "false_positive_rate", "brier", "calibration_error", "false_negatives", "false_positives", "loss", "error",
}  # fmt: skip


def warnings(trained: Mapping[str, int], tested: Mapping[str, int], lowest_mcc: float) -> list[str]:
    """Return a sentence for each reason to doubt the scores.

    `trained` and `tested` count the rows of each label; `lowest_mcc` is the lower bound of the Matthews correlation.
    """
    found = rare(
        trained, FEW_TO_LEARN, "rows to learn from", "only {rows} of {label!r} to learn from: give {few} or more"
    )
    found += rare(
        tested, FEW_TO_TEST, "test rows",
        "the test has only {rows} of {label!r}: one mistake more or less changes its recall by {share:.0%}",
    )  # fmt: skip
    rows = sum(trained.values())
    rarest, commonest = min(trained, key=trained.__getitem__), max(trained, key=trained.__getitem__)
    if trained[rarest] / rows < IMBALANCED and trained[commonest] / rows > DOMINANT:
        found.append(
            f"{rarest!r} is {trained[rarest] / rows:.2%} of the rows: always answering {commonest!r} is right for "
            f"{trained[commonest] / rows:.2%} of them, so read mcc and "
            f"{'average_precision' if len(trained) == 2 else 'macro_f1'}, not accuracy"
        )
    if lowest_mcc <= 0:
        found.append(f"the interval of mcc begins at {lowest_mcc:.3f}: the model may be no better than guessing")
    return found


def rare(counts: Mapping[str, int], few: int, rows: str, of_one: str) -> list[str]:
    """Return a sentence, `of_one`, on each label with fewer than `few` rows, or a single one on more than two."""
    found = {label: count for label, count in counts.items() if count < few}
    if len(found) <= 2:
        named = {label: "1 row" if count == 1 else f"{count} rows" for label, count in found.items()}
        return [
            of_one.format(label=label, rows=named[label], few=few, share=1 / max(1, found[label])) for label in found
        ]
    least, most = min(found.values()), max(found.values())
    span = f"{least}" if least == most else f"{least} to {most}"
    named_first = listed(sorted(found, key=found.__getitem__))
    return [f"{len(found)} labels have fewer than {few} {rows}, the rarest first: {named_first} ({span} rows)"]


def truncated(lengths: NDArray[np.int64], longest: int) -> list[str]:
    """Return a sentence if more than half of the texts, of these lengths in tokens, are longer than is read."""
    share = float((lengths > longest).mean())
    if share <= MOSTLY:
        return []
    return [
        f"{share:.0%} of the texts have more than {longest:,} tokens, and the networks read no further (the linear "
        f"branch reads {MOST:,} characters): raise vectorize.max_sequence_length, half of the texts have "
        f"{int(np.median(lengths)):,} or more"
    ]


def beaten(gain: Mapping[str, float]) -> list[str]:
    """Return a sentence if the model is worse than TF-IDF with logistic regression, by its gain over them."""
    if gain["accuracy"] >= -MANY * gain["standard_error"]:
        return []
    return [
        "TF-IDF with logistic regression, ten lines of scikit-learn, is better here (the model: "
        f"{points(gain)} points of accuracy)"
    ]


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
                f"params.yaml: expected evaluate.require to name scores of data/scored/scores.json, "
                f"found {name!r}{meant}"
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
