"""clean: every row of a corpus is kept, a duplicate, or rejected with a reason."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages import clean
from tests.workspace import Workspace
from textrnn.artifacts.messages import read_messages
from textrnn.core import paths
from textrnn.core.files import read_table, write_text
from textrnn.corpus.rows import csv_rows, tsv_rows
from textrnn.text.normalise import Normalisation, normalise

GOOD = "ham\tare you home yet\nspam\tyou won a cruise\n"
GOOD_CSV = "ham,are you home yet\r\nspam,you won a cruise\r\n"
TUTORIAL = r"([^\s\w]|_|[0-9])+"
PLAIN: dict[str, Any] = {"lowercase": False, "ascii_only": False, "remove_pattern": ""}

# Texts that break parsers more often than others do.
AWKWARD = st.text(st.sampled_from("aZé 7_'\",;\t\r\n\x00\x1c\x85\u2028\u200b\ufeff\U0001f600İΣ"), max_size=8)
TEXTS = st.one_of(AWKWARD, st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
LABELS = st.sampled_from(["ham", "spam", " ham", "other", "", "  ", "a\tb", "zero\x00"])


def pairs(workspace: Workspace, raw: bytes | str, **changes: Any) -> list[tuple[str, str]]:
    """Return what clean keeps of a corpus. The names of settings stand without `clean__`."""
    workspace.settings(**{f"clean__{key}": value for key, value in changes.items()})
    return again(workspace, raw)


def again(workspace: Workspace, raw: bytes | str) -> list[tuple[str, str]]:
    """Return what clean keeps of another corpus under the same settings."""
    workspace.corpus(raw)
    workspace.run(clean.main)
    return read_messages(paths.MESSAGES)


def refused(workspace: Workspace, raw: bytes | str, **changes: Any) -> str:
    """Return the message with which clean refuses a corpus or its settings, and leaves no messages."""
    workspace.settings(**{key if "__" in key else f"clean__{key}": value for key, value in changes.items()})
    workspace.corpus(raw)
    message = workspace.failure(clean.main)
    assert not paths.MESSAGES.exists()
    assert not (paths.METRICS / "clean.json").exists()
    return message


def as_csv(rows: Iterable[Iterable[str]]) -> str:
    with io.StringIO(newline="") as file:
        csv.writer(file).writerows(rows)
        return file.getvalue()


def counted(workspace: Workspace) -> int:
    """Return how many rows clean says it read, once its counts agree with its files and each other."""
    metrics = workspace.metrics("clean")
    assert metrics["kept"] == len(read_messages(paths.MESSAGES))
    assert metrics["rejected"] == len(read_table(paths.REJECTED))
    assert metrics["rows"] == metrics["kept"] + metrics["duplicates"] + metrics["rejected"]
    return int(metrics["rows"])


# Rows


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
def test_every_line_of_any_tsv_is_kept_or_a_duplicate_or_rejected(workspace: Workspace, duplicates: str) -> None:
    workspace.settings(clean__duplicates=duplicates, clean__max_rejected_share=1)

    @given(st.one_of(st.binary(max_size=60), st.lists(st.tuples(LABELS, TEXTS)).map(lambda rows: lines(rows).encode())))
    @example(b"")
    @example(b"\n\n")
    @example(b"ham\tare you home yet\nham\t\xff\n\xef\xbb\xbfham\t\r\n")
    def check(raw: bytes) -> None:
        again(workspace, GOOD.encode() + raw)
        ends = raw.count(b"\n") + (not raw.endswith(b"\n") and raw != b"")
        assert counted(workspace) == 2 + ends

    check()


def lines(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{label}\t{text}\n" for label, text in rows)


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
def test_every_row_of_any_csv_is_kept_or_a_duplicate_or_rejected(workspace: Workspace, duplicates: str) -> None:
    workspace.settings(clean__format="csv", clean__duplicates=duplicates, clean__max_rejected_share=1)

    @given(st.lists(st.one_of(st.tuples(LABELS, TEXTS).map(list), st.lists(TEXTS, min_size=1, max_size=4)), max_size=6))
    def check(rows: list[list[str]]) -> None:
        again(workspace, GOOD_CSV + as_csv(rows))
        assert counted(workspace) == 2 + len(rows)

    check()


@given(st.lists(st.tuples(st.sampled_from(["ham", "spam"]), TEXTS.filter(str.strip))))
def test_a_csv_gives_back_the_very_texts_that_were_written(messages: list[tuple[str, str]]) -> None:
    rows = list(csv_rows(io.BytesIO(as_csv(messages).encode()), 0, 1))
    assert [(row.label, row.text, row.reason) for row in rows] == [(label, text, "") for label, text in messages]


@pytest.mark.parametrize(
    "text",
    [
        "tabs\tare\ttext",
        "\tat the start",
        "at the end\t",
        'say "cheese"',
        '"never closed',
        'never "" opened"',
        "'single'",
        "back\\slash \\t \\n",
        "commas, and; semicolons",
        "# no comment",
        " spaces around ",
        "nul \x00 byte",
        "line\u2028separator\u2029and\x85next",
        "form\x0cfeed, \x0bvertical tab, \x1c file separator",
        "a byte order mark \ufeff within",
        "\u200b",
        "emoji \U0001f600, accents éü, 中文, עברית",
        "NULL",
        "NaN",
        "0",
    ],
)
def test_a_text_is_kept_as_it_is(workspace: Workspace, text: str) -> None:
    assert pairs(workspace, f"{GOOD}ham\t{text}\n")[2:] == [("ham", text)]
    assert pairs(workspace, GOOD_CSV + as_csv([["ham", text]]), format="csv")[2:] == [("ham", text)]


@pytest.mark.parametrize(
    ("raw", "columns", "kept"),
    [
        ("ham\thi\n", (0, 1), ("ham", "hi")),
        ("hi\tham\n", (1, 0), ("ham", "hi")),
        ("17\tham\thi\n", (1, 2), ("ham", "hi")),
        ("17\thi\tham\n", (2, 1), ("ham", "hi")),
        ("ham\t17\thi\n", (0, 2), ("ham", "hi")),
        ("17\tham\thi\tyou\n", (1, 2), ("ham", "hi\tyou")),
        ("ham\t\thi\n", (0, 2), ("ham", "hi")),
    ],
)
def test_tsv_columns_stand_where_the_settings_say(
    workspace: Workspace, raw: str, columns: tuple[int, int], kept: tuple[str, str]
) -> None:
    label, text = columns
    other = raw.replace("ham", "spam").replace("hi", "yes")
    assert pairs(workspace, raw + other, label_column=label, text_column=text)[0] == kept


def test_a_label_after_a_text_with_tabs_is_not_guessed(workspace: Workspace) -> None:
    raw = "hi\tham\nyes\tspam\none\ttwo\tham\n"
    kept = pairs(workspace, raw, label_column=1, text_column=0, max_rejected_share=0.5)
    assert kept == [("ham", "hi"), ("spam", "yes")]
    assert read_table(paths.REJECTED) == [["3", "the label holds a character that cannot be printed"]]


CSV = 'id,text,label,note\r\n1,"hi, you",ham,x\r\n2,"say ""yes""\nto all",spam,\r\n3,plain,ham\r\n'
CSV_KEPT = [("ham", "hi, you"), ("spam", 'say "yes" to all'), ("ham", "plain")]


@pytest.mark.parametrize("columns", [("label", "text"), (2, "text"), ("label", 1)])
def test_csv_columns_are_found_by_their_names_in_the_header(
    workspace: Workspace, columns: tuple[int | str, int | str]
) -> None:
    kept = pairs(workspace, CSV, format="csv", label_column=columns[0], text_column=columns[1])
    assert kept == CSV_KEPT
    assert counted(workspace) == 3


def test_csv_columns_by_position_need_no_header(workspace: Workspace) -> None:
    raw = CSV.split("\r\n", 1)[1]
    assert pairs(workspace, raw, format="csv", label_column=2, text_column=1) == CSV_KEPT


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_may_end_its_lines_in_any_way_and_a_text_may_hold_lines(workspace: Workspace, end: str) -> None:
    raw = GOOD_CSV.replace("\r\n", end) + f'ham,"one{end}two, ""three"""{end}'
    assert pairs(workspace, raw, format="csv")[2:] == [("ham", 'one two, "three"')]


