"""The tables of data/scored: the answers to the test rows, by row and by label, the mistakes, likely label errors."""

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import pairwise_distances_argmin_min

from textrnn.artifacts.origins import Origins
from textrnn.core.errors import note
from textrnn.core.escape import field
from textrnn.core.files import DIGITS, write_text
from textrnn.core.progress import progress
from textrnn.inference import decision, explain, loading
from textrnn.metrics.scores import per_label
from textrnn.metrics.wilson import wilson

MISLEADING = 5  # tokens named for each mistake
MOST_WORK = 5_000_000  # tokens that the network reads for them: minutes

Messages = list[tuple[str, str]]
Columns = dict[str, list[object]]  # of a table, by name


class Answers(NamedTuple):
    """What the model answers to some rows of data/clean/messages.tsv, in order."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int16]  # their own
    predicted: NDArray[np.int16]
    probabilities: NDArray[np.float64]  # (rows, labels)

    def some(self, chosen: NDArray[np.int64]) -> "Answers":
        """Return the answers at these places."""
        return Answers._make(column[chosen] for column in self)

    def and_then(self, others: "Answers") -> "Answers":
        """Return these answers and the others after them."""
        pairs: Any = zip(self, others, strict=True)
        return Answers._make(map(np.concatenate, pairs))


def write(path: Path, columns: Columns, origins: Origins | None = None) -> None:
    """Write the columns under their names as tab-separated lines or CSV, safe for terminals and spreadsheets.

    With `origins` each row has the file and the line that it came from. CSV begins with a byte order mark: without one
    some spreadsheets take UTF-8 for another encoding.
    """
    columns = located(columns, origins) if origins else columns
    rows = [[field(value) for value in line] for line in [list(columns), *zip(*columns.values(), strict=True)]]
    text = io.StringIO(newline="")
    if path.suffix == ".csv":
        text.write("\ufeff")
        csv.writer(text, lineterminator="\n").writerows(rows)
    else:
        text.writelines("\t".join(row) + "\n" for row in rows)
    write_text(path, text.getvalue())


def located(columns: Columns, origins: Origins) -> Columns:
    """Return the columns, with the file and the line that its row came from before each column of rows."""
    found: Columns = {}
    for name, values in columns.items():
        if name in ("row", "nearest_row"):
            file, line = origins.of(np.array(values, np.int64))
            found |= {name.replace("row", "file"): list(file), name.replace("row", "line"): list(line)}
        found[name] = values
    return found


def predictions(
    answers: Answers, messages: Messages, names: list[str], positive: int | None,
    given: NDArray[np.int16] | None = None,
) -> Columns:  # fmt: skip
    """Return a line for each row. With `given`, some answers of which are UNSURE, it has a column for them.

    `probability` is that of the positive label, if there are two labels and one is positive, else that of the answer.
    Of more labels, the positive one has a column of its own.
    """
    shown = decision.shown(answers.probabilities, answers.predicted, positive)
    columns: Columns = {
        "row": answers.rows.tolist(),
        "label": [names[number] for number in answers.labels],
        "predicted": [names[number] for number in answers.predicted],
        "probability": [f"{value:.{DIGITS}f}" for value in shown],
    }
    if given is not None:
        columns["given"] = [[*names, decision.UNSURE_LABEL][number] for number in given]
    if positive is not None and len(names) > 2:
        columns["probability_of_positive"] = [f"{value:.{DIGITS}f}" for value in answers.probabilities[:, positive]]
    return columns | {"text": [messages[row][1] for row in answers.rows]}


def by_label(answers: Answers, names: list[str]) -> Columns:
    """Return a line for each label, those with the most rows first, with 95 % intervals (Wilson's).

    `confused_with` is the wrong answer that its rows have most often, the first in the alphabet of those that tie, and
    `confused` how many rows have it.
    """
    labels, predicted = answers.labels, answers.predicted
    counts = [np.bincount(of, minlength=len(names)) for of in (labels[labels == predicted], labels, predicted)]
    _, rows, given = counts
    shares, confusions = per_label(*counts), worst(labels, predicted)
    order = np.argsort(-rows, kind="stable").tolist()
    found: Columns = {"label": [names[label] for label in order]}
    found |= {"rows": rows[order].tolist(), "predicted": given[order].tolist()}
    for name, whole in (("precision", given), ("recall", rows)):
        values = [(share, *wilson(share, count)) for share, count in zip(shares[name], whole.tolist(), strict=True)]
        for place, end in enumerate(("", "_low", "_high")):
            found[name + end] = [f"{values[label][place]:.{DIGITS}f}" for label in order]
    found["f1"] = [f"{shares['f1'][label]:.{DIGITS}f}" for label in order]
    found["confused_with"] = [names[confusions[label][0]] if label in confusions else "" for label in order]
    found["confused"] = [confusions[label][1] if label in confusions else 0 for label in order]
    return found


def worst(labels: NDArray[np.int16], predicted: NDArray[np.int16]) -> dict[int, tuple[int, int]]:
    """Return for each label with a row answered wrongly the wrong answer it has most often, and how often."""
    wrong = labels != predicted
    pairs, times = np.unique(labels[wrong].astype(np.int64) << 16 | predicted[wrong], return_counts=True)
    found: dict[int, tuple[int, int]] = {}
    for pair, count in zip(pairs.tolist(), times.tolist(), strict=True):
        label, answer = divmod(pair, 1 << 16)
        if count > found.get(label, (0, 0))[1]:
            found[label] = answer, count
    return found


def mistakes(
    answers: Answers, messages: Messages, names: list[str], rule: decision.Rule,
    known: NDArray[np.int64], model: loading.Model,
) -> Columns:  # fmt: skip
    """Return a line for each row answered wrongly, the surest first, also if the answer is not given.

    Each has the probability of the answer and of its own label, the tokens that misled the model, and the most similar
    one of the training rows, `known`.
    """
    certainty = answers.probabilities.max(axis=1)
    if len(names) == 2:
        certainty = np.abs(decision.shown(answers.probabilities, answers.predicted, rule.positive) - rule.threshold)
    wrong = np.flatnonzero(answers.predicted != answers.labels)
    chosen = answers.some(wrong[np.argsort(-certainty[wrong], kind="stable")])
    given = None if rule.sure_from is None else decision.final(chosen.probabilities, rule)
    columns = predictions(chosen, messages, names, None, given)
    texts = [str(text) for text in columns.pop("text")]
    numbers, similarity = nearest(texts, [messages[row][1] for row in known])
    rows = known[numbers].tolist()
    own = chosen.probabilities[np.arange(len(chosen.labels)), chosen.labels]
    return columns | {
        "probability_of_label": [f"{value:.{DIGITS}f}" for value in own],
        "similarity": [f"{value:.3f}" for value in similarity],
        "nearest_row": rows,
        "nearest_label": [messages[row][0] for row in rows],
        "nearest_text": [messages[row][1] for row in rows],
        "tokens": reasons(model, texts, chosen.predicted.tolist()),
        "text": texts,
    }


def nearest(texts: list[str], known: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each text the place of the most similar known one, and the cosine of their character n-grams."""
    if not texts:  # a model without a mistake need not wait for the n-grams of all known texts
        return np.zeros(0, np.int64), np.zeros(0)
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True)
    others = vectorizer.fit_transform(known)
    places, distances = pairwise_distances_argmin_min(vectorizer.transform(texts), others, metric="cosine")
    return places, 1 - distances


