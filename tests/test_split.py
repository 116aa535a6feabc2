"""split: every row on one side, stratified and seeded, and rows that belong together on the same side."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench import corpora
from stages import split, vectorize
from tests.configs import rows_of, save_rows
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.artifacts.messages import SIDES, commonest
from textrnn.core import paths
from textrnn.core.files import Blocks
from textrnn.dedup import deal
from textrnn.dedup.deal import Given
from textrnn.dedup.groups import joined
from textrnn.dedup.sides import Split, quotas
from textrnn.partitions.exchange import shared

Messages = list[tuple[str, str]]
COLUMNS = ("column", "group_column", "time_column", "test_source")
KEEP_TOGETHER = ["none", "duplicates", "templates"]


def distinct(ham: int, spam: int) -> Messages:
    """Return rows of which no two belong together."""
    letters = "abcdefghij"
    names = ["".join(letters[int(digit)] for digit in str(row)) for row in range(ham + spam)]
    return [("ham" if row < ham else "spam", f"this is {name}") for row, name in enumerate(names)]


def dealt(messages: Messages, part: Sequence[int], users: Sequence[int], options: Split) -> list[int]:
    """Return the side of each message."""
    names = sorted({label for label, _ in messages})
    lines = [f"{label}\t{text}\n".encode() for label, text in messages]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "messages.tsv")
        path.write_bytes(b"".join(lines))
        columns: dict[str, NDArray[Any]] = {
            "labels": np.array([names.index(label) for label, _ in messages], np.int16),
            "offsets": np.arange(len(messages) + 1),
            "part": np.array(part, np.int8), "users": np.array(users, np.int64),
        }  # fmt: skip
        files = []
        for name, array in columns.items():
            files.append(path.with_name(f"{name}.npy"))
            np.save(files[-1], array)
        with shared(path.parent) as folder:
            blocks = Blocks(path, 1 << 14, 1 + (path.stat().st_size >> 14))
            found = joined(blocks, options.keep_together, options.seed, folder)
            given = Given(
                files[2] if len(part) else None, files[3] if len(users) else None, None,
                parts=frozenset(SIDES[one] for one in part if one >= 0),
            )  # fmt: skip
            deal.dealt(found, files[:2], given, options, len(names))
            sides = [deal.of_block(block, found)["side"] for block in range(found.messages.total)]
    return [int(side) for side in np.concatenate(sides)]


def sides_of(messages: Messages, **changes: Any) -> list[str]:
    """Return the side of each row."""
    chosen = {"seed": 0, "test_share": 0.2, "validation_share": 0.1, "keep_together": "templates"} | changes
    options = Split.model_validate(chosen | dict.fromkeys(COLUMNS))
    return [SIDES[number] for number in dealt(messages, [], [], options)] if messages else []


def prepare(
    workspace: Workspace, messages: Messages, columns: Mapping[str, Sequence[float]] | None = None, **changes: Any
) -> None:
    workspace.settings(**{f"split__{key}": value for key, value in changes.items()})
    workspace.messages(messages, **columns or {})
    workspace.run(vectorize.main)


def crossing(keys: Iterable[str], sides: Iterable[str]) -> int:
    """Return how many keys have rows on more than one side."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for key, side in zip(keys, sides, strict=True):
        found[key].add(side)
    return sum(len(sides) > 1 for sides in found.values())


# What is written: tests/test_partitions.py compares it with a plain program


def test_each_directory_has_five_arrays_of_the_promised_types_and_the_metrics_are_those_of_the_files(
    workspace: Workspace,
) -> None:
    messages = [*distinct(60, 40), ("ham", "this is a"), ("spam", "ring 1"), ("spam", "ring 22!")]
    prepare(workspace, messages)
    workspace.run(split.main)
    parts = {path.name: ragged.load(path) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST)}
    for name, part in parts.items():
        arrays = {path.stem: np.load(path) for path in (paths.TRAIN.parent / name).iterdir()}
        assert arrays.pop("twins", np.zeros(0, np.int8)).tolist() == [0] * len(part.rows) * (name == "test")
        assert {stem: array.dtype for stem, array in arrays.items()} == {
            "tokens": "<i4", "offsets": "<i8", "labels": "<i2", "rows": "<i8", "groups": "<i8",
        }  # fmt: skip
        assert len(arrays["tokens"]) == part.offsets[-1]
        assert {len(arrays["offsets"]) - 1, len(arrays["labels"]), len(arrays["groups"])} == {len(part.rows)}
    assert workspace.metrics("split") == {
        **{side: len(part.rows) for side, part in parts.items()},
        "groups": 101,
        "test_twins": 0,
    }


