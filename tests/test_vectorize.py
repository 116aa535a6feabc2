"""vectorize: messages to integers and back, nothing lost, and what is measured on the way."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stages import vectorize
from tests import plain
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.core import paths
from textrnn.core.files import read_table
from textrnn.text.tokenizers import Tokenizer, tokenize
from textrnn.text.vocabulary import read_tokens, write_counts

MESSAGES = [
    ("ham", "tea at ten or tea at two"),
    ("spam", "win tea now"),
    ("other", ""),
    ("ham", "at ten"),
    ("spam", "tea tea tea"),
]
TOKENS = ["tea", "at", "ten", "now", "or", "two", "win"]  # by falling count, then by token
COUNTS = [6, 3, 2, 1, 1, 1, 1]

WORDS = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=5)
DOCUMENTS = st.lists(st.lists(st.one_of(st.sampled_from(["a", "b", "B", "'", "\u2019", "é", "中"]), WORDS), max_size=8))
AWKWARD = [
    'don\'t "quote" it\'s ""',
    "tab\there, nul \x00 and \ufeff",
    "one\u2028two\u2029three\x85four\x0bfive\x0csix\x1cseven\x1eeight",
    "zero\u200bwidth, no\u2060break, soft\u00adhyphen",
    "",
    "www.a.example/\"'<b>#,;",
    "£1,000 ... 中文 \U0001f600 e\u0301",
    " ",
]


def vectors(workspace: Workspace, messages: list[tuple[str, str]], **changes: Any) -> tuple[ragged.Rows, list[str]]:
    """Return the rows and the tokens that the stage writes. The names of settings stand without `vectorize__`."""
    workspace.settings(**{f"vectorize__{key}": value for key, value in changes.items()})
    workspace.messages(messages)
    workspace.run(vectorize.main)
    return ragged.load(paths.VECTORS), read_tokens(paths.VECTORS / "vocabulary.tsv")


def decoded(rows: ragged.Rows, tokens: Sequence[str]) -> list[list[str]]:
    ends = zip(rows.offsets[:-1], rows.offsets[1:], strict=True)
    return [[tokens[number] for number in rows.tokens[start:end]] for start, end in ends]


@settings(max_examples=60)
@given(DOCUMENTS, st.integers(1, 4), st.sampled_from(["word", "rich"]))
@example([[text] for text in AWKWARD], 3, "rich")
def test_ids_decode_to_the_documents_however_these_are_cut(
    documents: list[list[str]], at_a_time: int, tokenizer: Tokenizer
) -> None:
    texts = [" ".join(document) for document in documents]
    lines = [f"b\t{text}\n".encode() for text in texts]
    file = io.BytesIO()
    blocks = [b"".join(lines[start : start + at_a_time]) for start in range(0, len(lines), at_a_time)]
    found = vectorize.vectorize(blocks, tokenizer, file)
    file.seek(0)
    rows = ragged.Rows(np.load(file), found.offsets, np.zeros(0, np.int8), np.zeros(0, np.int64))
    assert decoded(rows, found.tokens) == [tokenize(text, tokenizer) for text in texts]
    assert list(zip(found.tokens, found.counts.tolist(), strict=True)) == plain.vocabulary(texts, tokenizer)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n")), st.integers(0)))
)
@example([('"', 3), ("'", 2), ("\u2028", 1), ("a\x85b", 1), ("\r", 1), ("\x0c\x1c", 1), ("\x00", 1), ("#", 1), ("", 1)])
def test_a_line_of_the_vocabulary_is_an_id_whatever_the_token(tmp_path: Path, counts: list[tuple[str, int]]) -> None:
    write_counts(tmp_path / "vocabulary.tsv", counts)
    assert read_tokens(tmp_path / "vocabulary.tsv") == [token for token, _ in counts]
    assert (tmp_path / "vocabulary.tsv").read_bytes().count(b"\n") == len(counts)


def test_the_files_hold_what_they_should_in_arrays_of_the_promised_types(workspace: Workspace) -> None:
    rows, tokens = vectors(workspace, MESSAGES)
    assert tokens == TOKENS
    counts = [[token, str(count)] for token, count in zip(TOKENS, COUNTS, strict=True)]
    assert read_table(paths.VECTORS / "vocabulary.tsv") == counts
    assert read_table(paths.VECTORS / "classes.tsv") == [["ham", "2"], ["other", "1"], ["spam", "2"]]
    assert rows.labels.tolist() == [0, 2, 1, 0, 2]
    assert rows.rows.tolist() == [0, 1, 2, 3, 4]
    assert rows.offsets.tolist() == [0, 7, 10, 10, 12, 15]
    assert len(workspace.files()) == 2 + 6 + 1  # params.yaml and messages.tsv, those in data/vectors, the metrics
    for messages in (MESSAGES, [("ham", ""), ("spam", " ")]):
        found = vectors(workspace, messages)[0]
        assert [array.dtype for array in found] == ["<i4", "<i8", "i1", "<i8"]
        lengths = [sum(len(text.split()) for _, text in messages), len(messages) + 1, len(messages), len(messages)]
        assert [array.shape for array in found] == [(length,) for length in lengths]


@pytest.mark.parametrize(("least", "longest", "size", "share"), [(0, 2, 8, 0.6), (1, 6, 4, 0.2), (6, 7, 1, 0)])
def test_the_metrics_count_the_frequent_words_with_the_unknown_one_and_the_longer_messages_but_all_is_kept(
    workspace: Workspace, least: int, longest: int, size: int, share: float
) -> None:
    rows, tokens = vectors(workspace, MESSAGES, min_word_frequency=least, max_sequence_length=longest)
    assert decoded(rows, tokens) == [text.split() for _, text in MESSAGES]
    assert workspace.metrics("vectorize") == {
        "vocabulary_size": size, "distinct_tokens": 7, "tokens": 15, "truncated_share": share,
    }  # fmt: skip


def test_without_messages_the_error_says_how_to_make_them(workspace: Workspace) -> None:
    workspace.settings()
    message = workspace.failure(vectorize.main)
    assert str(paths.MESSAGES) in message
    assert "dvc repro" in message
