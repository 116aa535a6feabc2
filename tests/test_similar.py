"""Sets that nearly coincide: exactly those which comparing every two finds, however the work is cut."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import plain
from textrnn.dedup import near_duplicates
from textrnn.dedup.groups import near_duplicate_keys
from textrnn.dedup.templates import template, templates

WORDS = [f"{first}{second}" for first in "abcdefg" for second in "xyz"]


@st.composite
def reworded(draw: st.DrawFn) -> list[str]:
    """Return texts of which many are one of a few with some words left out or put in."""
    words = st.sampled_from(WORDS[: draw(st.integers(4, len(WORDS)))])
    originals = draw(st.lists(st.lists(words, max_size=14), min_size=1, max_size=5))
    texts = []
    for _ in range(draw(st.integers(1, 40))):
        text = list(draw(st.sampled_from(originals)))
        for word in draw(st.lists(words, max_size=2)):
            if word in text and draw(st.booleans()):
                text.remove(word)
            else:
                text.append(word)
        texts.append(" ".join(text))
    return texts


@pytest.mark.parametrize(("entries", "pairs"), [(500_000, 200_000), (5, 3)])
@given(texts=reworded())
@example(texts=["", " ", "!", "! !", "a"])
@example(texts=["a b", "b a", "a a b", "b"])
@example(texts=[f"common words in all of them {word}" for word in WORDS])
def test_families_are_those_that_comparing_every_two_finds(entries: int, pairs: int, texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "ENTRIES", entries)
        patch.setattr(near_duplicates, "PAIRS", pairs)
        assert near_duplicate_keys(texts) == plain.near_duplicate_keys(texts)


def test_sets_that_share_common_words_alone_are_found_apart_without_comparing_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has two words of its own, which three others have too, and five that are common to a tenth of all."""
    rng = np.random.default_rng(0)
    rare = np.argsort(rng.random((2000, 1000)), axis=1)[:, :2]
    common = 1000 + np.argsort(rng.random((2000, 50)), axis=1)[:, :5]
    rows = np.sort(np.hstack([rare, common]), axis=1)
    compared = 0
    in_common = near_duplicates.in_common

    def counting(
        sets: near_duplicates.Sets, one: near_duplicates.Ints, other: near_duplicates.Ints
    ) -> near_duplicates.Ints:
        nonlocal compared
        compared += len(one)
        return in_common(sets, one, other)

    monkeypatch.setattr(near_duplicates, "in_common", counting)
    sets = near_duplicates.Sets(rows.ravel().astype(np.int32), np.arange(0, rows.size + 1, 7))
    found = near_duplicates.similar(sets, tmp_path)
    assert len(set(found.tolist())) == len({tuple(row) for row in rows.tolist()})
    assert compared < 20 * len(rows)
    assert list(tmp_path.iterdir()) == []


def test_a_chain_of_sets_that_are_like_their_neighbours_is_one_family(tmp_path: Path) -> None:
    rows = np.arange(300)[:, None] + np.arange(20)
    sets = near_duplicates.Sets(rows.ravel().astype(np.int32), np.arange(0, rows.size + 1, 20))
    assert set(near_duplicates.similar(sets, tmp_path).tolist()) == {0}


@given(st.lists(st.text() | st.text("aA1. :/w£_'\u2028ſİß"), max_size=20))
@example(["http://a.example/b c", "HTTPſ://x", "www.a.example", "1 2:3-4", "__", "", " ", "ŉ'ΐ"])
def test_templates_found_piece_by_piece_are_those_of_whole_texts(texts: list[str]) -> None:
    masked = [template(text) for text in texts]
    assert templates(texts) == masked
