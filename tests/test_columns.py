"""Where a message stands in a row: on a line, in a column of CSV or TSV, under a key of a JSON object."""

import json

import pytest

from textrnn.cli.columns import Kind, reader
from textrnn.core.errors import UserError


def read(kind: Kind, column: str | None, *rows: str) -> list[str | None]:
    text_of = reader(kind, column)
    return [text_of(row) for row in rows]


def test_a_line_is_a_message_without_its_end() -> None:
    assert read("lines", None, "see you\n", " a\tb \r\n", "\n", "last") == ["see you", " a\tb ", "", "last"]


def test_a_column_of_csv_may_have_a_name_which_the_first_row_has() -> None:
    assert read("csv", "message", "id,message\n", "1,hi\n", '2,"a ""b"", c\nd"\r\n') == [None, "hi", 'a "b", c\nd']


def test_it_is_called_text_if_none_is_named() -> None:
    assert read("csv", None, "text,id\n", "hi,1\n") == [None, "hi"]
    assert read("jsonl", None, '{"id": 1, "text": "hi"}\n') == ["hi"]


def test_a_column_by_position_has_no_header() -> None:
    assert read("csv", "1", "1,hi\n", "2,ho\n") == ["hi", "ho"]
    assert read("tsv", "0", "hi\t1\n", "ho\t2\n") == ["hi", "ho"]


def test_blank_lines_are_no_rows_of_csv_and_json_lines() -> None:
    assert read("csv", None, "\r\n", "text\n", "\n", "hi\n") == [None, None, None, "hi"]
    assert read("jsonl", None, "\n", " \n", '"hi"\n') == [None, None, "hi"]


def test_quotes_in_tsv_are_data_and_the_last_column_is_taken_if_none_is_named() -> None:
    assert read("tsv", None, '1\t"hi\n', 'alone"\r\n', "1\t2\t\n") == ['"hi', 'alone"', ""]
    assert read("tsv", "text", "text\tid\n", '"hi\t1\n') == [None, '"hi']


def test_a_digit_is_a_key_of_json_lines_like_another() -> None:
    assert read("jsonl", "0", '{"0": "hi"}\n', '"bare"') == ["hi", "bare"]


@pytest.mark.parametrize("text", ["", "two\nlines", "\x1b[31m \x00", "\N{PILE OF POO}", "\u2028"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_string_of_json_is_read_as_it_was_written(text: str, ascii_only: bool) -> None:
    assert read("jsonl", None, json.dumps({"text": text}, ensure_ascii=ascii_only)) == [text]


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert read("jsonl", None, r'"a \ud83d b \ud83d\ude00"') == ["a \ufffd b \N{GRINNING FACE}"]


@pytest.mark.parametrize(
    ("kind", "column", "rows", "message"),
    [
        ("csv", None, ["id,name\n"], "a header line with the column 'text', found 'id', 'name': say --column NAME,"),
        ("csv", "", ["id,name\n"], "a header line with the column '', found"),
        ("tsv", "text", ["\n"], "a header line with the column 'text', found ''"),
        ("csv", "a", ["a,b,a\n"], "one column 'a', found 2"),
        ("csv", "2", ["1,hi\n"], "at least 3 columns, found 2"),
        ("csv", "b", ["a,b\n", "1\n"], "at least 2 columns, found 1"),
        ("tsv", "1", ["hi\n"], "at least 2 columns, found 1"),
        ("csv", "0", ['"hi'], "CSV quoted as RFC 4180, unexpected end of data"),
        ("csv", "0", ['"hi" there\n'], "CSV quoted as RFC 4180, ',' expected after"),
        ("jsonl", None, ["hi\n"], r"a JSON object, found none \(Expecting value, column 1\)"),
        ("jsonl", None, ['{"a": "hi"}'], "the key 'text', found 'a'"),
        ("jsonl", None, ["{}"], "the key 'text', found none"),
        ("jsonl", None, ['{"text": null}'], "a string under 'text', found null"),
        ("jsonl", None, ['{"text": true}'], "a string under 'text', found a boolean"),
        ("jsonl", None, ['{"text": {}}'], "a string under 'text', found an object"),
        ("jsonl", None, ["1e999"], "a JSON object or a string, found a number"),
        ("jsonl", None, ["1" * 5000], "a JSON object or a string, found a number"),
        ("jsonl", None, ["[" * 100_000], "JSON, found brackets nested too deeply"),
    ],
)  # fmt: skip
def test_a_row_without_a_message_is_told(kind: Kind, column: str | None, rows: list[str], message: str) -> None:
    with pytest.raises(UserError, match=f"^expected {message}") as told:
        read(kind, column, *rows)
    assert len(str(told.value)) < 300


def test_of_many_names_some_are_told() -> None:
    with pytest.raises(UserError) as told:
        read("jsonl", None, json.dumps(dict.fromkeys(["long " * 1000, *"abcdefgh"])))
    assert "found 'long long long long…', 'a', 'b', 'c', 'd', 'e', …: say" in str(told.value)