# Shares


@pytest.mark.parametrize("keep_together", KEEP_TOGETHER)
def test_each_side_has_its_share_of_rows_and_of_spam_and_each_seed_gives_its_own_split(keep_together: str) -> None:
    messages = [(label, text) for label, text in corpora.messages(2000, seed=0)]
    one, same, other = (sides_of(messages, seed=seed, keep_together=keep_together) for seed in (1, 1, 2))
    spam = np.array([label == "spam" for label, _ in messages])
    for side, share in (("test", 0.2), ("validation", 0.1), ("train", 0.7)):
        here = np.array(one) == side
        assert here.mean() == pytest.approx(share, abs=0.01)
        assert spam[here].mean() == pytest.approx(spam.mean(), abs=0.01)
    assert one == same
    moved = sum(first != second for first, second in zip(one, other, strict=True))
    assert moved > 600  # two unrelated splits of 0.2, 0.1 and 0.7 differ in 46 % of their rows
    texts = [text for _, text in messages]
    assert (crossing(texts, one) > 20) == (keep_together == "none")


def test_quotas_go_by_largest_remainder_and_their_total_is_rounded_up() -> None:
    for sizes, share, counts in (
        ([8, 2], 0.5, [4, 1]),
        ([7, 3], 0.5, [4, 1]),  # 3.5 and 1.5: five in all, and of equal remainders the first
        ([66, 34], 0.1, [7, 3]),  # 6.6 and 3.4
        ([3, 3, 3], 0.2, [1, 1, 0]),  # 1.8 rounded up
        ([1, 1], 0.01, [1, 0]),
        ([100], 0.07, [7]),  # 0.07 * 100 is a little more than 7
        ([100], 0.29, [29]),  # and 0.29 * 100 a little less than 29
        ([10, 20], 0, [0, 0]),
        ([4827, 747], 0.2, [966, 149]),  # the tutorial's split
    ):
        assert quotas(sizes, share) == counts


def test_a_group_larger_than_a_side_goes_to_the_next_and_other_groups_fill_the_side() -> None:
    messages = [("ham", f"ring {number} now") for number in range(50)] + distinct(50, 0)
    for seed in range(5):
        sides = sides_of(messages, seed=seed)
        assert set(sides[:50]) == {"train"}
        assert Counter(sides) == {"test": 20, "validation": 10, "train": 70}


def test_a_group_counts_as_its_commonest_label_the_smallest_of_those_that_tie() -> None:
    labels = np.array([2, 1, 1, 2, 0, 0], np.int16)
    assert commonest(np.array([0, 0, 0, 0, 0, 1]), labels, 2).tolist() == [1, 0]


SHORT = st.tuples(st.sampled_from(["ham", "spam"]), st.text("ab 12A!", max_size=3))


@settings(max_examples=60)
@given(
    st.sampled_from(KEEP_TOGETHER),
    st.lists(SHORT, max_size=40).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))),
    st.integers(0, 2**31 - 1),
)
def test_a_messages_side_does_not_depend_on_the_order_of_rows_and_duplicates_share_it(
    keep_together: str, orders: tuple[Messages, Messages], seed: int
) -> None:
    found = []
    for messages in orders:
        sides = sides_of(messages, keep_together=keep_together, seed=seed, validation_share=0.3)
        found.append(Counter(zip(messages, sides, strict=True)))
        assert keep_together == "none" or crossing((text for _, text in messages), sides) == 0
    assert found[0] == found[1]


# Ragged rows


def test_rows_are_loaded_read_only_and_nothing_is_pickled_or_unpickled(tmp_path: Path) -> None:
    objects: NDArray[Any] = np.array([{}], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle"):
        save_rows(tmp_path, rows_of([[1]])._replace(tokens=objects))
    save_rows(tmp_path, rows_of([[1, 2], [3]]))
    assert not any(array.flags.writeable for array in ragged.load(tmp_path))
    np.save(tmp_path / "labels.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        ragged.load(tmp_path)
