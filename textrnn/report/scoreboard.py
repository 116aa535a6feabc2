"""The scores beside what knows nothing, and the confusion, as the report's tables have them."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from textrnn.core.escape import unescaped
from textrnn.report.formatting import number, percent
from textrnn.report.model_card import Words


class Score(NamedTuple):
    """A line of the table. Places are shares of the width of its drawing, from 0 to 1."""

    name: str
    meaning: str
    value: str
    low: str
    high: str
    blind: str
    places: list[float] | None  # of the lower bound, the score, the upper bound and the blind answer's score


class Answer(NamedTuple):
    """A cell of the confusion: how many messages, their share of the actual label, and how dark it is, 0 to 10."""

    rows: int
    share: float
    shade: int
    right: bool


class Actual(NamedTuple):
    """A row of the confusion."""

    label: str
    total: int
    answers: list[Answer]


def scoreboard(scores: dict[str, Any], counts: dict[str, list[int]], words: Words) -> dict[str, Score]:
    """Return a line for each score of metrics/evaluate.json, by its name there, with interval and blind answer."""
    shown: dict[str, tuple[str, str, Callable[[float], str]]] = {
        "mcc": ("Matthews correlation", "over all labels; 1 for knowing, 0 for guessing", number),
        "average_precision": ("average precision", "mean precision over all thresholds", number),
        "roc_auc": ("area under ROC", f"a {words.positive} message is held for likelier than another", number),
        "accuracy": ("accuracy", "messages answered rightly", percent),
        "recall": (f"{words.positive} caught", "recall", percent),
        "false_positive_rate": (f"{words.others} blocked", "by mistake: false positive rate", percent),
        "precision": ("precision", f"{words.positive} among the messages flagged", percent),
        "f1": ("F1", "harmonic mean of precision and recall", number),
        "macro_precision": ("precision, all labels", "the mean over the labels, each against the rest", percent),
        "macro_recall": ("recall, all labels", "the mean over the labels", percent),
        "macro_f1": ("F1, all labels", "the mean over the labels", number),
        "loss": ("cross entropy", "in nats; lower is better", number),
        "brier": ("Brier score", "mean squared error of the probability; lower is better", number),
        "calibration_error": ("calibration error", "expected, fifteen bins; lower is better", number),
    }
    blind = answered_blindly(scores, counts, words)
    board = {}
    for key, (name, meaning, said) in shown.items():
        if key not in scores:  # the means over two labels say nothing that the others do not
            continue
        base = blind.get(key)
        ends = [scores[side].get(key) for side in ("ci_low", "ci_high")]
        low, high = ("" if end is None else said(end) for end in ends)
        known = [place for place in (ends[0], scores[key], ends[1], base) if place is not None]
        top = max(1.0, *known) if key not in ("loss", "brier") else max(known) or 1.0
        places = None if None in ends else [min(1.0, max(0.0, place / top)) for place in known]
        board[key] = Score(name, meaning, said(scores[key]), low, high, "–" if base is None else said(base), places)
    return board


def answered_blindly(scores: dict[str, Any], counts: dict[str, list[int]], words: Words) -> dict[str, float]:
    """Return what the commonest label as the answer to everything has, with the shares of the labels as probabilities.

    No precision where it flags nothing.
    """
    tests = {label: count[-1] for label, count in counts.items()}
    shares = [count / sum(tests.values()) for count in tests.values() if count]
    share = tests[words.positive] / sum(tests.values())
    flags = float(words.commonest == words.positive)
    return {
        "mcc": 0.0,
        "average_precision": share,
        "roc_auc": 0.5,
        "accuracy": scores["majority_accuracy"],
        "recall": flags,
        "false_positive_rate": flags,
        "f1": flags * 2 * share / (1 + share),
        "loss": -sum(part * math.log(part) for part in shares),
        "brier": share * (1 - share),
    } | ({"precision": share} if flags else {})


def matrix(table: list[dict[str, Any]]) -> list[Actual]:
    """Return the rows of the confusion, from those of plots/confusion.csv: all answers to a label after each other."""
    size = math.isqrt(len(table))
    made = []
    for start in range(0, len(table), size):
        cells = table[start : start + size]
        answers = [
            Answer(cell["count"], cell["share"], math.ceil(cell["share"] * 10), cell["actual"] == cell["predicted"])
            for cell in cells
        ]
        made.append(Actual(unescaped(cells[0]["actual"]), sum(cell["count"] for cell in cells), answers))
    return made
