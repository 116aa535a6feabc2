"""Rows of unequal length in padded batches."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.recipes import rows_of
from textrnn import ragged
from textrnn.batches import POOL, Encoder, by_length, shuffled

SIZE = 4
WORDS = np.array([0, 3, 1, 2, 0, 4], np.int32)  # the word id of each corpus id: 0 and 4 are unknown
PARTS = np.arange(1, 13, dtype=np.int32).reshape(6, 2)  # two subword features of each corpus id


def random_lengths(rows: int, longest: int = 30) -> NDArray[np.int64]:
    return np.random.default_rng(rows).integers(1, longest + 1, rows)


def padding(lengths: NDArray[np.int64], batches: list[NDArray[np.int64]]) -> int:
    return sum(int((lengths[rows].max() - lengths[rows]).sum()) for rows in batches)


def as_lists(batches: list[NDArray[np.int64]]) -> list[list[int]]:
    return [rows.tolist() for rows in batches]


@pytest.mark.parametrize("rows", [1, SIZE - 1, SIZE, SIZE + 1, POOL * SIZE, POOL * SIZE + 1, 3 * POOL * SIZE + 5])
def test_an_epoch_has_every_row_exactly_once(rows: int) -> None:
    batches = shuffled(random_lengths(rows), SIZE, (0, 1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(rows))


@pytest.mark.parametrize("rows", [1, SIZE - 1, SIZE, SIZE + 1, POOL * SIZE, POOL * SIZE + 1, 3 * POOL * SIZE + 5])
def test_every_batch_of_an_epoch_is_full_but_one_with_the_rest(rows: int) -> None:
    sizes = sorted(len(batch) for batch in shuffled(random_lengths(rows), SIZE, (0, 1)))
    rest = [rows % SIZE] if rows % SIZE else []
    assert sizes == rest + [SIZE] * (rows // SIZE)


def test_an_epoch_of_no_rows_has_no_batches() -> None:
    assert shuffled(np.zeros(0, np.int64), SIZE, (0, 1)) == []


def test_rows_of_like_length_come_together() -> None:
    lengths = random_lengths(1000)
    order = np.random.default_rng(0).permutation(1000)
    mixed = [order[start : start + SIZE] for start in range(0, 1000, SIZE)]
    assert padding(lengths, shuffled(lengths, SIZE, (0, 1))) < padding(lengths, mixed) / 4


def test_the_same_seed_gives_the_same_epoch() -> None:
    lengths = random_lengths(200)
    assert as_lists(shuffled(lengths, SIZE, (7, 1, 0))) == as_lists(shuffled(lengths, SIZE, (7, 1, 0)))


@pytest.mark.parametrize("other", [(8, 1, 0), (7, 2, 0), (7, 1, 1)], ids=["seed", "epoch", "member"])
def test_another_seed_epoch_or_member_has_other_batches_in_another_order(other: tuple[int, ...]) -> None:
    lengths = random_lengths(200)
    first, second = (as_lists(shuffled(lengths, SIZE, seed)) for seed in ((7, 1, 0), other))
    assert [len(batch) for batch in first] == [len(batch) for batch in second]
    shared = {frozenset(batch) for batch in first} & {frozenset(batch) for batch in second}
    assert len(shared) < 5  # of 50: not the same batches in another order


def test_short_rows_do_not_always_come_before_long_ones() -> None:
    lengths = random_lengths(POOL * SIZE)
    longest = [int(lengths[rows].max()) for rows in shuffled(lengths, SIZE, (0, 1))]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


def test_rows_of_one_length_are_mixed_too() -> None:
    batches = as_lists(shuffled(np.full(40, 3), SIZE, (0, 1)))
    assert [row for batch in batches for row in batch] != list(range(40))
    assert all(batch != list(range(batch[0], batch[0] + SIZE)) for batch in batches)


@pytest.mark.parametrize("rows", [0, 1, SIZE, 10 * SIZE + 3])
def test_prediction_reads_every_row_once_and_the_shortest_first(rows: int) -> None:
    lengths = random_lengths(rows)
    batches = as_lists(list(by_length(lengths, SIZE)))
    order = [row for batch in batches for row in batch]
    assert sorted(order) == list(range(rows))
    assert lengths[order].tolist() == sorted(lengths.tolist())
    assert all(len(batch) == SIZE for batch in batches[:-1])


def test_rows_become_word_ids_padded_with_0_and_their_lengths_and_labels() -> None:
    rows = rows_of([[1, 2, 3], [5], [3, 1]], [1, 0, 2])
    encoder = Encoder(WORDS, None, longest=10, masking=True)
    lengths = encoder.lengths(rows)
    batch = encoder.batch(rows, np.array([2, 0, 1]), lengths)
    assert lengths.tolist() == [3, 1, 2]
    assert {name: array.tolist() for name, array in batch.items()} == {
        "words": [[2, 3, 0], [3, 1, 2], [4, 0, 0]],
        "lengths": [2, 3, 1],
        "labels": [2, 1, 0],
    }


def test_a_batch_is_as_long_as_its_own_longest_row() -> None:
    rows = rows_of([[1], [1, 2], [1, 2, 3, 5, 5, 5]])
    encoder = Encoder(WORDS, None, longest=10, masking=True)
    assert encoder.batch(rows, np.array([0, 1]), encoder.lengths(rows))["words"].shape == (2, 2)


@pytest.mark.parametrize("masking", [True, False])
def test_the_network_is_given_32_bit_integers(masking: bool) -> None:
    rows = rows_of([[1, 2], []], [1, 0])
    encoder = Encoder(WORDS, PARTS, longest=3, masking=masking)
    batch = encoder.batch(rows, np.array([0, 1]), encoder.lengths(rows))
    assert {name: array.dtype for name, array in batch.items()} == dict.fromkeys(
        ("words", "lengths", "labels", "subwords"), np.dtype(np.int32)
    )


def test_an_unknown_word_keeps_its_subwords_and_padding_has_none() -> None:
    rows = rows_of([[4, 1], [2]])
    encoder = Encoder(WORDS, PARTS, longest=10, masking=True)
    batch = encoder.batch(rows, np.array([0, 1]), encoder.lengths(rows))
    assert batch["words"].tolist() == [[0, 3], [1, 0]]
    assert batch["subwords"].tolist() == [[[9, 10], [3, 4]], [[5, 6], [0, 0]]]


@pytest.mark.parametrize("masking", [True, False])
def test_a_row_is_cut_after_the_longest_length(masking: bool) -> None:
    rows = rows_of([[1, 2, 3, 5, 5], [2]])
    encoder = Encoder(WORDS, PARTS, longest=3, masking=masking)
    batch = encoder.batch(rows, np.array([0, 1]), encoder.lengths(rows))
    assert batch["words"].tolist() == [[3, 1, 2], [1, 0, 0]]
    assert batch["lengths"].tolist() == [3, 1 if masking else 3]
    assert batch["subwords"].shape == (2, 3, 2)


def test_an_empty_row_is_read_as_one_step_of_padding() -> None:
    rows = rows_of([[], [], [1, 2]])
    encoder = Encoder(WORDS, PARTS, longest=5, masking=True)
    lengths = encoder.lengths(rows)
    assert lengths.tolist() == [1, 1, 2]
    batch = encoder.batch(rows, np.array([0, 1]), lengths)
    assert batch["words"].tolist() == [[0], [0]]
    assert batch["subwords"].tolist() == [[[0, 0]], [[0, 0]]]


def test_without_masking_every_row_is_padded_to_the_longest_length_and_read_to_its_end() -> None:
    rows = rows_of([[1], [], [1, 2]])
    encoder = Encoder(WORDS, None, longest=4, masking=False)
    lengths = encoder.lengths(rows)
    assert lengths.tolist() == [4, 4, 4]
    assert encoder.batch(rows, np.array([0]), lengths)["words"].tolist() == [[3, 0, 0, 0]]


def test_rows_mapped_from_files_give_the_same_batches(tmp_path: Path) -> None:
    rows = rows_of([[1, 2, 3], [], [5, 5]], [1, 0, 1])
    ragged.save(tmp_path, rows)
    encoder = Encoder(WORDS, PARTS, longest=2, masking=True)
    here, mapped = (encoder.batch(one, np.arange(3), encoder.lengths(one)) for one in (rows, ragged.load(tmp_path)))
    assert {name: array.tolist() for name, array in mapped.items()} == {
        name: array.tolist() for name, array in here.items()
    }