def reasons(model: loading.Model, texts: list[str], predicted: list[int]) -> list[str]:
    """Return the misleading tokens of each text, of the first texts alone if all would be more than MOST_WORK."""
    spent = np.cumsum([explain.work(model, text) for text in texts])
    some = list(zip(texts, predicted, strict=True))[: int(np.searchsorted(spent, MOST_WORK, "right"))]
    if len(some) < len(texts):
        note(f"the tokens that misled the model are looked for in the {len(some):,} surest of {len(texts):,} mistakes")
    found = [misleading(model, *one) for one in progress(some, "explain", unit="mistake")]
    return found + [""] * (len(texts) - len(some))


def misleading(model: loading.Model, text: str, label: int) -> str:
    """Return the tokens that speak most for a label, with their nats of log-odds, as `free=2.31 call=1.20`."""
    found = [one for one in explain.strongest(explain.pieces(model, text, label)) if one[1] > 0]
    return " ".join(f"{token}={weight:.2f}" for token, weight in found[:MISLEADING])


def mislabelled(answers: Answers, tested: int, messages: Messages, names: list[str], origins: Origins) -> Columns:
    """Return a line for each row whose label is likely wrong. The first `tested` answers are those to test rows.

    A person fills in `new_label`, and `python -m tools.relabel` writes it into the file.
    """
    found = label_errors(answers.labels, answers.probabilities)
    chosen = answers.some(found)
    own = chosen.probabilities[np.arange(len(found)), chosen.labels]
    file, line = origins.of(chosen.rows)
    return {
        "file": list(file),
        "line": list(line),
        "label": [names[number] for number in chosen.labels],
        "likelier": [names[number] for number in chosen.probabilities.argmax(axis=1)],
        "new_label": [""] * len(found),
        "probability_of_label": [f"{value:.{DIGITS}f}" for value in own],
        "part": ["test" if place < tested else "held out" for place in found],
        "row": chosen.rows.tolist(),
        "text": [messages[row][1] for row in chosen.rows],
    }


def label_errors(labels: NDArray[np.int16], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows whose label is likely wrong, the row with the least likely label first.

    Confident learning (Northcutt, Jiang and Chuang 2021): a model is confident of a label if its probability reaches
    the mean over the rows with that label. A row is found if the likeliest label that the model is confident of is
    not the row's own, unless its own is the likeliest of all. `probabilities` is (rows, labels), out of sample.
    """
    classes, own = probabilities.shape[1], probabilities[np.arange(len(labels)), labels]
    rows = np.bincount(labels, minlength=classes)
    means = np.where(rows, np.bincount(labels, own, classes) / np.maximum(rows, 1), np.inf)
    confident = np.where(probabilities >= means, probabilities, -1)
    likely = np.where(confident.max(axis=1) < 0, labels, confident.argmax(axis=1))
    found = np.flatnonzero((likely != labels) & (probabilities.argmax(axis=1) != labels))
    ordered: NDArray[np.int64] = found[np.argsort(own[found], kind="stable")]
    return ordered
