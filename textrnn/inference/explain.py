"""Why the model answers as it does: how a label's probability changes when a token is taken out (occlusion).

As Zeiler and Fergus (2014) covered parts of a picture, and Li, Monroe and Jurafsky (2016) erased words.
"""

from collections.abc import Iterable
from itertools import chain, islice

import numpy as np

from textrnn.core.files import DIGITS
from textrnn.inference import predictor
from textrnn.text.ngrams import MOST
from textrnn.text.vocabulary import spans

ENCODER = 10  # an encoder takes about so many times as long for a token as the networks do
WORK = 250_000  # tokens that the network reads for a text: of 500 tokens each is explained, of 2,500 the first 100

Piece = tuple[str, float | None]  # of a text: a token and its weight, or the characters between two tokens


def pieces(model: predictor.Model, text: str, label: int) -> list[Piece]:
    """Return a cleaned text in pieces. Each token that the network reads has a weight, of a long text the first ones.

    The weight is how many nats of log-odds the label loses without the token; it is negative when the label gains.
    Probabilities have DIGITS digits: very close to 0 or 1, they hide the effect of single tokens.
    """
    tokens = spans(text, model.settings.tokenizer)[: model.settings.max_sequence_length + 1]
    places = tokens[: explained(model, len(tokens))]
    # Without a token the model reads on: one token more, and as many characters.
    read = max(MOST + max((end - start for start, end in places), default=0), *(end for _, end in tokens[-1:]), 0)
    without = (text[:start] + " " + text[end:read] for start, end in places)
    texts = chain([text], without)  # some at a time: each may have a million characters
    some = iter(lambda: list(islice(texts, predictor.BATCH)), [])
    graph = predictor.answering(model, text)  # another one would differ by more than the token
    probability = np.concatenate([predictor.probabilities(graph, batch)[:, label] for batch in some])
    least = 0.5 * 10**-DIGITS
    odds = np.log(np.maximum(probability, least) / np.maximum(1 - probability, least))
    found: list[Piece] = []
    before = 0
    for (start, end), weight in zip(places, np.round(odds[0] - odds[1:], DIGITS).tolist(), strict=True):
        found += [(text[before:start], None), (text[start:end], weight)]
        before = end
    return [piece for piece in [*found, (text[before:], None)] if piece[0]]


def explained(model: predictor.Model, tokens: int) -> int:
    """Return how many of the tokens of a text are explained: the network reads all others for each of them."""
    read = min(tokens, model.settings.max_sequence_length)
    return min(read, max(1, WORK // max(1, read)))


def work(model: predictor.Model, text: str) -> int:
    """Return how many tokens the network reads to explain a text, or could read in the time that an encoder takes."""
    read = min(len(spans(text, model.settings.tokenizer)), model.settings.max_sequence_length)
    return read * (1 + explained(model, read)) * (1 if model.settings.encoder in {"none", "glove"} else ENCODER)


def strongest(pieces: Iterable[Piece]) -> list[tuple[str, float]]:
    """Return the tokens that speak for the label or against it, and their weights, the strongest first."""
    return sorted(((text, weight) for text, weight in pieces if weight), key=lambda one: -abs(one[1]))