def test_a_csv_text_may_be_longer_than_128_kib(workspace: Workspace) -> None:
    long = "word " * 40_000
    assert pairs(workspace, GOOD_CSV + f'ham,"{long}"\r\n', format="csv")[2:] == [("ham", long)]


def test_a_small_csv_does_not_lower_the_limit_of_other_readers() -> None:
    assert len(list(csv_rows(io.BytesIO(GOOD_CSV.encode()), 0, 1))) == 2
    assert csv.field_size_limit() >= 128 * 1024


@pytest.mark.parametrize("layout", [{}, {"format": "csv"}, {"format": "csv", "label_column": "l", "text_column": "t"}])
def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_a_message(
    workspace: Workspace, layout: dict[str, Any]
) -> None:
    raw = GOOD.replace("\n", "\r\n") if not layout else ("l,t\r\n" if "label_column" in layout else "") + GOOD_CSV
    assert pairs(workspace, "\ufeff" + raw, **layout) == [("ham", "are you home yet"), ("spam", "you won a cruise")]


def test_a_last_line_needs_no_line_end(workspace: Workspace) -> None:
    assert pairs(workspace, GOOD + "ham\tlast")[2:] == [("ham", "last")]
    assert pairs(workspace, GOOD_CSV + "ham,last", format="csv")[2:] == [("ham", "last")]


