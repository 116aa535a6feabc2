"""The tables of data/scored: what the model answers for the test rows, its mistakes, and labels likely wrong."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.core.escape import field
from textrnn.evaluation.neighbours import nearest
from textrnn.inference import explain, predictor

MISLEADING = 5  # tokens named beside a mistake

Messages = list[tuple[str, str]]
Columns = dict[str, list[object]]  # of a table, by name


class Answers(NamedTuple):
    """What the model says of some rows of data/clean/messages.tsv, in order."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int8]  # their own
    predicted: NDArray[np.int8]
    probabilities: NDArray[np.float64]  # (rows, labels)


def some(answers: Answers, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Answers:
    """Return the answers for the rows at those places."""
    rows, labels, predicted, probabilities = answers
    return Answers(rows[chosen], labels[chosen], predicted[chosen], probabilities[chosen])


def together(first: Answers, second: Answers) -> Answers:
    """Return the answers for the rows of both."""
    return Answers(
        np.concatenate([first.rows, second.rows]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.predicted, second.predicted]),
        np.concatenate([first.probabilities, second.probabilities]),
    )


def table(columns: Columns) -> str:
    """Return the columns under their names as tab-separated lines, safe for terminals and spreadsheets."""
    lines = zip(*columns.values(), strict=True)
    return "".join("\t".join(map(field, line)) + "\n" for line in [list(columns), *lines])


def predictions(answers: Answers, messages: Messages, names: list[str], positive: int) -> Columns:
    """Return a line for each row; `probability` is that of the positive label."""
    return {
        "row": answers.rows.tolist(),
        "label": [names[number] for number in answers.labels],
        "predicted": [names[number] for number in answers.predicted],
        "probability": [f"{value:.6f}" for value in answers.probabilities[:, positive]],
        "text": [messages[row][1] for row in answers.rows],
    }


def mistakes(
    answers: Answers, messages: Messages, names: list[str], positive: int, cut: float,
    known: NDArray[np.int64], model: predictor.Model,
) -> Columns:  # fmt: skip
    """Return a line for each row answered wrongly, the surest first.

    Beside it stand the tokens that misled, and the one of the rows `known` from training that is most like it.
    """
    certainty = np.abs(answers.probabilities[:, positive] - cut)
    if len(names) > 2:
        certainty = answers.probabilities.max(axis=1)
    wrong = np.flatnonzero(answers.predicted != answers.labels)
    worst = wrong[np.argsort(-certainty[wrong], kind="stable")]
    chosen = some(answers, worst)
    columns = predictions(chosen, messages, names, positive)
    texts = [str(text) for text in columns.pop("text")]
    numbers, similarity = nearest(texts, [messages[row][1] for row in known])
    rows = known[numbers].tolist()
    misled = [misleading(model, text, int(label)) for text, label in zip(texts, chosen.predicted, strict=True)]
    return columns | {
        "similarity": [f"{value:.3f}" for value in similarity],
        "nearest_row": rows,
        "nearest_label": [messages[row][0] for row in rows],
        "nearest_text": [messages[row][1] for row in rows],
        "tokens": misled,
        "text": texts,
    }


def misleading(model: predictor.Model, text: str, label: int) -> str:
    """Return the tokens that speak most for a label, and for how many nats of log-odds, as `free=2.31 call=1.20`."""
    found = [one for one in explain.strongest(explain.pieces(model, text, label)) if one[1] > 0]
    return " ".join(f"{token}={weight:.2f}" for token, weight in found[:MISLEADING])


def suspicions(
    answers: Answers, doubtful: NDArray[np.int64], tested: int, messages: Messages, names: list[str]
) -> Columns:
    """Return a line for each doubtful one of the rows, of which the first `tested` are test rows."""
    chosen = some(answers, doubtful)
    own = chosen.probabilities[np.arange(len(doubtful)), chosen.labels]
    return {
        "row": chosen.rows.tolist(),
        "part": ["test" if number < tested else "held out" for number in doubtful],
        "label": [names[number] for number in chosen.labels],
        "likelier": [names[number] for number in chosen.probabilities.argmax(axis=1)],
        "probability_of_label": [f"{value:.6f}" for value in own],
        "text": [messages[row][1] for row in chosen.rows],
    }
