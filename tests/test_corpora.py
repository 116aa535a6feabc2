"""Invented corpora: seeded, streamed, and in what was counted like the real one."""

import statistics
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bench import corpora
from textrnn.core.paths import ROOT
from textrnn.dedup.templates import template
from textrnn.text.tokenizers import tokenize

ROWS = 20_000


@pytest.fixture(scope="module")
def messages() -> list[corpora.Message]:
    return list(corpora.messages(ROWS, seed=0))


def test_a_seed_is_a_corpus_and_another_one_another(messages: list[corpora.Message]) -> None:
    assert list(corpora.messages(ROWS, seed=0)) == messages
    other = {message.text for message in corpora.messages(ROWS, seed=1)}
    assert len(other & {message.text for message in messages}) < 0.01 * ROWS


def test_the_messages_of_a_smaller_corpus_are_the_first_of_a_larger_one(messages: list[corpora.Message]) -> None:
    assert list(corpora.messages(3000, seed=0)) == messages[:3000]


def test_messages_come_before_all_are_made() -> None:
    assert len(list(islice(corpora.messages(10**12, seed=0), 100))) == 100


def test_lengths_are_those_of_short_messages(messages: list[corpora.Message]) -> None:
    words = [len(message.text.split()) for message in messages]
    assert 13 < statistics.mean(words) < 17
    assert 65 < statistics.mean(len(message.text) for message in messages) < 90
    assert statistics.mean(words) > 1.1 * statistics.median(words), "a tail to the right"
    assert max(words) <= corpora.MOST_WORDS


def test_spam_duplicates_and_near_duplicates_have_their_shares(messages: list[corpora.Message]) -> None:
    assert sum(message.label == "spam" for message in messages) / ROWS == pytest.approx(0.13, abs=0.015)
    texts = {message.text for message in messages}
    assert 1 - len(texts) / ROWS == pytest.approx(0.07, abs=0.015)
    assert 0.005 < (len(texts) - len({template(text) for text in texts})) / ROWS < 0.05  # with other figures alone


def test_spam_has_more_figures_capitals_and_links(messages: list[corpora.Message]) -> None:
    for wanted, factor in ((str.isdecimal, 3), (str.isupper, 3), (lambda token: token.startswith("www."), 10)):
        shares = {}
        for label in ("ham", "spam"):
            tokens = [token for one, text in messages if one == label for token in tokenize(text, "rich")]
            shares[label] = sum(map(wanted, tokens)) / len(tokens)
        assert shares["spam"] > factor * shares["ham"] > 0


def test_the_vocabulary_grows_with_the_corpus_as_in_a_language(messages: list[corpora.Message]) -> None:
    sizes = []
    for rows in (1250, 5000, 20_000):
        counts = Counter(token for _, text in messages[:rows] for token in tokenize(text, "rich"))
        sizes.append(len(counts))
    assert 8000 < sizes[1] < 14_000  # the real one has 10,171 tokens in as many messages
    for growth in np.log(np.divide(sizes[1:], sizes[:-1])) / np.log(4):
        assert 0.5 < growth < 0.75  # and grows with the power of 0.58 there
    common = [count for _, count in counts.most_common(1000)]
    assert 6 < common[9] / common[99] < 14, "the tenth word is about ten times as common as the hundredth"
    assert 6 < common[99] / common[999] < 20


def test_no_two_words_are_spelled_alike() -> None:
    ranks = [*range(30_000), 10**6, 10**9, 2**50]
    assert len({corpora.spelled(rank) for rank in ranks}) == len(ranks)
    assert len(corpora.spelled(0)) < len(corpora.spelled(10**4)) < len(corpora.spelled(10**9))


def test_the_command_writes_lines_of_a_label_a_tab_and_a_text(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.corpora", "300", str(tmp_path / "corpus.tsv"), "--seed", "3"]
    subprocess.run(command, cwd=ROOT, check=True)
    lines = (tmp_path / "corpus.tsv").read_text("utf-8").splitlines()
    assert lines == [f"{label}\t{text}" for label, text in corpora.messages(300, seed=3)]
