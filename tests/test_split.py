"""split: every row on one side, stratified and seeded, and what belongs together kept together."""

import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stages import split, vectorize
from tests import plain
from tests.configs import rows_of
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.core import paths
from textrnn.dedup.groups import groups
from textrnn.dedup.groups import near_duplicate_keys
from textrnn.dedup.templates import template
from textrnn.training.folds import commonest

Messages = list[tuple[str, str]]
KEEP_TOGETHER = ["none", "duplicates", "templates"]
SYLLABLES = ["ba", "ke", "lo", "mi", "nu", "pra", "sto", "tel", "vi", "zen"]
ADVERTISEMENTS = [
    "Call {} now and win £{},000 cash, ends {}/{}/2031",
    "your code is {} . reply by {}:{} or go to www.prize{}.example/x?y={}",
    "WINNER! text {} to {} , {}p per message, {} left {}",
]


def word(rng: np.random.Generator) -> str:
    return "".join(rng.choice(SYLLABLES, rng.integers(2, 5)))


def invented(rows: int, seed: int = 0, spam: float = 0.13) -> Messages:
    """Return rows of invented chat and advertisements: a tenth repeats, half of the spam fills in a template."""
    rng = np.random.default_rng(seed)
    messages: Messages = []
    for row in range(rows):
        label = "spam" if rng.random() < spam else "ham"
        kind = rng.random()
        if messages and kind < 0.1:
            messages.append(messages[rng.integers(row)])
        elif label == "spam" and kind < 0.6:
            filled = rng.choice(ADVERTISEMENTS).format(*rng.integers(1, 9999, 5))
            messages.append((label, f"{word(rng)} {filled}" if row % 4 else filled))
        else:
            messages.append((label, " ".join(word(rng) for _ in range(rng.integers(1, 8)))))
    return messages


def distinct(ham: int, spam: int) -> Messages:
    """Return rows of which no two belong together."""
    letters = "abcdefghij"
    names = ["".join(letters[int(digit)] for digit in str(row)) for row in range(ham + spam)]
    return [("ham" if row < ham else "spam", f"this is {name}") for row, name in enumerate(names)]


def chosen(**changes: Any) -> split.Split:
    defaults = {"seed": 0, "test_share": 0.2, "validation_share": 0.1, "keep_together": "templates"}
    return split.Split.model_validate(defaults | changes)


def sides_of(messages: Messages, **changes: Any) -> list[str]:
    """Return the side of each row."""
    settings = chosen(**changes)
    names = sorted({label for label, _ in messages})
    labels = np.array([names.index(label) for label, _ in messages], np.int8)
    lines = "".join(f"{label}\t{text}\n" for label, text in messages).encode()
    together = groups([lines] if lines else [], settings.keep_together, settings.seed, Path(tempfile.gettempdir()))
    return [split.SIDES[number] for number in split.assign(together, labels, settings)]


def parts_of(workspace: Workspace, messages: Messages, **changes: Any) -> dict[str, ragged.Rows]:
    """Return the rows that the stage leaves on each side. The names of settings stand without `split__`."""
    prepare(workspace, messages, **changes)
    workspace.run(split.main)
    return {path.name: ragged.load(path) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST)}


def prepare(workspace: Workspace, messages: Messages, **changes: Any) -> None:
    workspace.settings(**{f"split__{key}": value for key, value in changes.items()})
    workspace.messages(messages)
    workspace.run(vectorize.main)