def test_white_space_around_a_label_is_no_part_of_it(workspace: Workspace) -> None:
    assert pairs(workspace, GOOD + " ham \tlast\n")[2:] == [("ham", "last")]


# Rejected rows

LABEL_REASON = "the label holds a character that cannot be printed"
REJECTED = [
    (b"", "expected at least 2 columns, found 1"),
    (b"ham", "expected at least 2 columns, found 1"),
    (b"ham are you home", "expected at least 2 columns, found 1"),
    (b"ham\t", "the text is empty"),
    (b"ham\t \t \xc2\xa0\x0c", "the text is empty"),
    (b"\thi", "the label is empty"),
    (b"  \thi", "the label is empty"),
    (b"\t", "the label is empty"),
    (b"ham\tcaf\xe9", "byte 7 is not UTF-8"),
    (b"\xffham\thi", "byte 0 is not UTF-8"),
    (b"ham\thalf a pair \xed\xa0\xbd", "byte 16 is not UTF-8"),
    (b"ham\tcut short \xf0\x9f\x98", "byte 14 is not UTF-8"),
    (b"h\x00m\thi", LABEL_REASON),
    (b"h\x1b[31mam\thi", LABEL_REASON),
    (b"h\xe2\x80\xa8am\thi", LABEL_REASON),
]


@pytest.mark.parametrize(("line", "reason"), REJECTED)
def test_a_line_without_a_label_and_a_text_is_rejected_with_its_number_and_reason(
    workspace: Workspace, line: bytes, reason: str
) -> None:
    kept = pairs(workspace, GOOD.encode() + line + b"\nham\tbye\r\n" + line + b"\r\n", max_rejected_share=0.5)
    assert kept[2:] == [("ham", "bye")]
    assert read_table(paths.REJECTED) == [["3", reason], ["5", reason]]


def test_a_rejected_csv_row_is_named_by_the_line_on_which_it_begins(workspace: Workspace) -> None:
    raw = (
        b"label,text\r\n"  # line 1
        b'ham,"on\r\nthree\nlines"\r\n'  # 2 to 4
        b",no label\r\n"  # 5
        b"\r\n"  # 6, blank: no row
        b'ham,"\r\n \r\n"\r\n'  # 7 to 9
        b"spam\r\n"  # 10
        b"ham,caf\xe9\r\n"  # 11
        b'"h\nam",hi\r\n'  # 12 and 13
        b"spam,last\r\n"
    )
    kept = pairs(workspace, raw, format="csv", label_column="label", text_column="text", max_rejected_share=0.9)
    assert kept == [("ham", "on three lines"), ("spam", "last")]
    assert read_table(paths.REJECTED) == [
        ["5", "the label is empty"],
        ["7", "the text is empty"],
        ["10", "expected at least 2 columns, found 1"],
        ["11", "a byte is not UTF-8"],
        ["12", LABEL_REASON],
    ]


