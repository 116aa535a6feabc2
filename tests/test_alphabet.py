"""Strings in the order of the alphabet, digests of them, and words as numbers, against Python's own ways."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from textrnn.artifacts.ragged import offsets_of
from textrnn.dedup import sort_strings
from textrnn.partitions.digests import digests, first_occurrence
from textrnn.partitions.factorize import numbered, numbers, places
from textrnn.text.tokenizers import Tokenizer, tokenize

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.text("ab\x00\xff", max_size=30)


@pytest.mark.parametrize("at_a_time", [1_000_000, 2])
@given(strings=st.sets(TEXT))
@example(
    strings={"", "\x00", "\x00\x00", "a", "a\x00", "a" * 8, "a" * 8 + "\x00", "a" * 9, "é", "\uffff", "\U0001f600"}
)
def test_bytes_are_put_in_the_order_of_their_texts(at_a_time: int, strings: set[str]) -> None:
    texts = list(strings)
    encoded = [text.encode("utf-8") for text in texts]
    lengths = np.array([len(text) for text in encoded], np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sort_strings, "ROUND", at_a_time)
        letters = np.frombuffer(b"".join(encoded), np.uint8)
        order = sort_strings.alphabetical(letters, offsets_of(lengths)[:-1], lengths)
    assert [texts[place] for place in order] == sorted(texts)


@given(st.lists(st.binary(max_size=2)))
def test_the_first_of_equal_texts_is_found_by_their_digests(texts: list[bytes]) -> None:
    assert first_occurrence(digests(texts)).tolist() == [texts.index(text) for text in texts]


@given(st.lists(st.text() | st.text("aB1'. -:)\t\x1c\u2028"), max_size=12))
@pytest.mark.parametrize("tokenizer", ["word", "rich"])
def test_texts_cut_piece_by_piece_are_cut_as_a_whole(tokenizer: Tokenizer, texts: list[str]) -> None:
    found = numbered(texts, lambda text: tokenize(text, tokenizer))
    words = [found.words[number] for number in found.numbers]
    ends = offsets_of(found.lengths).tolist()
    assert [words[start:end] for start, end in pairwise(ends)] == [tokenize(text, tokenizer) for text in texts]
    assert len(set(found.words)) == len(found.words)


def test_a_word_keeps_the_number_with_which_it_came_first() -> None:
    known = numbers()
    assert places(["b", "a", "b"], known).tolist() == [0, 1, 0]
    assert places(["c", "a"], known).tolist() == [2, 1]
    assert dict(known) == {"b": 0, "a": 1, "c": 2}
