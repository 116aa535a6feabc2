"""What a token is made of, as numbers."""

import os
import subprocess
import sys
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.core import paths
from textrnn.text import subwords

TOKENS = ["", "?", "a", "Hi", "FREE", "don't", "07000000000", "中文", "\U0001f600", "http://a.example/" + "x" * 300]
BUCKETS = 20_000


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 10_000_000))
def test_features_are_at_most_forty_numbers_from_1_to_the_number_of_buckets(token: str, buckets: int) -> None:
    numbers = subwords.features(token, buckets)
    assert 4 <= len(numbers) <= 40
    assert all(1 <= number <= buckets for number in numbers)


def test_a_short_token_has_its_word_case_shape_and_parts_of_3_to_5_letters() -> None:
    names = ["word Hi!!", "case title", "shape a!!", "<hi!!>"]
    names += ["<hi", "hi!", "i!!", "!!>", "<hi!", "hi!!", "i!!>", "<hi!!", "hi!!>"]
    assert subwords.features("Hi!!", BUCKETS) == [1 + crc32(name.encode()) % BUCKETS for name in names]


def test_a_long_token_has_forty_features() -> None:
    assert len(subwords.features("http://a.example/" + "x" * 300, BUCKETS)) == 40


def test_words_that_share_parts_share_features() -> None:
    one, like, unlike = (set(subwords.features(token, BUCKETS)) for token in ("winner", "Winners", "holiday"))
    assert len(one & like) > 8
    assert len(one & unlike) <= 2  # case and shape


@pytest.mark.parametrize(
    ("token", "case", "shape"),
    [
        ("", "lower", ""),
        ("free", "lower", "a"),
        ("Free", "title", "a"),
        ("FREE", "upper", "a"),
        ("U", "letter", "a"),
        ("fReE", "lower", "a"),
        ("ÉCOLE", "upper", "a"),
        ("中文", "lower", "a"),
        ("000", "lower", "0"),
        ("B4", "upper", "a0"),
        ("don't", "lower", "a'a"),
        ("...", "lower", "..."),
        ("!!!!!!!!!!!!", "lower", "!!!!!!!!"),
        ("http://a.example/b", "lower", "a://a.a/"),
    ],
)
def test_a_token_has_a_case_and_a_shape(token: str, case: str, shape: str) -> None:
    assert (subwords.case(token), subwords.shape(token)) == (case, shape)


def test_a_table_has_a_row_for_each_token_padded_with_0() -> None:
    table = subwords.table(TOKENS, BUCKETS)
    assert table.dtype == np.int32
    assert table.shape == (len(TOKENS), 40)
    for row, token in zip(table.tolist(), TOKENS, strict=True):
        numbers = subwords.features(token, BUCKETS)
        assert row == numbers + [0] * (40 - len(numbers))


def test_a_table_of_no_tokens_has_no_rows() -> None:
    assert len(subwords.table([], BUCKETS)) == 0


def test_features_do_not_depend_on_the_seed_of_pythons_hashes() -> None:
    code = f"from textrnn.text import subwords; print(subwords.table({TOKENS!r}, {BUCKETS}).tolist())"
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=paths.ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed == [f"{subwords.table(TOKENS, BUCKETS).tolist()}\n"] * 2