@given(st.binary(max_size=40))
@example(b"ham\t\xed\xa0\xbd\xed\xb8\x80")
def test_no_lone_surrogate_comes_out_of_any_bytes(noise: bytes) -> None:
    for rows in (
        tsv_rows(b"ham\t" + noise, 0, 1),
        csv_rows(io.BytesIO(b'ham,"' + noise.replace(b'"', b"") + b'"'), 0, 1),
    ):
        for row in rows:
            (row.label + row.text).encode("utf-8")  # raises if there is one


@pytest.mark.parametrize(
    ("share", "rows", "bad"), [(0.29, 100, 29), (0.07, 100, 7), (0.1, 30, 3), (0, 5, 0), (1, 9, 7)]
)
def test_as_many_rejects_as_the_share_allows_are_fine(workspace: Workspace, share: float, rows: int, bad: int) -> None:
    raw = GOOD + "".join(f"ham\tnumber {number}\n" for number in range(rows - bad - 2)) + "bad\n" * bad
    pairs(workspace, raw, max_rejected_share=share)
    assert workspace.metrics("clean")["rejected"] == bad
    assert workspace.metrics("clean")["rows"] == rows


@pytest.mark.parametrize(("share", "rows", "bad"), [(0.29, 100, 30), (0.01, 5, 1), (0, 100, 1)])
def test_one_reject_more_is_an_error_that_names_the_first(
    workspace: Workspace, share: float, rows: int, bad: int
) -> None:
    raw = GOOD + "".join(f"ham\tnumber {number}\n" for number in range(rows - bad - 2)) + "bad\n" * bad
    message = refused(workspace, raw, max_rejected_share=share)
    first = f"line {rows - bad + 1}: expected at least 2 columns, found 1"
    assert all(
        part in message for part in (f"{share:.2%}", f"found {bad} of {rows}", first, "clean.max_rejected_share")
    )
    assert len(read_table(paths.REJECTED)) == bad


# Normalisation


def test_the_first_of_messages_with_the_same_text_is_kept(workspace: Workspace) -> None:
    raw = GOOD + "ham\tYou won a cruise\nham\tyou won a cruise\nspam\tYou won a cruise\n"
    assert pairs(workspace, raw, duplicates="drop")[1:] == [("spam", "you won a cruise"), ("ham", "You won a cruise")]
    assert workspace.metrics("clean")["duplicates"] == 2


def test_duplicates_are_kept_if_asked(workspace: Workspace) -> None:
    assert pairs(workspace, GOOD + GOOD, duplicates="keep") == pairs(workspace, GOOD) * 2


def test_messages_are_compared_after_normalisation(workspace: Workspace) -> None:
    raw = GOOD + "ham\tYOU WON a CRUISE!\nham\tyou won a cruise 2\n"
    kept = pairs(workspace, raw, lowercase=True, remove_pattern=TUTORIAL)
    assert kept == [("ham", "are you home yet"), ("spam", "you won a cruise"), ("ham", "you won a cruise ")]
    assert workspace.metrics("clean")["duplicates"] == 1


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        ({}, "Aé Ñ 1_2!", "Aé Ñ 1_2!"),
        ({}, "one\r\ntwo\nthree\rfour\n\nfive", "one two three four  five"),
        ({}, "tab\tand\u2028stay", "tab\tand\u2028stay"),
        ({"lowercase": True}, "ÀÉ Straße ΣΑΣ I", "àé straße σας i"),
        ({"ascii_only": True}, "£5 off — café\u2019s 中文 ok", "5 off  cafs  ok"),
        ({"remove_pattern": TUTORIAL}, "WIN £1,000 now_now! don't", "WIN  nownow dont"),
        ({"remove_pattern": "[A-Z]"}, "Win NOW", "in "),
        ({"remove_pattern": "[A-Z]", "lowercase": True}, "Win NOW", "in "),
        ({"ascii_only": True, "lowercase": True, "remove_pattern": TUTORIAL}, "£5 CAFÉ #1", " caf "),
    ],
)
def test_the_settings_say_what_is_done_to_a_text(settings: dict[str, Any], text: str, expected: str) -> None:
    assert normalise(text, Normalisation.model_validate(PLAIN | settings)) == expected


@given(TEXTS)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_any_text_comes_out_on_one_line(ascii_only: bool, text: str) -> None:
    settings = Normalisation.model_validate(PLAIN | {"ascii_only": ascii_only})
    out = normalise(text, settings)
    assert not {"\n", "\r"} & set(out)
    assert out.isascii() or not ascii_only


