"""Which messages to label next: those that the model is unsure of or whose words it does not know, no two alike."""

import numpy as np
from numpy.typing import NDArray

from textrnn.inference.reference import Rows
from textrnn.text.ngrams import bags_of_many

POOL = 20  # times as many candidates as are wanted
READ = 500  # characters that are compared
ALIKE = 0.5  # Jaccard similarity of n-grams from which two messages are near-duplicates
DOUBT = 3  # times the weight of unknown tokens, by `python -m bench.label_next`
FEW = 5  # tokens: one unknown word of a message of one is no great news


def unsure(probabilities: NDArray[np.float64], positive: int | None, cut: float) -> NDArray[np.float64]:
    """Return for each row of (rows, labels) probabilities how close another answer was, 0 … 1."""
    if positive is not None:
        return np.asarray(1 - np.abs(probabilities[:, positive] - cut) / max(cut, 1 - cut), np.float64)
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    return np.asarray(1 - (first - second), np.float64)


def chosen(texts: list[str], doubt: NDArray[np.float64], rows: Rows, count: int) -> list[int]:
    """Return the places of at most `count` of distinct texts, the first to label first.

    Texts are ranked by doubt and by the share of unknown tokens. Each next one has the highest mean of both ranks, less
    its similarity to the nearest one already chosen.
    """
    worth = (DOUBT * rank(doubt) + rank(rows.unknown / (rows.tokens + FEW))) / (DOUBT + 1)
    pool = np.argsort(-worth, kind="stable")[: POOL * count]
    grams = ngram_sets([texts[place][:READ] for place in pool])
    nearest, picked = np.zeros(len(pool)), list[int]()
    while len(picked) < count:
        left = np.where(nearest < ALIKE, worth[pool] * (1 - nearest), -1.0)
        if not len(pool) or left.max() < 0:
            break
        best = int(left.argmax())
        picked.append(best)
        nearest = np.maximum(nearest, [similarity(grams[best], other) for other in grams])
        nearest[best] = 1  # a text without n-grams is like none, not even itself
    return [int(pool[place]) for place in picked]


def ngram_sets(texts: list[str]) -> list[set[int]]:
    """Return the n-grams of each text."""
    if not texts:
        return []
    found = bags_of_many(texts)
    ends = np.cumsum(np.bincount(found.owners, minlength=len(texts)))
    return [set(part.tolist()) for part in np.split(found.grams, ends[:-1])]


def rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of values that are smaller than each, and half of those that are equal."""
    ordered = np.sort(values)
    below, up_to = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (below + up_to) / (2 * max(1, len(values)))


def similarity(one: set[int], other: set[int]) -> float:
    """Return the share of what is in either set that is in both."""
    shared = len(one & other)
    return shared / max(1, len(one) + len(other) - shared)
