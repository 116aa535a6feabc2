"""vectorize: messages to integers and back, nothing lost, and what is measured on the way."""

from typing import Any

import numpy as np
import pytest

from stages import vectorize
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.core import paths
from textrnn.core.files import read_table
from textrnn.text.vocabulary import read_tokens

MESSAGES = [
    ("ham", "tea at ten or tea at two"), ("spam", "win tea now"), ("other", ""), ("ham", "at ten"),
    ("spam", "tea tea tea"),
]  # fmt: skip
COUNTS = {"tea": 6, "at": 3, "ten": 2, "now": 1, "or": 1, "two": 1, "win": 1}  # by falling count, then by token


def vectors(workspace: Workspace, messages: list[tuple[str, str]], **changes: Any) -> tuple[ragged.Rows, list[str]]:
    """Return the rows and the tokens that the stage writes. The names of settings stand without `vectorize__`."""
    workspace.settings(**{f"vectorize__{key}": value for key, value in changes.items()})
    workspace.messages(messages)
    workspace.run(vectorize.main)
    return ragged.load(paths.VECTORS), read_tokens(paths.VECTORS / "vocabulary.tsv")


def test_the_tokens_are_those_of_the_tokenizer_that_is_set(workspace: Workspace) -> None:
    for tokenizer, tokens in (("word", ["9", "win"]), ("rich", ["!", "9", "win", "£"])):
        assert vectors(workspace, [("ham", "£9"), ("spam", "win!")], tokenizer=tokenizer)[1] == tokens


def test_the_files_hold_what_they_should_in_arrays_of_the_promised_types(workspace: Workspace) -> None:
    rows, tokens = vectors(workspace, MESSAGES)
    assert tokens == list(COUNTS)
    counts = [[token, str(count)] for token, count in COUNTS.items()]
    assert read_table(paths.VECTORS / "vocabulary.tsv") == counts
    assert read_table(paths.VECTORS / "classes.tsv") == [["ham", "2"], ["other", "1"], ["spam", "2"]]
    offsets, labels = [0, 7, 10, 10, 12, 15], [0, 2, 1, 0, 2]
    assert [array.tolist() for array in rows[1:]] == [offsets, labels, [0, 1, 2, 3, 4]]
    assert len(workspace.files()) == 5 + 6 + 1  # params.yaml and what clean leaves, those in data/vectors, the metrics
    for messages in (MESSAGES, [("ham", ""), ("spam", " ")]):
        found = vectors(workspace, messages)[0]
        assert [array.dtype for array in found] == ["<i4", "<i8", "<i2", "<i8"]
        lengths = [sum(len(text.split()) for _, text in messages), len(messages) + 1, len(messages), len(messages)]
        assert [array.shape for array in found] == [(length,) for length in lengths]


@pytest.mark.parametrize(("least", "longest", "size", "share"), [(0, 2, 8, 0.6), (1, 6, 4, 0.2), (6, 7, 1, 0)])
def test_the_metrics_count_the_frequent_words_with_the_unknown_one_and_the_longer_messages_but_all_is_kept(
    workspace: Workspace, least: int, longest: int, size: int, share: float
) -> None:
    rows, tokens = vectors(workspace, MESSAGES, min_word_frequency=least, max_sequence_length=longest)
    decoded = [[tokens[number] for number in part] for part in np.split(rows.tokens, rows.offsets[1:-1])]
    assert decoded == [text.split() for _, text in MESSAGES]
    assert workspace.metrics("vectorize") == {
        "vocabulary_size": size, "distinct_tokens": 7, "tokens": 15, "truncated_share": share,
    }  # fmt: skip
