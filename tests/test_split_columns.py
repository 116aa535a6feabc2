"""split: what the user's own parts, groups and times decide, and what is said of labels that a side lacks."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages import split
from tests import plain
from tests.test_split import COLUMNS, KEEP_TOGETHER, SHORT, Messages, crossing, dealt, distinct, prepare
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.artifacts.messages import SIDES, TWINS
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.dedup.sides import TEST, TRAIN, VALIDATION, Split, by_time, newest

SHARES: dict[str, Any] = {"seed": 0, "test_share": 0.2, "validation_share": 0.1, "keep_together": "templates"}
ROW = st.tuples(SHORT, st.sampled_from([-1, -1, TEST, VALIDATION, TRAIN]), st.sampled_from([-1, -1, 7, 8, 9]))
Rows = list[tuple[tuple[str, str], int, int]]


def options(**changes: Any) -> Split:
    return Split.model_validate(SHARES | dict.fromkeys(COLUMNS) | changes)


def sides_of(rows: Rows, **changes: Any) -> list[int]:
    """Return the side of each (message, part, group)."""
    parts, users = [part for _, part, _ in rows], [user for *_, user in rows]
    return dealt([message for message, *_ in rows], parts, users, options(**changes)) if rows else []


def written(count: int) -> list[str]:
    """Return the side of each row, as the files have it."""
    found = [""] * count
    for side in SIDES:
        for row in ragged.load(paths.TRAIN.parent / side).rows:
            found[row] = side
    return found


# Groups


@given(
    st.sampled_from(KEEP_TOGETHER),
    st.lists(ROW, max_size=40).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))),
    st.booleans(),
)
@example("none", ([(("ham", "a"), -1, 7), (("ham", "a"), -1, 8)], [(("ham", "a"), -1, 8), (("ham", "a"), -1, 7)]), True)
def test_rows_of_a_part_stay_there_and_no_group_is_on_two_sides_in_whatever_order_the_rows_are(
    keep_together: str, orders: tuple[Rows, Rows], without_parts: bool
) -> None:
    found = []
    for rows in orders:
        rows = [(message, -1, group) for message, _, group in rows] if without_parts else rows  # noqa: PLW2901
        sides = sides_of(rows, keep_together=keep_together, test_share=0.3, validation_share=0.3)
        found.append(Counter(zip(rows, sides, strict=True)))
        named = {part for _, part, _ in rows}
        for (_, part, _), side in zip(rows, sides, strict=True):
            assert part in (-1, side) or (part == TRAIN and side == VALIDATION and VALIDATION not in named)
            assert side in (part, TRAIN) or side not in named
        if without_parts:
            keys = plain.group_keys([message for message, _, _ in rows], keep_together)
            assert crossing(keys, map(str, sides)) == 0
            users = [(str(group), str(side)) for (_, _, group), side in zip(rows, sides, strict=True) if group >= 0]
            assert crossing(*zip(*users, strict=True)) == 0 if users else True
    assert found[0] == found[1]


def test_groups_are_joined_by_what_their_rows_share_and_each_side_still_has_its_share(workspace: Workspace) -> None:
    messages = [*distinct(300, 300), ("ham", "ring 1"), ("ham", "Ring 22!")]
    authors = [row // 3 if row < 300 else -1 for row in range(600)]
    prepare(workspace, messages, {"group": [*authors, 0, 1]})
    workspace.run(split.main)
    measured = workspace.metrics("split")
    assert measured["groups"] == 99 + 300, "the two first authors have one message, with another number"
    assert measured["test"] == pytest.approx(120, abs=3)
    assert ragged.load(paths.TEST).labels.mean() == pytest.approx(0.5, abs=0.02)
    sides = written(len(messages))
    assert crossing(map(str, authors[:300]), sides[:300]) == 0
    assert len({*sides[:6], *sides[600:]}) == 1
    by_row = {row: group for side in SIDES for row, group in grouped(side)}
    assert by_row[0] == by_row[5] == by_row[601] != by_row[6], "train's folds keep the groups whole"


def shared_outside() -> list[str]:
    """Return what each test row shares with a row outside the test part."""
    return [("", *TWINS)[kind] for kind in np.load(paths.TEST / "twins.npy")]


def grouped(side: str) -> list[tuple[int, int]]:
    folder = paths.TRAIN.parent / side
    return list(zip(ragged.load(folder).rows.tolist(), np.load(folder / "groups.npy").tolist(), strict=True))


# Parts


def test_a_given_test_part_stays_and_its_twins_are_counted_and_marked(workspace: Workspace) -> None:
    messages = [*distinct(60, 40), ("ham", "this is a"), ("spam", "This is b!"), ("ham", "quite another one")]
    messages += [("spam", "one two three four five"), ("spam", "one two three four six five")]
    parts = [-1] * 100 + [TEST] * 4 + [-1]
    prepare(workspace, messages, {"part": parts}, test_share=0.5)
    said = workspace.ran(split.main)
    assert said == (0, "")
    sides = written(len(messages))
    assert [row for row, side in enumerate(sides) if side == "test"] == [100, 101, 102, 103]
    assert {sides[0], sides[1], sides[104]} == {"train"}, "twins of test rows"
    assert shared_outside() == ["same_text", "same_template", "", "near_template"]
    measured = workspace.metrics("split")
    assert measured["test_twins"] == 3
    assert (measured["test"], measured["validation"]) == (4, 11), (
        "a tenth of all rows, from those that are not for test"
    )


@pytest.mark.parametrize(
    ("parts", "counts"),
    [
        ([TEST] * 20 + [VALIDATION] * 30 + [TRAIN] * 50, [20, 30, 50]),
        ([TEST] * 20 + [TRAIN] * 80, [20, 10, 70]),
        ([VALIDATION] * 30 + [TRAIN] * 20 + [-1] * 50, [20, 30, 50]),
        ([TRAIN] * 20 + [-1] * 80, [20, 10, 70]),
        ([TRAIN] * 90 + [-1] * 10, [10, 10, 80]),
        ([TEST] * 20 + [VALIDATION] * 30 + [-1] * 50, [20, 30, 50]),
    ],
)
def test_a_side_of_which_no_row_is_given_has_its_share_of_the_rest(parts: list[int], counts: list[int]) -> None:
    rows = [(message, part, -1) for message, part in zip(distinct(100, 0), parts, strict=True)]
    sides = sides_of(rows)
    assert [sides.count(side) for side in (TEST, VALIDATION, TRAIN)] == counts
    assert all(part == -1 for part, side in zip(parts, sides, strict=True) if side == TEST and TEST not in parts)


# Times


@pytest.mark.parametrize(
    ("times", "sides"),
    [
        ([5, 1, 2, 3, 4, 6, 7, 8, 9, 10], "tttttttvTT"),
        ([3, 3, 3, 2, 2, 1, 1, 1, 1, 1], "TTTvvttttt"),
        ([-1.5, 0, 2e9, 1, 2, 3, 4, 5, 6, 7], "ttTttttt" + "vT"),
    ],
)
def test_the_newest_rows_are_for_test_those_before_them_for_validation_and_equal_times_stay_together(
    times: Sequence[float], sides: str
) -> None:
    time = np.array(times, np.float64)
    found = by_time(time, newest(np.sort(time), options(time_column="when")))
    assert "".join("Tvt"[side] for side in found) == sides


def test_twins_of_a_split_by_time_are_counted_and_not_moved(workspace: Workspace) -> None:
    ham, spam = distinct(20, 0), distinct(0, 20)
    messages = [*(row for both in zip(ham, spam, strict=True) for row in both), ("spam", "This is b?")]
    prepare(workspace, messages, {"time": range(41)}, time_column="when")
    workspace.run(split.main)
    assert written(41) == ["train"] * 27 + ["validation"] * 5 + ["test"] * 9
    assert workspace.metrics("split")["test_twins"] == 1
    assert shared_outside() == [""] * 8 + ["same_template"]


def test_a_time_column_goes_with_no_other_column(workspace: Workspace) -> None:
    for name in ("column", "group_column", "test_source"):
        workspace.settings(split__time_column="when", **{f"split__{name}": "x"})
        with pytest.raises(UserError, match=rf"split: expected time_column or {name}, found both"):
            params.load("split", Split)
    workspace.settings(split__test_share=0.5, split__validation_share=0.5)
    with pytest.raises(UserError, match=r"split: expected test_share \+ validation_share below 1: nothing is left"):
        params.load("split", Split)


# Labels that a side lacks


def rare(name: str, count: int, text: str = "") -> Messages:
    letters = "abcdefghijklmnopqrst"
    return [(name, text or f"{letters[row]} {name} of its own {name * (row + 1)}") for row in range(count)]


MORE = "give more rows, or map rare labels to others by clean.labels.map"
HAM, SPAM = "'ham' (20 rows in 20 groups)", "'spam' (20 rows in 20 groups)"
THREE = "a label needs a row for each of 3 sides"
WHOLE = "a group stays on one side, and these are too"
DECIDE = "the parts of your file decide: give {} rows of them, or rows of no part, or"
TO_VALIDATION = [TEST, VALIDATION] + [TRAIN] * 18 + [VALIDATION] * 20


@pytest.mark.parametrize(
    ("messages", "columns", "changes", "said"),
    [
        (rare("other", 1), {}, {}, f"validation rows, found none of 'other' (1 row in 1 group): {THREE}: {MORE}"),
        (
            [row for name, size in zip("edcba", (2, 1, 1, 1, 1), strict=True) for row in rare(name, size)], {},
            {"test_share": 0.05}, "test rows, found none of 'a' (1 row in 1 group), 'b' (1 row in 1 group), 'c' (1 row "
            f"in 1 group) and 2 more: {THREE}: {MORE}",
        ),
        (
            rare("other", 4), {}, {"test_share": 0.04},
            f"test rows, found none of 'other' (4 rows in 4 groups): set a larger split.test_share, or {MORE}",
        ),
        (
            [], {"group": [0] * 20 + [-1] * 20}, {"keep_together": "duplicates"},
            f"test rows, found none of 'ham' (20 rows in 1 group): {WHOLE} few: {MORE}",
        ),
        (
            [], {"time": range(40)}, {"time_column": "when"}, f"test rows, found none of {HAM}: a split by time heeds "
            "no label: change the shares, or set split.time_column: null",
        ),
        ([], {"part": [TRAIN] * 40}, {}, f"test rows, found none of {HAM}, {SPAM}: {DECIDE.format('test')} {MORE}"),
        ([], {"part": TO_VALIDATION}, {}, f"train rows, found none of {SPAM}: {DECIDE.format('train')} {MORE}"),
    ],
)  # fmt: skip
def test_an_error_names_the_labels_that_a_side_lacks_and_what_helps(
    workspace: Workspace, messages: Messages, columns: dict[str, list[int]], changes: dict[str, Any], said: str
) -> None:
    prepare(workspace, [*distinct(20, 20), *messages], columns, **changes)
    assert workspace.failure(split.main).splitlines()[-1] == f"error: expected every label among the {said}"
    assert not paths.TRAIN.exists()
    assert not (paths.METRICS / "split.json").exists()


def test_an_error_says_that_groups_are_too_large_for_a_side(workspace: Workspace) -> None:
    labels = ("ham", "spam")
    prepare(workspace, [(label, f"{label} {name} {row}") for row in range(20) for label in labels for name in "abc"])
    assert workspace.failure(split.main) == (
        "error: expected every label among the test rows, found none of 'ham' (60 rows in 3 groups), 'spam' (60 rows "
        f"in 3 groups): {WHOLE} large: set split.keep_together: duplicates, or set a larger split.test_share, "
        f"or {MORE}\n"
    )


def test_labels_that_a_given_part_lacks_or_has_alone_are_noted(workspace: Workspace) -> None:
    messages = [*distinct(40, 40), *rare("new", 2), *rare("old", 9)]
    parts = [TEST] + [-1] * 78 + [TEST] * 3 + [-1] * 9
    prepare(workspace, messages, {"part": parts}, test_source="test.csv")
    assert workspace.ran(split.main) == (
        0,
        "note: no test row has 'old' (9 rows in 9 groups): no score there covers them\n"
        "note: only test rows have 'new' (2 rows in 2 groups): the model cannot learn them\n",
    )