def test_a_message_of_which_nothing_is_left_stays_a_message(workspace: Workspace) -> None:
    raw = GOOD + "ham\t12345\nspam\t...\nham\t?? !!\n"
    kept = pairs(workspace, raw, remove_pattern=TUTORIAL, duplicates="keep")
    assert kept[2:] == [("ham", ""), ("spam", ""), ("ham", " ")]
    assert workspace.metrics("clean") | {"positive_share": 0} == {
        "rows": 5, "kept": 5, "duplicates": 0, "rejected": 0, "positive_share": 0,
    }  # fmt: skip
    assert pairs(workspace, raw, remove_pattern=TUTORIAL, duplicates="drop")[2:] == [("ham", ""), ("ham", " ")]
    assert counted(workspace) == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"duplicates": "keep"},
        {"duplicates": "drop"},
        {"duplicates": "keep", "lowercase": True},
        {"duplicates": "drop", "lowercase": True, "ascii_only": True, "remove_pattern": TUTORIAL},
    ],
)
def test_what_is_clean_stays_as_it_is_when_cleaned_again(workspace: Workspace, changes: dict[str, Any]) -> None:
    workspace.settings(**{f"clean__{key}": value for key, value in changes.items()}, clean__max_rejected_share=1)

    @given(st.lists(st.tuples(LABELS, TEXTS)))
    def check(messages: list[tuple[str, str]]) -> None:
        first = again(workspace, GOOD + lines(messages))
        second = again(workspace, paths.MESSAGES.read_bytes())
        assert second == [(label, text) for label, text in first if text.strip()]  # a blank text is no row of a corpus

    check()


# Labels


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("", ["expected a row or more", "found none", "download.source"]),
        ("\ufeff", ["expected a row or more", "found none"]),
        ("ham\thi\nham\tyes\n", ["expected 2 to 127 labels", "found 1 ('ham')", "clean.label_column"]),
        ("a\thi\nb\tyes\n", ["evaluate.positive_label", "one of 'a', 'b'", "found 'spam'"]),
        ("ham\thi\nSpam\tyes\n", ["evaluate.positive_label", "one of 'Spam', 'ham'", "found 'spam'"]),
        ("".join(f"label {i}\ttext {i}\n" for i in range(128)), ["expected 2 to 127 labels", "found 128", ", …)"]),
    ],
    ids=["empty", "a byte order mark", "one label", "no positive label", "another case", "too many"],
)
def test_a_corpus_which_cannot_be_learnt_from_is_refused(workspace: Workspace, raw: str, parts: list[str]) -> None:
    message = refused(workspace, raw)
    assert [part for part in parts if part not in message] == []


def test_a_csv_with_nothing_but_a_header_is_refused(workspace: Workspace) -> None:
    message = refused(workspace, "label,text\r\n", format="csv", label_column="label", text_column="text")
    assert "expected a row or more" in message


def test_labels_are_counted_among_the_rows_kept(workspace: Workspace) -> None:
    message = refused(workspace, "ham\thi\nspam\thi\n", duplicates="drop")
    assert "found 1 ('ham')" in message


def test_three_labels_are_as_good_as_two(workspace: Workspace) -> None:
    assert len(pairs(workspace, GOOD + "other\tneither of these\nother\tnor this\n")) == 4
    assert workspace.metrics("clean")["positive_share"] == 0.25


def test_any_label_may_be_the_positive_one(workspace: Workspace) -> None:
    workspace.settings(evaluate__positive_label="good news")
    again(workspace, "good news\tone\nbad news\ttwo\nbad news\tthree\n")
    assert workspace.metrics("clean")["positive_share"] == 0.333333


# Settings which do not fit the file


@pytest.mark.parametrize("columns", [{"label_column": "label"}, {"text_column": "text"}])
def test_a_tsv_has_no_column_names(workspace: Workspace, columns: dict[str, str]) -> None:
    message = refused(workspace, GOOD, **columns)
    assert "clean.label_column and clean.text_column as positions for format tsv" in message


