"""The most similar text, against a slow search with character n-grams weighed by hand."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from textrnn.evaluation import neighbours
from textrnn.evaluation.neighbours import nearest

KNOWN = ["see you at the lamp", "claim your two tickets", "mum says soup", "claim the red box", "CAFÉ at 8pm", "ok"]
TEXTS = ["Claim your ticket", "see you at eight", "soup?", "the café", "OK", "a red lamp"]


@given(st.lists(st.text(st.sampled_from("abAB \téЖ\N{PILE OF POO}"), min_size=1, max_size=12), min_size=1, max_size=8))
def test_the_weights_are_those_of_scikit_learn(texts: list[str]) -> None:
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True)
    known = vectorizer.fit_transform(texts)
    others = [text[::2] + "a" for text in texts]
    expected = (vectorizer.transform(others) @ known.T).toarray()
    numbers, similarity = nearest(others, texts)
    assert similarity == pytest.approx(expected.max(axis=1))
    assert expected[np.arange(len(texts)), numbers] == pytest.approx(similarity)


def grams(text: str) -> Counter[str]:
    text = text.lower()
    return Counter(text[start : start + size] for size in range(1, 6) for start in range(len(text) - size + 1))


def cosines(text: str, known: list[str]) -> list[float]:
    """Return the cosine to each known text of n-grams, each 1 + log(its count) times its inverse document frequency."""
    bags = [grams(one) for one in known]
    found = Counter(gram for bag in bags for gram in bag)
    vectors = [
        {
            gram: (1 + math.log(count)) * (1 + math.log((1 + len(known)) / (1 + found[gram])))
            for gram, count in bag.items()
            if gram in found
        }
        for bag in [grams(text), *bags]
    ]
    one, *others = vectors
    lengths = [math.sqrt(sum(value**2 for value in vector.values())) or 1.0 for vector in vectors]
    products = [sum(value * other.get(gram, 0) for gram, value in one.items()) for other in others]
    return [product / lengths[0] / length for product, length in zip(products, lengths[1:], strict=True)]


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[::-1], TEXTS[:1], []])
def test_the_nearest_text_is_the_one_of_the_highest_cosine(texts: list[str]) -> None:
    numbers, similarity = nearest(texts, KNOWN)
    every = np.array([cosines(text, KNOWN) for text in texts]).reshape(-1, len(KNOWN))
    assert numbers.tolist() == every.argmax(axis=1).tolist()
    assert similarity == pytest.approx(every.max(axis=1))


def test_a_text_that_is_known_is_its_own_nearest_but_for_capitals() -> None:
    numbers, similarity = nearest([text.upper() for text in KNOWN], KNOWN)
    assert numbers.tolist() == [0, 1, 2, 3, 4, 5]
    assert similarity == pytest.approx(np.ones(6))


def test_a_text_that_shares_no_letter_is_like_none() -> None:
    numbers, similarity = nearest(["жжж"], KNOWN)
    assert (numbers.tolist(), similarity.tolist()) == ([0], [0.0])


def test_of_equally_near_texts_the_first_one_is_taken() -> None:
    assert nearest(["soup"], ["tea", "soup", "soup"])[0].tolist() == [1]


@given(st.lists(st.sampled_from(TEXTS), max_size=9), st.integers(1, 4))
def test_how_many_texts_are_compared_together_changes_nothing(texts: list[str], together: int) -> None:
    at_once = nearest(texts, KNOWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "TOGETHER", together)
        in_turn = nearest(texts, KNOWN)
    assert in_turn[0].tolist() == at_once[0].tolist()
    assert in_turn[1] == pytest.approx(at_once[1])
