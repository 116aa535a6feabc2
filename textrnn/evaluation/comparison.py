"""The model beside its own parts alone and beside baselines, on the same rows.

Its parts are the networks, the linear branch, and that of an encoder. The rows are those of the test, and for the
differences also the training rows, each answered by models that have not learnt from its fold.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import provenance
from textrnn.core import paths
from textrnn.core.files import DIGITS, opened, read_json, read_table
from textrnn.evaluation.baselines import affordable, tfidf
from textrnn.evaluation.tables import Answers, Messages
from textrnn.inference import decision
from textrnn.metrics.paired import difference
from textrnn.metrics.scores import Floats, Labels, majority_baseline, of_answers, scores
from textrnn.model import stacking
from textrnn.model.config import TrainConfig
from textrnn.model.stacking import softmax

NETWORKS, ENCODER, SIZE = "networks", "encoder", "size"  # sources of the blend; all others are the linear branch's

Numbers = dict[str, dict[str, float]]
Choose = Callable[[Labels, Floats], float | None]  # a threshold by the labels and the probabilities of some rows

CROSSED = 10_000  # training rows, at most, from each fold of which TF-IDF is left out: with more, the test rows suffice


class Rows(NamedTuple):
    """Rows to learn from or to answer."""

    texts: list[str]
    labels: Labels

    def some(self, chosen: NDArray[np.int64]) -> "Rows":
        """Return the rows at these places."""
        return Rows([self.texts[row] for row in chosen.tolist()], self.labels[chosen])


class OutOfFold(NamedTuple):
    """What the blend was fitted to, of the training rows in their order; nothing where a single network has learnt."""

    fold: NDArray[np.int64]
    sources: dict[str, Floats]  # by the names of the graph's outputs and inputs, each (rows, columns)


def read_held_out(messages: Messages, names: list[str]) -> Answers:
    """Return the answers to the rows held out in training, from models that did not train on them."""
    lines = read_table(paths.HELD_OUT)[1:]
    rows = np.array([line[0] for line in lines], np.int64)
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers[messages[row][0]] for row in rows], np.int16)
    probabilities = np.array([line[1:] for line in lines], float).reshape(-1, len(names))
    return Answers(rows, labels, probabilities.argmax(axis=1).astype(np.int16), probabilities)


def read_out_of_fold() -> OutOfFold:
    """Return what train has written. Raises UserError if it is missing."""
    with opened(paths.OUT_OF_FOLD) as file, np.load(file, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays}
    return OutOfFold(found.pop("fold"), {name: array.astype(float) for name, array in found.items()})


def parts(sources: Mapping[str, Floats]) -> dict[str, list[str]]:
    """Return the names of each part's sources, by the part's name; none of a model that is a single part."""
    of_linear = [name for name in sources if name not in {NETWORKS, ENCODER, SIZE}]
    found = {"linear": [*of_linear, SIZE]} if of_linear else {}
    found |= {"encoder": [ENCODER, SIZE]} if ENCODER in sources else {}
    found |= {"networks": [NETWORKS]} if NETWORKS in sources else {}
    if len(found) == 3:
        found["without_networks"] = [name for name in sources if name != NETWORKS]
    return found if len(found) > 1 else {}


def alone(known: OutOfFold, labels: Labels, names: list[str], tested: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Return the probabilities of training and test rows by these sources alone, blended as the whole model is.

    Those of the training rows are by blends that were fitted without their fold.
    """
    record = read_json(paths.MODEL / provenance.RECORD)
    class_weight = TrainConfig.model_validate(record["params"]["train"]).class_weight
    sources = [known.sources[name] for name in names]
    blend, out_of_fold = stacking.blended(sources, labels, known.fold, class_weight)
    test = stacking.apply(blend, [tested[name] for name in names])
    return np.round(softmax(out_of_fold), DIGITS), np.round(softmax(test), DIGITS)


def beside(
    known: Rows, test: Rows, out_of_fold: OutOfFold, tested: Mapping[str, Floats], whole: tuple[Floats, Labels],
    positive: int | None, choose: Choose,
) -> tuple[Numbers, Numbers]:  # fmt: skip
    """Return what others score on the test rows, and by how much the whole model's accuracy is higher than theirs.

    The others are TF-IDF and the model's parts, whose thresholds are chosen as the model's is, and in the scores also
    always answering the commonest label. `tested` are the sources of the test rows, `whole` the model's probabilities
    of the training rows, out of fold, and its answers to the test rows. Without folds the differences are those of the
    test rows alone.
    """
    fold = out_of_fold.fold

    def of_known(probabilities: Floats) -> Labels:
        def answers(others: NDArray[np.int64], left_out: NDArray[np.int64]) -> Labels:
            cut = choose(known.labels[others], probabilities[others])
            return decision.answers(probabilities[left_out], positive, cut or 0.0)

        return by_fold(answers, fold)

    def over(known_answers: Labels, answers: Labels, of_whole: Labels) -> dict[str, float]:
        """Return the difference, over the test rows and as many training rows as there are answers to."""
        truth = np.concatenate([known.labels[: len(known_answers)], test.labels])
        model = np.concatenate([of_whole[: len(known_answers)], whole[1]])
        return difference(model == truth, np.concatenate([known_answers, answers]) == truth)

    own, classes = of_known(whole[0]), whole[0].shape[1]
    learnt = known.some(affordable(known.texts))
    answers = tfidf(learnt.texts, learnt.labels, test.texts)
    crossed = by_fold(partial(tfidf_of, known), fold if len(fold) <= CROSSED else fold[:0])
    found = {"majority": majority_baseline(test.labels, classes, positive)}
    found["tfidf"] = of_answers(test.labels, answers, positive) | {"training_rows": len(learnt.labels)}
    gains = {"tfidf": over(crossed, answers, own)}
    for name, sources in parts(out_of_fold.sources).items():
        held_out, probabilities = alone(out_of_fold, known.labels, sources, tested)
        answers = decision.answers(probabilities, positive, choose(known.labels, held_out) or 0.0)
        found[name] = scores(test.labels, answers, probabilities, positive)
        gains[name] = over(of_known(held_out), answers, own)
    return found, gains


def tfidf_of(known: Rows, others: NDArray[np.int64], left_out: NDArray[np.int64]) -> Labels:
    """Return the answers of TF-IDF to the rows left out, learnt from the others."""
    learnt = known.some(others)
    return tfidf(learnt.texts, learnt.labels, known.some(left_out).texts)


def by_fold(answers: Callable[[NDArray[np.int64], NDArray[np.int64]], Labels], fold: NDArray[np.int64]) -> Labels:
    """Return the answers to all rows, those of each fold from the places of the other rows and of its own."""
    result = np.zeros(len(fold), np.int16)
    for number in np.unique(fold):
        result[fold == number] = answers(np.flatnonzero(fold != number), np.flatnonzero(fold == number))
    return result