@pytest.mark.parametrize(("raw", "header"), [("a,b\r\nham,hi\r\n", "['a', 'b']"), ("", "[]")])
def test_a_csv_name_must_stand_in_the_header(workspace: Workspace, raw: str, header: str) -> None:
    message = refused(workspace, raw, format="csv", label_column="a", text_column="text")
    assert ("'text'" if raw else "'a'") in message
    assert message.endswith(f"found {header}\n")


def test_what_a_header_holds_cannot_steer_a_terminal(workspace: Workspace) -> None:
    message = refused(workspace, b"\x1b[2J,\xff\r\n", format="csv", label_column="label", text_column="text")
    assert message.strip().isprintable()


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ('label,"te"xt\r\nham,hi\r\n', 1),
        ('label,text\r\nham,"a\nb"\r\nham,"hi"!\r\n', 4),
        ('label,text\r\nham,"hi\n', 2),
    ],
    ids=["header", "after a quote", "never closed"],
)
def test_bad_csv_is_an_error_that_names_the_line_on_which_its_row_begins(
    workspace: Workspace, raw: str, line: int
) -> None:
    message = refused(workspace, raw, format="csv", label_column="label", text_column="text")
    assert f"line {line}: expected CSV quoted as RFC 4180" in message


@pytest.mark.parametrize("pattern", ["(", "[a-", "*", "(?P<a", "(" * 999])
def test_a_bad_regular_expression_is_an_error_that_names_its_setting(workspace: Workspace, pattern: str) -> None:
    message = refused(workspace, GOOD, remove_pattern=pattern)
    assert "clean.remove_pattern: expected a regular expression (" in message
    assert message.endswith(f", found {pattern!r}\n") or len(pattern) > 80


@pytest.mark.parametrize("pattern", ["a{99999999999999999999}", "(((a{999}){999}){999}){999}", "(a{2,1000}){1,101}"])
def test_a_regular_expression_that_would_take_all_memory_is_refused(workspace: Workspace, pattern: str) -> None:
    message = refused(workspace, GOOD, remove_pattern=pattern)
    assert "clean.remove_pattern: expected at most 100,000 repetitions" in message


def test_a_regular_expression_that_backtracks_for_ever_is_an_error_after_a_second(workspace: Workspace) -> None:
    message = refused(workspace, f"{GOOD}ham\t{'a' * 60}!\n", remove_pattern="(a|aa)+$")
    assert "expected clean.remove_pattern to be done with a message in 1 s" in message


def test_without_a_corpus_the_error_names_its_file(workspace: Workspace) -> None:
    workspace.settings()
    assert str(paths.CORPUS) in workspace.failure(clean.main)


# What is written


def test_the_stage_writes_its_three_files_and_nothing_else(workspace: Workspace) -> None:
    pairs(workspace, GOOD + "ham\tare you home yet\n" + "bad\n", max_rejected_share=0.5)
    assert workspace.files() == {
        "params.yaml", "data/raw/corpus", "data/clean/messages.tsv", "data/clean/rejected.tsv", "metrics/clean.json",
    }  # fmt: skip
    assert workspace.metrics("clean") == {"rows": 4, "kept": 2, "duplicates": 1, "rejected": 1, "positive_share": 0.5}


def test_messages_are_bytes_of_label_tab_text_and_line_feed(workspace: Workspace) -> None:
    pairs(workspace, GOOD.replace("\n", "\r\n"))
    assert paths.MESSAGES.read_bytes() == GOOD.encode()


@given(st.lists(st.tuples(st.sampled_from(["ham", "spam", "good news"]), TEXTS)))
@example([("ham", "\ttabs\t\there\t"), ("spam", ""), ("ham", "\u2028\x85\x0c\x1c")])
def test_messages_are_read_as_they_were_written(tmp_path: Path, messages: list[tuple[str, str]]) -> None:
    messages = [(label, text.replace("\n", " ")) for label, text in messages]
    write_text(tmp_path / "messages.tsv", lines(messages))
    assert read_messages(tmp_path / "messages.tsv") == messages


@pytest.mark.parametrize("style", ["tsv", "csv"])
def test_a_label_and_a_text_from_one_column_are_refused(workspace: Workspace, style: str) -> None:
    workspace.settings(clean__format=style, clean__label_column=1, clean__text_column=1)
    workspace.corpus("spam\tspam\nham\tham\n")
    assert "expected two columns, found 1 for clean.label_column and text_column" in workspace.failure(clean.main)
