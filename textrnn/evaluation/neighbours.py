"""The known text that is most similar to another one."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textrnn.text.ngrams import Bags, counted

TOGETHER = 256  # texts compared with all known ones at once

_SPACES = re.compile(r"\s\s+")


def nearest(texts: list[str], known: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each text the place of the most similar known one, and the cosine of their character n-grams.

    The weights are those of scikit-learn's TfidfVectorizer(sublinear_tf=True). It would take three seconds for the
    4,000 known messages of the corpus, most of them for the names of n-grams that nobody reads.
    """
    from scipy import sparse  # noqa: PLC0415  # a tenth of a second: only where it computes

    grams, counts = of(known)
    distinct, columns = np.unique(grams.hashes, return_inverse=True)
    rarity = 1 + np.log((1 + len(known)) / (1 + np.bincount(columns)))

    def vectors(bags: Bags, columns: NDArray[np.int64], counts: NDArray[np.int64], rows: int) -> sparse.csr_array:
        values = (1 + np.log(counts)) * rarity[columns]
        lengths = np.sqrt(np.bincount(bags.owners, values**2, rows))
        return sparse.csr_array((values / lengths[bags.owners], (bags.owners, columns)), (rows, len(distinct)))

    others = vectors(grams, columns, counts, len(known)).T.tocsc()
    places, similarities = np.zeros(len(texts), np.int64), np.zeros(len(texts))
    for start in range(0, len(texts), TOGETHER):
        some = slice(start, start + TOGETHER)
        bags, counts = of(texts[some])
        columns = np.minimum(np.searchsorted(distinct, bags.hashes), len(distinct) - 1)
        found = distinct[columns] == bags.hashes
        bags = Bags(bags.hashes[found], bags.owners[found])
        similarity = (vectors(bags, columns[found], counts[found], len(texts[some])) @ others).toarray()
        places[some], similarities[some] = similarity.argmax(axis=1), similarity.max(axis=1)
    return places, similarities


def of(texts: Sequence[str]) -> tuple[Bags, NDArray[np.int64]]:
    """Return the n-grams of the texts, in lower case and with white space narrowed, and how often each occurs."""
    return counted([_SPACES.sub(" ", text.lower()) for text in texts])
