"""A message as a bag of n-grams: which they are, how they are found again, and what is measured beside them."""

import math
from collections import Counter
from itertools import groupby
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.text.ngrams import LONG, MOST, bags, counted, indexed, lookup, ngrams, places, size


def hashed(grams: set[str]) -> list[int]:
    return sorted({crc32(gram.encode("utf-8")) for gram in grams})


def every_gram(text: str) -> set[str]:
    """Return the n-grams of a text one by one, without a regular expression."""
    spaced = "".join(
        " " if space else "".join(run) for space, run in groupby(text[:5000].lower(), key=lambda sign: sign.isspace())
    )
    runs = ["".join(run) for letters, run in groupby(spaced, key=lambda one: one.isalnum() or one == "_") if letters]
    words = [run for run in runs if len(run) > 1]
    places = [(start, end) for start in range(len(spaced)) for end in range(start + 1, min(start + 5, len(spaced)) + 1)]
    grams = {spaced[start:end] for start, end in places}
    grams |= {f"1\t{word}" for word in words}
    return grams | {f"2\t{words[place]} {words[place + 1]}" for place in range(len(words) - 1)}


words = st.lists(st.sampled_from(["soup", "WIN", "a", "Bé", "x_1", "£9", "\t", "\n ", " ", "ß", "!"]), max_size=12)


@given(st.one_of(st.text(max_size=40), words.map("".join), words.map(" ".join)))
def test_the_bag_holds_each_gram_of_the_text_once_in_order_and_nothing_else(text: str) -> None:
    found = ngrams(text)
    assert found.dtype == np.uint32
    assert found.tolist() == hashed(every_gram(text))


@given(st.lists(st.one_of(st.text(max_size=40), words.map(" ".join)), max_size=6))
def test_the_bags_of_several_texts_are_those_of_each_alone(texts: list[str]) -> None:
    found = bags(texts)
    assert found.owners.tolist() == sorted(found.owners.tolist())
    for number, text in enumerate(texts):
        assert found.hashes[found.owners == number].tolist() == hashed(every_gram(text))


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=30), max_size=5))
def test_n_grams_of_characters_are_counted_as_they_stand(texts: list[str]) -> None:
    found, counts = counted(texts)
    for number, text in enumerate(texts):
        grams = [text[start : start + size] for size in range(1, 6) for start in range(len(text) - size + 1)]
        expected = Counter(crc32(gram.encode("utf-8")) for gram in grams)
        own = found.owners == number
        assert dict(zip(found.hashes[own].tolist(), counts[own].tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("", set()),
        ("a", {"a"}),
        ("ab", {"a", "b", "ab", "1\tab"}),
        ("a-b", {"a", "-", "b", "a-", "-b", "a-b"}),
        ("abcdef", {*"abcdef", "ab", "bc", "cd", "de", "ef", "abc", "bcd", "cde", "def", "abcd", "bcde", "cdef",
                    "abcde", "bcdef", "1\tabcdef"}),
        ("é7 x é7", {*"é7x ", "é7", "7 ", " x", "x ", " é", "é7 ", "7 x", " x ", "x é", " é7", "é7 x", "7 x ",
                     " x é", "x é7", "é7 x ", "7 x é", " x é7", "1\té7", "2\té7 é7"}),
    ],
)  # fmt: skip
def test_the_grams_are_of_one_to_five_characters_and_of_one_or_two_words(text: str, grams: set[str]) -> None:
    assert ngrams(text).tolist() == hashed(grams)


@pytest.mark.parametrize("other", ["WIN soup", "win\tsoup", "wIn \n\r\u00a0\u3000 SOUP"])
def test_capitals_and_the_kind_and_length_of_white_space_make_no_difference(other: str) -> None:
    assert ngrams(other).tolist() == ngrams("win soup").tolist()


def test_white_space_at_the_ends_counts() -> None:
    assert set(ngrams(" soup").tolist()) - set(ngrams("soup").tolist()) == set(
        hashed({" ", " s", " so", " sou", " soup"})
    )


def test_a_word_is_another_gram_than_the_same_characters() -> None:
    assert set(ngrams("soup").tolist()) - set(ngrams("xsoupx").tolist()) == {crc32(b"1\tsoup")}


def test_a_message_is_read_to_a_longest_length_and_no_further() -> None:
    full = "x" * (MOST - 1) + "y"
    assert ngrams(full + "z and more").tolist() == ngrams(full).tolist()
    assert crc32(b"y") in ngrams(full)
    assert MOST == 5000


hashes = st.sets(st.one_of(st.integers(0, 9), st.integers(0, 2**32 - 1)), max_size=12)


@given(hashes.filter(bool), hashes)
def test_the_place_of_every_known_gram_is_found_and_no_other(known: set[int], bag: set[int]) -> None:
    order = sorted(known)
    found = lookup(np.array(order, np.uint32), np.array(sorted(bag), np.uint32))
    assert found.tolist() == [order.index(gram) for gram in sorted(bag) if gram in known]
    assert found.dtype == np.int64


@given(hashes, st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**32 - 1)), max_size=12))
def test_many_hashes_are_found_at_once_in_any_order(known: set[int], wanted: list[int]) -> None:
    order = sorted(known)
    found = places(indexed(np.array(order, np.uint32)), np.array([*wanted, *order], np.uint32))
    assert found.tolist() == [order.index(gram) if gram in known else -1 for gram in [*wanted, *order]]


def test_hashes_which_begin_alike_are_told_apart() -> None:
    known = np.arange(7 << 20, (7 << 20) + 3000, 3, dtype=np.uint32)
    found = places(indexed(known), np.arange(7 << 20, (7 << 20) + 3000, dtype=np.uint32))
    assert found.tolist() == [number // 3 if number % 3 == 0 else -1 for number in range(3000)]


@pytest.mark.parametrize("bag", [[], [0], [3, 2**32 - 1]])
def test_where_no_gram_is_known_none_is_found(bag: list[int]) -> None:
    assert lookup(np.zeros(0, np.uint32), np.array(bag, np.uint32)).tolist() == []


@pytest.mark.parametrize(("text", "length"), [("", 0), ("soup", 4), ("٣ is 3", 6), ("7" * 159, 159)])
def test_the_size_of_a_message_is_the_logarithm_of_its_characters(text: str, length: int) -> None:
    assert size(text) == pytest.approx(math.log(1 + length))


def test_from_the_length_of_an_sms_on_all_messages_are_of_one_size() -> None:
    assert size("7" * 159) < size("7" * LONG) == size("7" * (LONG + 1)) == size("7" * 9000)
