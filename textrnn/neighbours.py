"""Which known text is most like another one."""

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

TOGETHER = 256  # texts compared with all known ones at once


def nearest(texts: list[str], known: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each text the number of the most similar known one, and the cosine of their character n-grams."""
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True)
    vectors = vectorizer.fit_transform(known).T
    numbers, similarities = np.zeros(len(texts), np.int64), np.zeros(len(texts))
    for start in range(0, len(texts), TOGETHER):
        some = slice(start, start + TOGETHER)
        similarity = (vectorizer.transform(texts[some]) @ vectors).toarray()
        numbers[some], similarities[some] = similarity.argmax(axis=1), similarity.max(axis=1)
    return numbers, similarities
