"""The known text that is most similar to another one."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.text.ngrams import Bags, counted

TOGETHER = 256  # texts compared with all known ones at once

_SPACES = re.compile(r"\s\s+")


def nearest(texts: list[str], known: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each text the place of the most similar known one, and the cosine of their character n-grams.

    The result is that of scikit-learn's TfidfVectorizer(sublinear_tf=True), which would take three seconds for the
    4,000 known messages of the corpus, most of them for the names of n-grams that nobody reads.
    """
    from scipy import sparse  # noqa: PLC0415  # a second to load, both: only where they compute
    from sklearn.feature_extraction.text import TfidfTransformer  # noqa: PLC0415

    bags, counts = of(known)
    distinct = np.unique(bags.hashes)

    def rows(bags: Bags, counts: NDArray[np.int64], texts: int) -> Any:
        columns = np.minimum(np.searchsorted(distinct, bags.hashes), len(distinct) - 1)
        found = distinct[columns] == bags.hashes
        places = bags.owners[found], columns[found]
        return sparse.csr_matrix((counts[found].astype(float), places), (texts, len(distinct)))

    weights = TfidfTransformer(sublinear_tf=True)
    others = weights.fit_transform(rows(bags, counts, len(known))).T.tocsc()
    places, similarities = np.zeros(len(texts), np.int64), np.zeros(len(texts))
    for start in range(0, len(texts), TOGETHER):
        some = slice(start, start + TOGETHER)
        similarity = (weights.transform(rows(*of(texts[some]), len(texts[some]))) @ others).toarray()
        places[some], similarities[some] = similarity.argmax(axis=1), similarity.max(axis=1)
    return places, similarities


def of(texts: Sequence[str]) -> tuple[Bags, NDArray[np.int64]]:
    """Return the n-grams of the texts, in lower case and with white space narrowed, and how often each occurs."""
    return counted([_SPACES.sub(" ", text.lower()) for text in texts])
