"""Answers that keep a promise: of those given at most a share is wrong, and the other texts get none.

What is promised is the selective risk (Geifman and El-Yaniv 2017): the share of wrong answers among those given. With
95 % confidence, which is in the choice of the held-out rows, it is at most 1 - promise for new texts like them. What
holds on average alone, as conformal risk control, would be broken by almost every second model.

This is Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei 2021). Each probability that an answer may need is
a hypothesis, "of the answers from here on too many are wrong". The held-out rows refute it if the exact upper bound of
Clopper and Pearson (1934) is low enough. They are tested from sure answers to less sure ones, each at the full level,
until one cannot be refuted: fixed sequence testing. The sequence begins where the probabilities alone, and no label,
say that the test is the strongest: among the few surest answers a single wrong one would end it. In simulations of
200 to 1,000 draws the promise was broken in 0 to 6 % of them, where every hypothesis is barely false in 3 %.

Two things are taken for granted. The held-out rows are answered by models of fewer rows than the exported one, which is
thought to err no more often, as in CV+ (Barber, Candès, Ramdas and Tibshirani 2021). And these rows have also chosen
epochs, penalties and threshold, a few numbers. compare/promise.tsv has what came of it on five corpora.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from textrnn.metrics.scores import Bools, Floats, Labels
from textrnn.metrics.wilson import wilson

CONFIDENCE = 0.95
CAUTION = 1.5  # times as many wrong answers as the probabilities say: models of few rows are overconfident


def fewest(promise: float) -> int:
    """Return how many answers, all of them right, show that the promise is kept."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(promise))


def sure_from(probability: Floats, right: Bools, promise: float, effect: float = 1.0) -> float:
    """Return the least probability that an answer may have, so that at most 1 - promise of those given are wrong.

    It is infinite where no answer can be promised. `probability` is that of each held-out row's answer, `right` says
    whether it is right, and `effect` is their design effect.
    """
    order = np.argsort(-probability, kind="stable")
    values = probability[order]
    ends = np.flatnonzero(np.diff(values, append=-1))  # the last row of each distinct probability
    if not len(ends):
        return math.inf
    rows = (ends + 1) / effect
    wrong, expected = (np.cumsum(1 - of)[ends] / effect for of in (right[order], values))
    start = int(((rows >= fewest(promise)) * certainty(CAUTION * expected, rows, promise)).argmax())
    refuted = certainty(wrong, rows, promise)[start:] >= CONFIDENCE
    kept = len(refuted) if refuted.all() else int(refuted.argmin())
    return float(values[ends[start + kept - 1]]) if kept else math.inf


def of_labels(
    probabilities: Floats, predicted: Labels, labels: Labels, groups: NDArray[np.int64], promise: float, each: bool
) -> tuple[float, ...]:
    """Return what `sure_from` does for the answers with each label, by these alone if `each` is to keep the promise.

    Then the confidence, too, is that of each label's promise: with 100 labels about five may be broken. The
    `probabilities` (rows, classes) are those of the held-out rows, `labels` their own, and `groups` say which of them
    may be wrong together.
    """
    right, probability = predicted == labels, probabilities[np.arange(len(predicted)), predicted]
    effect, classes = design_effect(right, groups), int(probabilities.shape[1])
    if not each:
        return (sure_from(probability, right, promise, effect),) * classes
    of = (predicted == label for label in range(classes))
    return tuple(sure_from(probability[rows], right[rows], promise, effect) for rows in of)


def certainty(wrong: Floats, rows: Floats, promise: float) -> Floats:
    """Return how sure it is that at most 1 - promise of all such answers are wrong, if so many of these rows are."""
    found: Floats = beta.cdf(1 - promise, wrong + 1, np.maximum(rows - wrong, np.finfo(float).tiny))
    return found


def design_effect(right: Bools, groups: NDArray[np.int64]) -> float:
    """Return how many rows tell as much as a single independent one (Kish 1965).

    Near-duplicates, or the texts of one author, may be wrong together. Korn and Graubard (1998) divide the counts of
    Clopper and Pearson's bound by it.
    """
    away = right - right.sum() / max(1, len(right))
    _, of = np.unique(groups, return_inverse=True)
    return max(1.0, float((np.bincount(of, away) ** 2).sum() / (away**2).sum())) if away.any() else 1.0


def kept(right: Bools, given: Bools) -> dict[str, Any]:
    """Return how many answers are given, and how many of these are wrong, and both as shares with 95 % intervals."""
    answers, wrong = int(given.sum()), int((given & ~right).sum())
    counts = {"answered": (answers, len(given)), "error": (wrong, answers)}
    shares = {name: part / max(1, whole) for name, (part, whole) in counts.items()}
    bounds = {name: wilson(shares[name], whole) for name, (_, whole) in counts.items()}
    ends = {end: {name: one[side] for name, one in bounds.items()} for side, end in enumerate(("ci_low", "ci_high"))}
    return {"answers": answers, "wrong": wrong} | shares | ends