def crossing(keys: Iterable[str], sides: Iterable[str]) -> int:
    """Return how many keys have rows on more than one side."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for key, side in zip(keys, sides, strict=True):
        found[key].add(side)
    return sum(len(sides) > 1 for sides in found.values())


def masked(text: str) -> str:
    """Return a template, as coarsely as a reader would find it: the words alone."""
    return " ".join(re.findall(r"[a-z]+", re.sub(r"www\.\S+", "", text.lower())))


# What is written


@pytest.mark.parametrize("keep_together", KEEP_TOGETHER)
def test_the_three_sides_hold_every_row_exactly_once_and_unchanged(workspace: Workspace, keep_together: str) -> None:
    messages = invented(400)
    parts = parts_of(workspace, messages, keep_together=keep_together)
    everything = ragged.load(paths.VECTORS)
    found = {}
    for part in parts.values():
        assert part.rows.tolist() == sorted(part.rows.tolist())
        for row, label, start, end in zip(part.rows, part.labels, part.offsets[:-1], part.offsets[1:], strict=True):
            assert int(row) not in found
            found[int(row)] = (int(label), part.tokens[start:end].tolist())
    assert found == {
        row: (int(everything.labels[row]), everything.tokens[start:end].tolist())
        for row, (start, end) in enumerate(zip(everything.offsets[:-1], everything.offsets[1:], strict=True))
    }
    assert len(found) == len(messages)


def test_each_directory_has_five_arrays_of_the_types_that_are_promised(workspace: Workspace) -> None:
    parts = parts_of(workspace, invented(300))
    for name, part in parts.items():
        directory = paths.TRAIN.parent / name
        arrays = {path.stem: np.load(path, allow_pickle=False) for path in directory.iterdir()}
        assert {name: (array.dtype, array.shape) for name, array in arrays.items()} == {
            "tokens": (np.dtype("<i4"), (int(part.offsets[-1]),)),
            "offsets": (np.dtype("<i8"), (len(part.rows) + 1,)),
            "labels": (np.dtype("i1"), (len(part.rows),)),
            "rows": (np.dtype("<i8"), (len(part.rows),)),
            "groups": (np.dtype("<i8"), (len(part.rows),)),
        }


@pytest.mark.parametrize("keep_together", KEEP_TOGETHER)
def test_rows_of_one_group_are_those_that_belong_together(workspace: Workspace, keep_together: str) -> None:
    messages = invented(400)
    parts = parts_of(workspace, messages, keep_together=keep_together)
    keys = plain.group_keys(messages, keep_together)
    pairs = {
        (keys[row], group)
        for name, part in parts.items()
        for row, group in zip(part.rows, np.load(paths.TRAIN.parent / name / "groups.npy"), strict=True)
    }
    assert len(pairs) == len({key for key, _ in pairs}) == len({group for _, group in pairs}) == len(set(keys))


def test_the_metrics_are_those_of_the_files(workspace: Workspace) -> None:
    messages = [*distinct(60, 40), ("ham", "this is a"), ("spam", "ring 1"), ("spam", "ring 22!")]
    parts = parts_of(workspace, messages)
    assert workspace.metrics("split") == {
        **{side: len(part.rows) for side, part in parts.items()},
        "positive_share": {side: round(float(np.mean(part.labels == 1)), 6) for side, part in parts.items()},
        "groups": 101,
        "test_twins": {"same_text": 0, "same_template": 0, "near_template": 0},
    }


@pytest.mark.parametrize(
    ("keep_together", "zero"),
    [
        ("none", []),
        ("duplicates", ["same_text"]),
        ("templates", ["same_text", "same_template", "near_template"]),
    ],
)
def test_the_metrics_count_the_test_rows_with_a_twin_outside_under_each_notion(
    workspace: Workspace, keep_together: str, zero: list[str]
) -> None:
    messages = invented(600)
    parts = parts_of(workspace, messages, keep_together=keep_together)
    texts = [text for _, text in messages]
    for name, keys in {"same_text": texts, "same_template": [template(text) for text in texts]}.items():
        outside = {keys[row] for side in ("train", "validation") for row in parts[side].rows}
        count = sum(keys[row] in outside for row in parts["test"].rows)
        assert workspace.metrics("split")["test_twins"][name] == count
        assert (count == 0) == (name in zero)
    near = workspace.metrics("split")["test_twins"]["near_template"]
    assert near >= count
    assert (near == 0) == ("near_template" in zero)


@pytest.mark.parametrize(("keep_together", "groups"), [("none", 12), ("duplicates", 9), ("templates", 6)])
def test_groups_are_the_rows_which_may_part(workspace: Workspace, keep_together: str, groups: int) -> None:
    messages = [*distinct(4, 0), ("ham", "this is a"), ("ham", "This is a"), *[("spam", f"ring {n}") for n in "1123"]]
    messages += [("spam", "win"), ("ham", "win")]
    prepare(workspace, messages, keep_together=keep_together, test_share=0.3, validation_share=0)
    workspace.run(split.main)
    assert workspace.metrics("split")["groups"] == groups


def test_without_a_validation_share_its_directory_is_empty_and_loads(workspace: Workspace) -> None:
    parts = parts_of(workspace, invented(200), validation_share=0)
    empty = parts["validation"]
    assert [len(array) for array in empty] == [0, 1, 0, 0]
    assert [array.dtype for array in empty] == [np.int32, np.int64, np.int8, np.int64]
    assert workspace.metrics("split")["validation"] == 0
    assert workspace.metrics("split")["positive_share"]["validation"] == 0


def test_the_tutorials_split_of_5574_rows_trains_on_4459(workspace: Workspace) -> None:
    parts = parts_of(workspace, distinct(4827, 747), validation_share=0, keep_together="none")
    assert {side: len(part.rows) for side, part in parts.items()} == {"train": 4459, "validation": 0, "test": 1115}
    assert np.bincount(parts["test"].labels).tolist() == [966, 149]  # a fifth of each is 965.4 and 149.4


def test_the_same_messages_give_the_same_bytes(workspace: Workspace) -> None:
    messages = invented(200)
    parts_of(workspace, messages)
    first = {name: (workspace.root / name).read_bytes() for name in workspace.files()}
    parts_of(workspace, messages)
    assert {name: (workspace.root / name).read_bytes() for name in workspace.files()} == first


# Shares


@pytest.mark.parametrize("keep_together", KEEP_TOGETHER)
@pytest.mark.parametrize("seed", range(3))
def test_each_side_has_its_share_of_rows_and_of_spam(seed: int, keep_together: str) -> None:
    messages = invented(3000, seed)
    sides = sides_of(messages, seed=seed, keep_together=keep_together)
    spam = np.array([label == "spam" for label, _ in messages])
    for side, share in (("test", 0.2), ("validation", 0.1), ("train", 0.7)):
        here = np.array(sides) == side
        assert here.mean() == pytest.approx(share, abs=0.01)
        assert spam[here].mean() == pytest.approx(spam.mean(), abs=0.01)


@pytest.mark.parametrize(
    ("sizes", "share", "counts"),
    [
        ([8, 2], 0.5, [4, 1]),
        ([7, 3], 0.5, [4, 1]),  # 3.5 and 1.5: five in all, and of equal remainders the first
        ([10, 10], 0.25, [3, 2]),
        ([66, 34], 0.1, [7, 3]),  # 6.6 and 3.4
        ([64, 36], 0.1, [6, 4]),
        ([3, 3, 3], 0.2, [1, 1, 0]),  # 1.8 rounded up
        ([5, 5, 90], 0.3, [2, 1, 27]),
        ([1, 1], 0.01, [1, 0]),
        ([100], 0.07, [7]),  # 0.07 * 100 is a little more than 7
        ([100], 0.29, [29]),  # and 0.29 * 100 a little less than 29
        ([10, 20], 0, [0, 0]),
        ([4827, 747], 0.2, [966, 149]),
        ([], 0.2, []),
    ],
)
def test_quotas_go_by_largest_remainder_and_their_total_is_rounded_up(
    sizes: list[int], share: float, counts: list[int]
) -> None:
    assert split.quotas(sizes, share) == counts


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=6), st.integers(0, 999).map(lambda share: share / 1000))
def test_a_quota_is_within_a_row_of_the_exact_share(sizes: list[int], share: float) -> None:
    counts = split.quotas(sizes, share)
    assert all(abs(count - share * size) < 1 for count, size in zip(counts, sizes, strict=True))
    assert 0 <= sum(counts) - share * sum(sizes) + 1e-9 < 1 + 2e-9


@pytest.mark.parametrize(
    ("ham", "spam", "test", "validation"),
    [(8, 2, (4, 1), (0, 0)), (20, 10, (4, 2), (2, 1)), (66, 34, (13, 7), (7, 3)), (30, 3, (6, 1), (3, 1))],
)
def test_small_splits_have_exactly_their_quotas(
    ham: int, spam: int, test: tuple[int, int], validation: tuple[int, int]
) -> None:
    messages = distinct(ham, spam)
    shares = {"test_share": 0.5, "validation_share": 0} if ham == 8 else {}
    counts = Counter(zip(sides_of(messages, **shares), (label for label, _ in messages), strict=True))
    assert (counts["test", "ham"], counts["test", "spam"]) == test
    assert (counts["validation", "ham"], counts["validation", "spam"]) == validation
    assert (counts["train", "ham"], counts["train", "spam"]) == (
        ham - test[0] - validation[0],
        spam - test[1] - validation[1],
    )


def test_a_group_larger_than_a_side_goes_to_the_next_and_the_side_is_filled_by_others() -> None:
    messages = [("ham", f"ring {number} now") for number in range(50)] + distinct(50, 0)
    for seed in range(5):
        sides = sides_of(messages, seed=seed)
        assert set(sides[:50]) == {"train"}
        assert Counter(sides) == {"test": 20, "validation": 10, "train": 70}


def test_a_group_of_several_labels_counts_as_its_commonest() -> None:
    labels = [np.int8(number) for number in (2, 1, 1, 2, 0)]
    assert commonest(labels) == 1
    assert commonest(labels[2:]) == 0
    mixed = [("spam", "ring 1"), ("ham", "ring 2"), ("spam", "ring 3")]
    sides = sides_of(mixed * 5 + distinct(60, 40))
    assert len(set(sides[:15])) == 1


# Seeds and the order of rows


@pytest.mark.parametrize("keep_together", KEEP_TOGETHER)
def test_a_seed_is_a_split_and_another_seed_another(keep_together: str) -> None:
    messages = invented(500)
    one, same, other = (sides_of(messages, seed=seed, keep_together=keep_together) for seed in (1, 1, 2))
    assert one == same
    parted = sum(first != second for first, second in zip(one, other, strict=True))
    assert parted > 150  # two unlike splits of 0.2, 0.1 and 0.7 differ in 46 % of their rows


def by_message(messages: Messages, sides: list[str]) -> Counter[tuple[tuple[str, str], str]]:
    return Counter(zip(messages, sides, strict=True))


SHORT = st.tuples(st.sampled_from(["ham", "spam"]), st.text("ab 12A!", max_size=3))


@pytest.mark.parametrize("keep_together", KEEP_TOGETHER)
@given(
    st.lists(SHORT, max_size=40).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))),
    st.integers(0, 2**31 - 1),
)
def test_the_side_of_a_message_does_not_depend_on_the_order_of_rows(
    keep_together: str, orders: tuple[Messages, Messages], seed: int
) -> None:
    one, other = (
        by_message(messages, sides_of(messages, keep_together=keep_together, seed=seed, validation_share=0.3))
        for messages in orders
    )
    assert one == other


@pytest.mark.parametrize("keep_together", KEEP_TOGETHER)
def test_the_side_of_each_of_many_messages_does_not_depend_on_the_order_of_rows(keep_together: str) -> None:
    messages = invented(1000)
    expected = by_message(messages, sides_of(messages, keep_together=keep_together))
    for seed in range(3):
        shuffled = [messages[row] for row in np.random.default_rng(seed).permutation(len(messages))]
        assert by_message(shuffled, sides_of(shuffled, keep_together=keep_together)) == expected


# What belongs together


@given(st.lists(SHORT, max_size=40), st.integers(0, 2**31 - 1))
@pytest.mark.parametrize("keep_together", ["duplicates", "templates"])
def test_the_same_text_is_never_on_two_sides(keep_together: str, messages: Messages, seed: int) -> None:
    sides = sides_of(messages, keep_together=keep_together, seed=seed, validation_share=0.3)
    assert crossing((text for _, text in messages), sides) == 0


@pytest.mark.parametrize("seed", range(3))
def test_templates_are_never_on_two_sides_but_are_where_only_duplicates_are_kept_together(seed: int) -> None:
    messages = invented(1500, seed)
    keys = [masked(text) for _, text in messages]
    assert crossing(keys, sides_of(messages, keep_together="templates", seed=seed)) == 0
    assert crossing(keys, sides_of(messages, keep_together="duplicates", seed=seed)) > 0


def likeness(one: str, other: str) -> Fraction:
    """Return the Jaccard similarity of the words of two templates."""
    first, second = set(template(one).split()), set(template(other).split())
    return Fraction(len(first & second), len(first | second) or 1)


def reworded(rows: int, seed: int) -> Messages:
    """Return advertisements of which many are one of twenty with a word changed, left out or put in."""
    rng = np.random.default_rng(seed)
    originals = [[word(rng) for _ in range(12)] for _ in range(20)]
    messages = []
    for row in range(rows):
        words = list(originals[rng.integers(20)]) if row % 3 else [word(rng) for _ in range(12)]
        place = int(rng.integers(12))
        words[place : place + int(rng.integers(2))] = [word(rng)] * int(rng.integers(2))
        messages.append((str(rng.choice(["ham", "spam"])), " ".join(words)))
    return messages


@pytest.mark.parametrize("seed", range(3))
def test_no_template_crosses_nor_one_that_nearly_coincides(workspace: Workspace, seed: int) -> None:
    messages = reworded(300, seed)
    parts = parts_of(workspace, messages, keep_together="templates", seed=seed)
    sides = [[messages[row][1] for row in part.rows] for part in parts.values()]
    for one, other in combinations(sides, 2):
        assert one
        assert max(likeness(first, second) for first in one for second in other) < Fraction(8, 10)
    parts = parts_of(workspace, messages, keep_together="duplicates", seed=seed)
    train, test = ([messages[row][1] for row in parts[side].rows] for side in ("train", "test"))
    assert any(likeness(first, second) >= Fraction(8, 10) for first in train for second in test)


WORDS = st.lists(st.sampled_from("abcdefg"), max_size=7).map(" ".join)


@given(st.lists(WORDS, max_size=25))
def test_families_are_what_comparing_every_pair_finds(texts: list[str]) -> None:
    expected = list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        if likeness(texts[one], texts[other]) >= Fraction(8, 10) or template(texts[one]) == template(texts[other]):
            expected = [expected[one] if number == expected[other] else number for number in expected]
    keys = near_duplicate_keys(texts)
    assert [keys.index(key) for key in keys] == [expected.index(number) for number in expected]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("win a big red car now", "win a big red car today", False),  # 5 of 7 words
        ("win a big red car", "win a big red car now", True),  # 5 of 6
        ("win a big red", "win a big red car", True),  # 4 of 5: exactly 0.8
        ("win a big", "win a big red", False),  # 3 of 4
        ("win a big red car now", "NOW, car: red! big £5 a win", True),  # the price is a word too: 6 of 7
        ("win a big red car now for free", "FREE now for a car: big red win!", True),
    ],
)
def test_templates_nearly_coincide_from_four_words_in_five(one: str, other: str, together: bool) -> None:
    first, second = near_duplicate_keys([one, other])
    assert (first == second) == together


def test_duplicates_part_where_nothing_is_kept_together() -> None:
    messages = invented(1500)
    texts = [text for _, text in messages]
    assert crossing(texts, sides_of(messages, keep_together="none")) > 20
    assert crossing(texts, sides_of(messages, keep_together="duplicates")) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("call 12345 now", "call 987 now"),
        ("win £1,000 cash", "win £5 cash"),
        ("win £1.50", "win €2,000.75!"),
        ("ends 12/05/2031", "ends 1-6-31"),
        ("at 10:30 or 9", "at 7.15 or 12:00"),
        ("go to http://a.example/b?c=d now", "go to www.other.example now"),
        ("see HTTPS://A.example", "see www.b.example/x,y,z"),
        ("WIN A CRUISE", "win a Cruise"),
        ("STRASSE", "straße"),
        ("win  a\tcruise ", " win a cruise"),
        ("win a cruise!!!", "win... a -- cruise?"),
        ("win_a_cruise", "win a cruise"),
        ("don't", "don t"),
        ("no line\u2028end", "no line end"),
    ],
)
def test_messages_that_fill_in_one_template_have_the_same_key(one: str, other: str) -> None:
    assert template(one) == template(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("call 1 now", "call now"),
        ("win 1st prize", "win a prize"),
        ("win cash", "win cars"),
        ("go to www.a.example", "go to"),
        ("link", "www.a.example rest"),
        ("ab", "a b"),
        ("!!!", "???"),
        ("", "!"),
        (":)", ":("),
        ("中文", "中国"),
    ],
)
def test_other_messages_have_other_keys(one: str, other: str) -> None:
    assert template(one) != template(other)


@given(st.text())
@example("_")
def test_a_template_is_empty_for_no_text_but_the_empty_one(text: str) -> None:
    assert bool(template(text)) == bool(text)


# What cannot be split


@pytest.mark.parametrize(("test", "validation"), [(0.5, 0.5), (0.9, 0.1), (0.7, 0.6), (0.99, 0.99)])
def test_shares_that_leave_nothing_to_train_on_are_an_error(
    workspace: Workspace, test: float, validation: float
) -> None:
    prepare(workspace, invented(100), test_share=test, validation_share=validation)
    message = workspace.failure(split.main)
    assert "split.test_share + split.validation_share below 1" in message
    assert not paths.TRAIN.exists()


@pytest.mark.parametrize(
    ("messages", "shares", "said"),
    [
        (distinct(43, 1), (0.2, 0), "2 labels among the test rows, found 1 in 9 rows"),
        (distinct(44, 2), (0.5, 0.1), "2 labels among the validation rows, found 1 in 5 rows"),
        (distinct(40, 1), (0.6, 0), "2 labels among the train rows, found 1 in 16 rows"),
        ([*distinct(42, 4), ("other", "neither")], (0.25, 0), "3 labels among the test rows, found 2 in 12 rows"),
        (distinct(40, 0) + [("spam", f"ring {n}") for n in range(9)], (0.2, 0), "labels among the test rows, found 1"),
    ],
    ids=["test", "validation", "train", "three labels", "one template"],
)
def test_a_side_without_one_of_the_labels_is_an_error(
    workspace: Workspace, messages: Messages, shares: tuple[float, float], said: str
) -> None:
    prepare(workspace, messages, test_share=shares[0], validation_share=shares[1])
    message = workspace.failure(split.main)
    assert said in message
    assert "split of params.yaml" in message
    assert not paths.TRAIN.exists()
    assert not (paths.METRICS / "split.json").exists()


# Ragged rows


ROWS = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=5), max_size=8)


def as_lists(rows: ragged.Rows) -> list[list[int]]:
    return [rows.tokens[start:end].tolist() for start, end in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]


@given(ROWS)
@example([])
@example([[], []])
@example([[], [1], []])
def test_rows_are_loaded_as_they_were_saved(tmp_path: Path, rows: list[list[int]]) -> None:
    saved = rows_of(rows, [row % 3 for row in range(len(rows))])
    ragged.save(tmp_path, saved)
    loaded = ragged.load(tmp_path)
    assert as_lists(loaded) == rows
    assert [array.dtype for array in loaded] == [array.dtype for array in saved]
    assert [array.tolist() for array in loaded] == [array.tolist() for array in saved]


@given(ROWS, st.data())
def test_rows_are_taken_in_the_order_given(rows: list[list[int]], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(rows) - 1)) if rows else st.just([]))
    everything = rows_of(rows, [row % 3 for row in range(len(rows))])
    taken = ragged.take(everything, np.array(places, np.int64))
    assert as_lists(taken) == [rows[place] for place in places]
    assert taken.labels.tolist() == [place % 3 for place in places]
    assert taken.rows.tolist() == places
    assert [array.dtype for array in taken] == [array.dtype for array in everything]


def test_loaded_rows_are_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    ragged.save(tmp_path, rows_of([[1, 2], [3]]))
    for array in ragged.load(tmp_path):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


class Bomb:
    """What a hostile file would hold: an object whose unpickling runs code."""

    exploded = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Bomb, "exploded", True))


@pytest.mark.parametrize("name", ragged.Rows._fields)
def test_no_file_is_unpickled(tmp_path: Path, name: str) -> None:
    ragged.save(tmp_path, rows_of([[1, 2], [3]]))
    objects: NDArray[Any] = np.array([Bomb()], dtype=object)
    np.save(tmp_path / f"{name}.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        ragged.load(tmp_path)
    assert not Bomb.exploded


def test_objects_are_not_pickled_either(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        ragged.save(tmp_path, rows_of([[1]])._replace(tokens=np.array([Bomb()], dtype=object)))
    assert list(tmp_path.iterdir()) == []


def test_without_vectors_the_error_names_the_file(workspace: Workspace) -> None:
    workspace.settings()
    workspace.messages(distinct(10, 10))
    assert str(paths.VECTORS / "tokens.npy") in workspace.failure(split.main)
