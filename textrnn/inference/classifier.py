"""A model that is loaded once and asked often, by several threads if need be: what `import textrnn` offers."""

import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.core.escape import characters
from textrnn.inference import decision, explain, loading, predictor
from textrnn.inference.explain import Piece
from textrnn.text.normalise import normalise


class Answers(NamedTuple):
    """The answers to some texts, in their order."""

    labels: list[str]  # "unsure" where the model keeps evaluate.promise, and cannot promise anything of a text
    probabilities: NDArray[np.float64]  # (texts, labels of the model), each row's sum is 1; rounded to six digits


class Classifier:
    """A model that is loaded. Several threads may ask it: they take turns, since it keeps what it has read."""

    labels: tuple[str, ...]  # the columns of the probabilities
    positive_label: str | None  # of two labels the one whose probability is compared with the threshold
    threshold: float  # 0 without a positive label
    may_be_unsure: bool  # whether an answer may be "unsure"

    def __init__(self, model: loading.Model, rule: decision.Rule) -> None:
        self.labels = tuple(model.settings.labels)
        self.positive_label = None if rule.positive is None else self.labels[rule.positive]
        self.threshold, self.may_be_unsure = rule.threshold, rule.sure_from is not None
        self._model, self._rule = model, rule
        self._numbers = {label: number for number, label in enumerate(self.labels)}
        self._turn = Lock()

    def predict(self, texts: Iterable[str]) -> Answers:
        """Return a label for each text, and the probabilities of all labels.

        Of two labels the answer is the positive one if its probability reaches the threshold; of more, the likeliest.
        It is "unsure" if the model is to keep evaluate.promise, and cannot promise that this answer is right.
        Raises TypeError unless the texts are strings in a list or the like.
        """
        cleaned = self._cleaned(texts)
        with self._turn:
            probabilities = predictor.probabilities(self._model, cleaned)
        names = [*self.labels, decision.UNSURE_LABEL]  # the last of which is number UNSURE
        return Answers([names[number] for number in decision.final(probabilities, self._rule)], probabilities)

    def shown(self, answers: Answers) -> list[float]:
        """Return the probability that is told beside each answer: of two labels the positive one's, else its own.

        Beside "unsure" it is that of the answer that the model would have given.
        """
        predicted = decision.answers(answers.probabilities, self._rule.positive, self.threshold)
        beside: list[float] = decision.shown(answers.probabilities, predicted, self._rule.positive).tolist()
        return beside

    def explain(self, text: str) -> list[tuple[str, float]]:
        """Return the tokens of a text that the model reads, of a long one the first ones, and the weight of each.

        A weight says by how much the log-odds of the positive label (of more than two labels: of the answer) fall
        without the token, in nats. Raises TypeError unless the text is a string.
        """
        return [(token, weight) for token, weight in self.pieces(text) if weight is not None]

    def pieces(self, text: str, label: str | None = None) -> list[Piece]:
        """Return the whole text as it is read: tokens with weights, as `explain`, and what stands between, with None.

        The label is the text's answer, if it is known already.
        """
        (cleaned,) = self._cleaned([text])
        number = self._rule.positive if self.positive_label else self._numbers.get(label or "")
        with self._turn:
            if number is None:  # not known, or unsure
                number = int(predictor.probabilities(self._model, [cleaned]).argmax())
            return explain.pieces(self._model, cleaned, number)

    def _cleaned(self, texts: Iterable[str]) -> list[str]:
        """Return the texts as the model reads them."""
        if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
            raise TypeError(f"expected a list of texts, found {type(texts).__name__}: predict([text]) answers one")
        found = list(texts)
        for place, text in enumerate(found):
            if not isinstance(text, str):
                raise TypeError(f"expected a text (str) at position {place}, found {type(text).__name__}")
        return [normalise(characters(text), self._model.settings.normalisation) for text in found]


def load(directory: str | os.PathLike[str] = "model") -> Classifier:
    """Return the model in a directory, such as a copy of the pipeline's model/.

    Raises UserError, which says what was expected and what to do, when a file is missing, damaged, or from another
    model.
    """
    model = loading.load(Path(directory))
    return Classifier(model, decision.read(Path(directory), model.settings.labels))
