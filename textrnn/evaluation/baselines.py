"""What ten lines of scikit-learn answer."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits

from textrnn.core.files import DIGITS
from textrnn.metrics.scores import Labels

ROWS, LETTERS = 40_000, 20_000_000  # of the training texts, at most: beyond that a baseline is no longer cheap
# Words of two letters or more, as scikit-learn has them; of scripts written without blanks, every letter.
WORDS = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|\b\w\w+\b"


def tfidf(texts: list[str], labels: Labels, test_texts: list[str]) -> Labels:
    """Return the answers of a logistic regression, one against the rest, on TF-IDF of words and pairs of words.

    C is 10: at scikit-learn's 1 the regression finds far too few of a rare label to be worth comparing with. It is
    fitted until another processor's rounding can no longer change an answer. Texts without a word, such as emoji alone,
    get the commonest label.
    """
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORDS)
    if not any(map(re.compile(WORDS).search, texts)):
        return np.full(len(test_texts), np.bincount(labels).argmax(), np.int16)
    regression = LogisticRegression(C=10, solver="liblinear", tol=1e-8, max_iter=1000)
    with threadpool_limits(1):  # BLAS shares out sums so short that its threads only wait for each other
        model: Any = OneVsRestClassifier(regression).fit(vectorizer.fit_transform(texts), labels)
        decisions = np.round(model.decision_function(vectorizer.transform(test_texts)), DIGITS)
    numbers = decisions.argmax(axis=1) if decisions.ndim == 2 else (decisions > 0).astype(int)
    answers: Labels = model.classes_[numbers]
    return answers


def affordable(texts: list[str]) -> NDArray[np.int64]:
    """Return the rows to learn from, in order: all, or as many drawn ones as ROWS and LETTERS allow."""
    drawn = np.random.default_rng(0).permutation(len(texts))[:ROWS]
    letters = np.cumsum([len(texts[row]) for row in drawn])
    return np.sort(drawn[letters <= LETTERS])
