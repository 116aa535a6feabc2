"""Why the model answers as it does: what becomes of a label's probability when a token is taken out (occlusion).

As Zeiler and Fergus (2014) covered parts of a picture, and Li, Monroe and Jurafsky (2016) erased words.
"""

from typing import NamedTuple

import numpy as np

from textrnn.core.files import DIGITS
from textrnn.inference import predictor
from textrnn.text.tokenizers import spans


class Part(NamedTuple):
    """A token of a text, and what it does for a label."""

    start: int  # in the text, in characters
    end: int
    weight: float  # nats of log-odds that the label loses without the token; below 0 when it gains


def parts(model: predictor.Model, text: str, label: int) -> list[Part]:
    """Return the tokens of a cleaned text that the network reads, in order, with what each does for a label.

    A probability has inference.DIGITS digits: one that is surer than they tell hides what single tokens do.
    """
    places = spans(text, model.settings.tokenizer)[: model.settings.max_sequence_length]
    without = [text[:start] + " " + text[end:] for start, end in places]
    probability = predictor.probabilities(model, [text, *without])[:, label]
    least = 0.5 * 10**-DIGITS
    odds = np.log(np.maximum(probability, least) / np.maximum(1 - probability, least))
    weights = np.round(odds[0] - odds[1:], DIGITS).tolist()
    return [Part(start, end, weight) for (start, end), weight in zip(places, weights, strict=True)]


def strongest(text: str, found: list[Part], count: int) -> list[tuple[str, float]]:
    """Return the `count` tokens that do most for the label, or against it, and their weights, the strongest first."""
    ranked = sorted((part for part in found if part.weight), key=lambda part: -abs(part.weight))
    return [(text[part.start : part.end], part.weight) for part in ranked[:count]]
