"""Rows of unequal length in padded batches."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.configs import features_of, placed, rows_of
from textrnn.artifacts.ragged import Rows
from textrnn.training.batches import PADDING, POOL, Batch, Collator, InputDropout, shuffled, without_some

SIZE = 4
WORDS = np.array([0, 3, 1, 2, 0, 4], np.int32)  # the word id of each corpus id: 0 and 4 are unknown
PARTS = features_of(np.arange(1, 13).reshape(6, 2))  # two subword features of each corpus id


def random_lengths(rows: int, longest: int = 30) -> NDArray[np.int16]:
    return np.random.default_rng(rows).integers(1, longest + 1, rows, np.int16)


def padding(lengths: NDArray[np.int16], batches: list[NDArray[Any]]) -> int:
    return sum(int((lengths[rows].max() - lengths[rows]).sum()) for rows in batches)


@pytest.mark.parametrize("rows", [0, 1, SIZE + 1, POOL * SIZE, 3 * POOL * SIZE + 5])
def test_an_epoch_has_every_row_once_in_full_batches(rows: int) -> None:
    batches = list(shuffled(random_lengths(rows), SIZE, (0, 1)))
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(rows))
    sizes = sorted(len(batch) for batch in batches)
    assert sizes == ([rows % SIZE] if rows % SIZE else []) + [SIZE] * (rows // SIZE)


def test_rows_of_like_length_come_together() -> None:
    lengths = random_lengths(1000)
    order = np.random.default_rng(0).permutation(1000)
    mixed = [order[start : start + SIZE] for start in range(0, 1000, SIZE)]
    assert padding(lengths, list(shuffled(lengths, SIZE, (0, 1)))) < padding(lengths, mixed) / 4


@pytest.mark.parametrize("other", [(8, 1, 0), (7, 2, 0), (7, 1, 1)], ids=["seed", "epoch", "member"])
def test_another_seed_epoch_or_member_has_other_batches_in_another_order(other: tuple[int, ...]) -> None:
    lengths = random_lengths(200)
    first, second = ([rows.tolist() for rows in shuffled(lengths, SIZE, seed)] for seed in ((7, 1, 0), other))
    assert [len(batch) for batch in first] == [len(batch) for batch in second]
    shared = {frozenset(batch) for batch in first} & {frozenset(batch) for batch in second}
    assert len(shared) < 5  # of 50: not the same batches in another order


def test_rows_become_word_ids_padded_with_0_and_their_lengths_and_labels() -> None:
    rows = rows_of([[1, 2, 3], [5], [3, 1]], [1, 0, 2])
    collator = Collator(WORDS, None, longest=10, masking=True)
    lengths = collator.lengths(rows)
    batch = collator.batch(rows, np.array([2, 0, 1]), lengths)
    assert lengths.tolist() == [3, 1, 2]
    assert {name: array.tolist() for name, array in batch.items()} == {
        "words": [[2, 3, 0], [3, 1, 2], [4, 0, 0]],
        "lengths": [2, 3, 1],
        "labels": [2, 1, 0],
    }


def test_the_subwords_of_a_token_stand_in_a_batch_once_however_often_it_occurs() -> None:
    rows = rows_of([[4, 1, 4], [1], [5, 5]])
    collator = Collator(WORDS, PARTS, longest=10, masking=True)
    batch = collator.batch(rows, np.array([0, 1]), collator.lengths(rows))
    assert sorted(batch["subwords"].tolist()) == [[0, 0], [3, 4], [9, 10]]
    assert placed(batch) == [[[9, 10], [3, 4], [9, 10]], [[3, 4], [], []]]


def test_a_collator_that_knows_other_words_reads_all_else_alike() -> None:
    rows = rows_of([[1, 2, 3, 5], [2]], [1, 0])
    collator = Collator(WORDS, PARTS, longest=3, masking=True)
    other = collator.knowing(np.array([0, 0, 9, 0, 0, 0], np.int32))
    first, second = (one.batch(rows, np.array([0, 1]), one.lengths(rows)) for one in (collator, other))
    assert first["words"].tolist() == [[3, 1, 2], [1, 0, 0]]
    assert second["words"].tolist() == [[0, 9, 0], [9, 0, 0]]
    for name in ("lengths", "labels", "subwords", "places"):
        assert first[name].tolist() == second[name].tolist()
    assert {array.dtype for array in first.values()} == {np.dtype(np.int32)}, "as the network takes them"


@pytest.mark.parametrize("masking", [True, False])
def test_a_row_is_cut_after_the_longest_length(masking: bool) -> None:
    rows = rows_of([[1, 2, 3, 5, 5], [2]])
    collator = Collator(WORDS, PARTS, longest=3, masking=masking)
    batch = collator.batch(rows, np.array([0, 1]), collator.lengths(rows))
    assert batch["words"].tolist() == [[3, 1, 2], [1, 0, 0]]
    assert batch["lengths"].tolist() == [3, 1 if masking else 3]
    assert placed(batch) == [[[3, 4], [5, 6], [7, 8]], [[5, 6], [], []]]
    assert len(batch["subwords"]) == 4  # what was cut off has none


def test_an_empty_row_is_read_as_one_step_of_padding() -> None:
    rows = rows_of([[], [], [1, 2]])
    collator = Collator(WORDS, PARTS, longest=5, masking=True)
    lengths = collator.lengths(rows)
    assert lengths.tolist() == [1, 1, 2]
    batch = collator.batch(rows, np.array([0, 1]), lengths)
    assert batch["words"].tolist() == [[0], [0]]
    assert placed(batch) == [[[]], [[]]]


def thinned(collator: Collator, rows: Rows, dropout: InputDropout | None, seed: int = 0) -> Batch:
    """Return all rows as a batch, after input dropout."""
    return collator.batch(rows, np.arange(len(rows.rows)), collator.lengths(rows), dropout, np.random.default_rng(seed))


KNOWN = np.arange(1, 41, dtype=np.int32)  # of 40 corpus ids, each a word, so that a word tells which token it was
FEATURES = features_of(np.arange(1, 201).reshape(40, 5))
ids = st.lists(st.lists(st.integers(0, 39), max_size=40), min_size=1, max_size=6)


def many(rows: int = 200, longest: int = 12) -> Rows:
    random = np.random.default_rng(0)
    return rows_of([random.integers(0, 40, random.integers(1, longest + 1)).tolist() for _ in range(rows)])


@given(ids, st.floats(0.01, 0.99), st.integers(0, 99))
def test_a_row_without_some_tokens_keeps_the_others_in_order(rows: list[list[int]], share: float, seed: int) -> None:
    array = np.full((len(rows), 41), PADDING, np.int64)
    for place, row in zip(array, rows, strict=True):
        place[: len(row)] = row
    found = without_some(array, share, np.random.default_rng(seed))
    for one, row in zip(found.tolist(), rows, strict=True):
        kept = [token for token in one if token != PADDING]
        assert one == kept + [PADDING] * (41 - len(kept)), "the padding comes last"
        rest = iter(row)
        assert all(token in rest for token in kept), "in the order in which they stood"
        assert bool(kept) == bool(row), "not all are left out"


def test_the_share_of_tokens_is_left_out_and_the_rows_are_shorter_by_so_many() -> None:
    collator, rows = Collator(KNOWN, None, 12, masking=True), many()
    batch = thinned(collator, rows, InputDropout(token=0.3))
    assert 0.25 < 1 - batch["lengths"].sum() / len(rows.tokens) < 0.32
    assert batch["lengths"].tolist() == np.count_nonzero(batch["words"], axis=1).tolist()
    assert batch["labels"].tolist() == rows.labels.tolist()


def test_an_empty_row_of_which_nothing_can_be_left_out_is_read_as_one_step() -> None:
    batch = thinned(Collator(KNOWN, FEATURES, 12, masking=True), rows_of([[], [5, 6]]), InputDropout(token=0.5))
    assert batch["lengths"][0] == 1
    assert not batch["words"][0].any()
    batch = thinned(Collator(KNOWN, None, 12, masking=False), many(), InputDropout(token=0.5))
    assert batch["words"].shape == (200, 12)
    assert set(batch["lengths"].tolist()) == {12}, "without masking a row is read to its end"


def test_a_left_out_token_takes_its_subwords_with_it() -> None:
    batch = thinned(Collator(KNOWN, FEATURES, 12, masking=True), many(), InputDropout(token=0.5))
    for word, parts in zip(batch["words"].ravel().tolist(), batch["subwords"][batch["places"].ravel()], strict=True):
        assert parts.tolist() == (list(range(5 * word - 4, 5 * word + 1)) if word else [0] * 5)


def test_the_share_of_words_is_made_unknown_and_their_subwords_stay() -> None:
    collator, rows = Collator(KNOWN, FEATURES, 12, masking=True), many()
    plain, batch = thinned(collator, rows, None), thinned(collator, rows, InputDropout(word=0.3))
    lost = batch["words"] != plain["words"]
    assert not batch["words"][lost].any()
    assert 0.26 < lost.sum() / len(rows.tokens) < 0.34
    assert placed(batch) == placed(plain)
    assert batch["lengths"].tolist() == plain["lengths"].tolist()
    assert 0 < lost[plain["words"] == 1].mean() < 1, "not all occurrences of a word"


def test_the_share_of_subwords_is_left_out_and_their_words_stay() -> None:
    collator, rows = Collator(KNOWN, FEATURES, 12, masking=True), many()
    plain = thinned(collator, rows, None)
    lost = []
    for seed in range(20):
        batch = thinned(collator, rows, InputDropout(subword=0.3), seed)
        assert batch["words"].tolist() == plain["words"].tolist()
        left_out = batch["subwords"] != plain["subwords"]
        assert not batch["subwords"][left_out].any()
        lost.append(left_out.sum() / 200)
    assert 0.27 < np.mean(lost) < 0.33
    assert len(set(lost)) > 1
