"""Invented corpora: seeded, streamed, and with the lengths, words and duplicates of the real one."""

import statistics
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from bench import corpora
from textrnn.dedup.templates import templates
from textrnn.text.vocabulary import tokenize

ROWS = 20_000


@pytest.fixture(scope="module")
def messages() -> list[corpora.Message]:
    return list(corpora.messages(ROWS, seed=0))


def test_a_seed_gives_one_corpus_whose_first_messages_are_a_smaller_corpus(messages: list[corpora.Message]) -> None:
    assert list(islice(corpora.messages(10**12, seed=0), 3000)) == messages[:3000]
    assert list(corpora.messages(100, seed=0)) == messages[:100]
    other = {message.text for message in corpora.messages(1000, seed=1)}
    assert len(other & {message.text for message in messages}) < 20


def test_lengths_labels_duplicates_and_words_are_those_of_short_messages(messages: list[corpora.Message]) -> None:
    words = [len(message.text.split()) for message in messages]
    assert 13 < statistics.mean(words) < 17
    assert statistics.mean(words) > 1.1 * statistics.median(words), "a tail to the right"
    assert sum(message.label == "spam" for message in messages) / ROWS == pytest.approx(0.13, abs=0.015)
    texts = list({message.text for message in messages})
    assert 1 - len(texts) / ROWS == pytest.approx(0.07, abs=0.015)
    assert 0.005 < (len(texts) - len(set(templates(texts)))) / ROWS < 0.05  # only other numbers
    some, more = (
        Counter(token for _, text in messages[:rows] for token in tokenize(text, "rich")) for rows in (5000, ROWS)
    )
    assert 8000 < len(some) < 14_000  # the real one has 10,171 tokens in as many messages
    assert 0.5 < np.log(len(more) / len(some)) / np.log(4) < 0.75  # the exponent of Heaps' law is 0.58 there
    common = [count for _, count in more.most_common(1000)]
    assert 6 < common[9] / common[99] < 14, "the tenth word is about ten times as common as the hundredth"
