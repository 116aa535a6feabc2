"""Why the model answers as it does: how a label's probability changes when a token is taken out (occlusion).

As Zeiler and Fergus (2014) covered parts of a picture, and Li, Monroe and Jurafsky (2016) erased words.
"""

from collections.abc import Iterable

import numpy as np

from textrnn.core.files import DIGITS
from textrnn.inference import predictor
from textrnn.text.vocabulary import spans

Piece = tuple[str, float | None]  # of a text: a token and its weight, or the characters between two tokens


def pieces(model: predictor.Model, text: str, label: int) -> list[Piece]:
    """Return a cleaned text in pieces. Each token that the network reads has a weight.

    The weight is how many nats of log-odds the label loses without the token; it is negative when the label gains.
    Probabilities have DIGITS digits: very close to 0 or 1, they hide the effect of single tokens.
    """
    places = spans(text, model.settings.tokenizer)[: model.settings.max_sequence_length]
    without = [text[:start] + " " + text[end:] for start, end in places]
    probability = predictor.probabilities(model, [text, *without])[:, label]
    least = 0.5 * 10**-DIGITS
    odds = np.log(np.maximum(probability, least) / np.maximum(1 - probability, least))
    found: list[Piece] = []
    before = 0
    for (start, end), weight in zip(places, np.round(odds[0] - odds[1:], DIGITS).tolist(), strict=True):
        found += [(text[before:start], None), (text[start:end], weight)]
        before = end
    return [piece for piece in [*found, (text[before:], None)] if piece[0]]


def strongest(pieces: Iterable[Piece]) -> list[tuple[str, float]]:
    """Return the tokens that speak for the label or against it, and their weights, the strongest first."""
    return sorted(((text, weight) for text, weight in pieces if weight), key=lambda one: -abs(one[1]))
