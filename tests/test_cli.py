"""How predict.py reads messages and writes answers: the same whatever a read brings, as training reads, and safely.

tests/test_fuzz.py reads any bytes, and CSV as the csv module does.
"""

import csv
import io
import json
import os
import re
import tracemalloc
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.cli import columns, reader, writer
from textrnn.cli.columns import Kind
from textrnn.cli.reader import Source
from textrnn.cli.terminal import cut, width
from textrnn.cli.writer import Answer, Look
from textrnn.core.errors import UserError
from textrnn.corpus.encoding import as_file
from textrnn.corpus.formats import csv_records, tsv_rows
from textrnn.corpus.layout import Layout
from textrnn.corpus.rows import MOST_CHARACTERS, Columns, checked_rows

TEXTS = st.lists(
    st.text(st.characters(codec="utf-8") | st.sampled_from(list('",\t\n\r\ufeff')), max_size=12), max_size=6
)
SIZES = st.integers(3, 40)  # bytes of a read: a byte order mark comes whole


# Messages from a file or a stream


def read(raw: bytes, kind: Kind, column: str | None = None, size: int = 1 << 17) -> list[str]:
    lists = reader.messages(io.BytesIO(raw), Source("-", kind, column), size)
    return [text for texts in lists for text in texts or ()]


def failed(raw: bytes, kind: Kind, column: str | None = None, size: int = 1 << 17) -> tuple[list[str], str]:
    """Return the messages that are yielded before an error, and the error."""
    found: list[list[str] | None] = []
    with pytest.raises(UserError) as told:
        found.extend(reader.messages(io.BytesIO(raw), Source("messages.csv", kind, column), size))
    return [text for texts in found for text in texts or ()], str(told.value)


def test_the_end_of_a_files_name_says_how_it_is_read() -> None:
    names = ("a.csv", "dir.csv/a.TSV", "a.jsonl", "a.ndjson", "a.txt", "csv", "-", "a.csv.gz")
    assert list(map(reader.kind_of, names)) == ["csv", "tsv", "jsonl", "jsonl", "lines", "lines", "lines", "csv"]


@given(TEXTS, st.sampled_from(["\n", "\r\n"]), SIZES)
def test_lines_are_read_as_they_were_written(texts: list[str], end: str, size: int) -> None:
    texts = [text.translate({10: " ", 13: " ", 0xFEFF: " "}) for text in texts]
    assert read("".join(text + end for text in texts).encode(), "lines", size=size) == texts


@given(TEXTS, SIZES)
def test_training_reads_the_same_texts(texts: list[str], size: int) -> None:
    # A byte order mark at the beginning of a file would be no text.
    csv.writer(file := io.StringIO(newline="")).writerows([text, "ham"] for text in ["mark", *texts])
    raw = file.getvalue().encode()
    records = csv_records(as_file(raw), Layout("csv"), "a corpus")
    kept = [row.text for row in checked_rows(records, Columns(1, 0)) if not row.reason]
    assert [text for text in read(raw, "csv", "0", size) if text.strip()] == kept
    raw = "".join(f"ham\t{text.translate({9: 32, 10: 32, 13: 32})}\n" for text in texts).encode()
    kept = [row.text for row in tsv_rows(raw, Columns(0, 1)) if not row.reason]
    assert [text for text in read(raw, "tsv", None, size) if text.strip()] == kept


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("size", [3, 4, 1000])
def test_a_byte_order_mark_is_no_text_and_announces_utf_16(codec: str, size: int) -> None:
    assert read("text,x\r\ncafé \N{PILE OF POO},\u0a0d\r\n".encode(codec), "csv", size=size) == ["café \N{PILE OF POO}"]


def test_a_pipe_is_read_as_it_comes() -> None:
    end, start = os.pipe()
    with os.fdopen(end, "rb", 0) as raw, os.fdopen(start, "wb", 0) as pipe:
        found = reader.messages(raw, Source("-", "csv", None), 1 << 17)
        for part, texts in ((b"text\n", None), (b'"a\n', None), (b'b"\nc\nd', ["a\nb", "c"]), (b"\n", ["d"])):
            pipe.write(part)
            assert next(found) == texts


def test_an_error_names_file_and_line_and_comes_after_the_messages_before_it() -> None:
    found, told = failed(b'text,id\r\n"two\r\nlines",1\r\n\r\nhi,2\r\n"open\r\n', "csv")
    assert told.startswith("messages.csv, line 6: expected CSV quoted as RFC 4180, unexpected end of data")
    assert found == ["two\r\nlines", "hi"]
    assert failed(b"\n", "tsv", "1")[1].startswith("messages.csv, line 1: expected at least 2 columns")
    assert str(Source("-", "csv", None)) == "standard input"
    failures: list[Exception] = []
    assert list(reader.until_failure(reader.messages(io.BytesIO(b"0\n\n"), Source("-", "tsv", "1"), 2), failures)) == [
        None
    ]
    assert str(failures[0]).startswith("standard input, line 1")


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("lines", b"a" * (MOST_CHARACTERS + 3)),
        ("lines", b"a" * 5 * MOST_CHARACTERS + b"\nhi\n"),
        ("csv", b'"' + (b"a long line" * 20 + b"\n") * (MOST_CHARACTERS // 200)),
        ("tsv", b"a\t" * MOST_CHARACTERS),
    ],
)
def test_a_row_that_is_too_long_for_memory_is_an_error(kind: Kind, raw: bytes) -> None:
    tracemalloc.start()
    found, told = failed(b"0\n" + raw, kind, "0")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.startswith("messages.csv, line 2: expected a row of at most 1,000,000 characters, found a longer one")
    assert ("is a quote never closed?" in told) == (kind == "csv")
    assert found == ["0"]
    assert most < 40 * MOST_CHARACTERS


def test_the_longest_row_is_read() -> None:
    for end, size in product((b"", b"\n", b"\r\n"), (1000, 1 << 17)):
        assert read(b"a" * MOST_CHARACTERS + end, "lines", size=size) == ["a" * MOST_CHARACTERS]


# The message in a row


def message(kind: Kind, column: str | None, *rows: str) -> list[str | None]:
    text_of = columns.reader(kind, column)
    return [text_of(row) for row in rows]


@pytest.mark.parametrize(
    ("kind", "column", "rows", "texts"),
    [
        ("lines", None, ["see you\n", " a\tb \r\n", "\n", "last"], ["see you", " a\tb ", "", "last"]),
        ("csv", "message", ["id,message\n", "1,hi\n", '2,"a ""b"", c\nd"\r\n'], [None, "hi", 'a "b", c\nd']),
        ("csv", None, ["text,id\n", "hi,1\n"], [None, "hi"]),
        ("csv", "1", ["1,hi\n", "2,ho\n"], ["hi", "ho"]),
        ("csv", None, ["\r\n", "text\n", "\n", "hi\n"], [None, None, None, "hi"]),
        ("tsv", "0", ["hi\t1\n", "ho\t2\n"], ["hi", "ho"]),
        ("tsv", None, ['1\t"hi\n', 'alone"\r\n', "1\t2\t\n"], ['"hi', 'alone"', ""]),
        ("tsv", "text", ["text\tid\n", '"hi\t1\n'], [None, '"hi']),
        ("jsonl", None, ['{"id": 1, "text": "hi"}\n', "\n", " \n", '"ho"\n'], ["hi", None, None, "ho"]),
        ("jsonl", "0", ['{"0": "hi"}\n', '"bare"'], ["hi", "bare"]),
        ("jsonl", None, [r'"a \ud83d b \ud83d\ude00"'], ["a \ufffd b \N{GRINNING FACE}"]),
    ],
)
def test_a_row_holds_a_message_unless_it_is_a_header_or_blank(
    kind: Kind, column: str | None, rows: list[str], texts: list[str | None]
) -> None:
    assert message(kind, column, *rows) == texts


@pytest.mark.parametrize(
    ("kind", "column", "rows", "said"),
    [
        ("csv", "a", ["a,b,a\n"], "one column 'a' in a header line, found 'a', 'b', 'a': say --column"),
        ("jsonl", None, ['{"a": "hi"}'], "the key 'text', found 'a'"),
        ("jsonl", None, ['{"text": {}}'], "a string under 'text', found an object"),
        ("jsonl", None, ["1" * 5000], "a JSON object or a string, found a number"),
        ("jsonl", None, ["[" * 100_000], "JSON, found brackets nested too deeply"),
        ("jsonl", None, [json.dumps(dict.fromkeys(["long " * 1000, *"abcdefgh"]))],
         "the key 'text', found 'long long long long…', 'a', 'b', 'c', 'd', 'e', …: say"),
    ],
)  # fmt: skip
def test_a_row_without_a_message_is_an_error(kind: Kind, column: str | None, rows: list[str], said: str) -> None:
    with pytest.raises(UserError, match=f"^expected {said}") as told:
        message(kind, column, *rows)
    assert len(str(told.value)) < 300


# Answers as they are written

PIECES = (("=WIN", 2.51), (" ", None), ("a", -0.004), (" ", None), ("\x1b", -1.2), ("!", 0.26))
ANSWER = Answer("spam", 0.87654321, "=WIN\na \x1b!", (0.12345679, 0.87654321), PIECES)
LABELS = ("ham", "spam")


def look(style: writer.Format, **changes: object) -> Look:
    return Look(style, labels=LABELS, positive="spam")._replace(**changes)  # type: ignore[arg-type]


def written(answer: Answer, how: Look) -> str:
    (text,) = writer.written([answer], how)
    assert text.endswith("\n")
    return text.removesuffix("\n")


def test_tsv_is_label_probability_and_text_and_the_strongest_tokens_if_explained() -> None:
    assert writer.header(look("tsv")) == ""
    assert written(ANSWER, look("tsv")) == "spam\t0.876543\t'=WIN\\na \\x1b!"
    explained = written(ANSWER, look("tsv", explained=True))
    assert explained == "spam\t0.876543\t'=WIN=+2.51 \\x1b=-1.20 !=+0.26\t'=WIN\\na \\x1b!"


def test_jsonl_holds_everything_as_it_is_and_all_tokens_in_order_if_explained() -> None:
    assert writer.header(look("jsonl")) == ""
    line = written(ANSWER, look("jsonl"))
    assert line.isascii()
    both = {"ham": 0.12345679, "spam": 0.87654321}
    found = {"label": "spam", "probability": 0.87654321, "text": ANSWER.text, "probabilities": both}
    assert json.loads(line) == found
    weights = [["=WIN", 2.51], ["a", -0.004], ["\x1b", -1.2], ["!", 0.26]]
    assert list(json.loads(written(ANSWER, look("jsonl", explained=True))).items()) == [
        *found.items(), ("explanation", weights),
    ]  # fmt: skip


def test_a_table_has_a_header_and_a_line_for_each_answer() -> None:
    assert writer.header(look("table")) == "label  P(spam)  text\n"
    assert written(ANSWER, look("table")) == r"spam    0.8765  =WIN\na \x1b!"
    long = ANSWER._replace(text="see " * 40)
    assert written(long, look("table", width=40)) == "spam    0.8765  see see see see see see…"


def test_an_explained_table_has_the_strongest_tokens_and_then_the_whole_text() -> None:
    how = look("table", explained=True)
    assert writer.header(how) == "label  P(spam)  for spam +, against it -, in log-odds\n"
    assert written(ANSWER, how).split("\n") == [r"spam    0.8765  =WIN +2.51  \x1b -1.20  ! +0.26", r"  =WIN a \x1b!"]
    assert written(ANSWER, how._replace(width=40)).startswith("spam    0.8765  =WIN +2.51  \\x1b -1.20\n")
    assert written(ANSWER._replace(pieces=()), how) == "spam    0.8765\n  (empty)"
    how = how._replace(labels=("ham", "spam", "news"), positive="")
    assert writer.header(how).endswith("  for the answer +, against it -, in log-odds\n")


@pytest.mark.parametrize("labels", [("ham", "новости", "win"), ("a" * 60, "垃圾", "\x1b[31m")])
@pytest.mark.parametrize("columns", [1, 80, 200])
def test_the_columns_of_a_table_are_aligned(labels: tuple[str, ...], columns: int) -> None:
    for positive, label, explained, top in product((*labels, ""), labels, (False, True), (1, 2)):
        how = Look("table", explained, False, columns, labels, positive, top)
        text = "\N{PILE OF POO} 垃圾 é see " * 20
        likely = tuple(0.5 if one == label else 0.25 for one in labels)
        answer = Answer(label, 0.5, text, likely, ((text, 0.7),))
        found, *rest = written(answer, how).split("\n")
        if top > 1:
            assert width(rest[-1]) == width(found[: found.index("\N{PILE OF POO}")]) - 2
        header = writer.header(how).replace(
            "\n", ""
        )  # of an explained table, where there is no room beside the columns
        start = header.index("for " if explained else "text")
        assert width(header[:start]) == width(found[: found.index("\N{PILE OF POO}")])
        assert header[:start].rstrip().endswith(")")
        assert found.isprintable()
        assert width(found) <= max(columns, 100)


def test_the_stronger_a_token_the_stronger_its_colour() -> None:
    pieces = tuple((str(weight), weight) for weight in (2.5, 1.0, 0.25, 0.2, 0.0, -0.2, -0.25, -1.0, -2.5))
    line = written(ANSWER._replace(pieces=pieces), look("table", explained=True, coloured=True)).split("\n")[1]
    coloured = {f"{weight}": f"\x1b[38;5;16;48;5;{colour}m{weight}\x1b[0m" for weight, colour in
                ((2.5, 208), (1.0, 215), (0.25, 223), (-0.25, 153), (-1.0, 75), (-2.5, 33))}  # fmt: skip
    assert line == "  " + "".join(coloured.get(text, text) for text, _ in pieces)


@pytest.mark.parametrize("style", ["table", "tsv", "jsonl"])
@pytest.mark.parametrize("explained", [False, True])
def test_nothing_can_steer_a_terminal(style: writer.Format, explained: bool) -> None:
    evil = "\x1b[31m\x07\u202e\r\n"
    how = look(style, explained=explained, labels=("ham", evil), positive=evil, top=2)
    answer = Answer(evil, 0.5, evil, (0.5, 0.5), ((evil, 3.0), (evil, None)))
    shown = writer.header(how) + written(answer, how)
    assert shown.translate({9: " ", 10: " "}).isprintable()


def test_a_wide_letter_takes_two_columns_and_a_mark_upon_a_letter_none() -> None:
    widths = {"": 0, "see you": 7, "café": 4, "cafe\u0301": 4, "垃圾": 4, "\N{PILE OF POO}": 2, "שלום": 4, "ﾊ": 1}
    assert {text: width(text) for text in widths} == widths


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("1234567", "1234567"),
        ("12345678", "123456…"),
        ("123 5678", "123…"),
        ("1 345678", "1 3456…"),
        ("123456 8", "123456…"),
        ("\x1b[31m", r"\x1b[3…"),
        ("see\x1b[31m", "see…"),
        ("垃圾垃圾", "垃圾垃…"),
        ("a垃圾垃圾", "a垃圾…"),
        ("e\u0301" * 7, "e\u0301" * 7),
        ("e\u0301" * 8, "e\u0301" * 6 + "…"),
        ("\u0301" * 1000, "\u0301" * 43 + "…"),
    ],
)
def test_a_text_is_cut_to_a_width(text: str, shown: str) -> None:
    assert cut(text, 7) == shown
    assert width(shown) <= 7


FAMILY, ENGLAND = "👨\u200d👩\u200d👧\u200d👦", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
LETTERS = [
    FAMILY,
    "🇩🇪",
    ENGLAND,
    "👍🏽",
    "❤\ufe0f",
    "1\ufe0f\u20e3",
    "क्षि",
    "ی\u200c",
    "한",
    "e\u0301",
    "垃",
    r"\x1b",
    " ",
    "a",
]


@given(st.lists(st.sampled_from(LETTERS), max_size=30), st.integers(3, 40))
def test_no_emoji_no_letter_with_marks_and_no_escape_is_broken(letters: list[str], most: int) -> None:
    whole = "".join(letters)
    shown = cut(whole.replace(r"\x1b", "\x1b"), most)
    assert width(shown) <= most
    if shown != whole:
        rest = shown.removesuffix("…")
        assert rest in ["".join(letters[:count]).rstrip(" ") for count in range(len(letters) + 1)]
    said = written(Answer("spam", 1.0, whole, (0, 1), ((whole, 0.0),)), look("table", explained=True, width=most + 8))
    _, *lines = said.split("\n")
    assert all(line.startswith("  ") and width(line) <= most + 8 for line in lines)
    if whole.strip(" "):
        assert "".join(line[2:] for line in lines).replace(" ", "") == whole.replace(" ", "")


def test_joiners_are_shown_where_they_belong_and_escaped_where_they_hide() -> None:
    for text in (FAMILY, ENGLAND, "می\u200cخواهم", "क्\u200dष"):
        assert cut(text, 40) == text
    assert cut("fr\u200dee", 40) == r"fr\u200dee"
    assert cut("a\U000e0067\u200c", 40) == r"a\U000e0067\u200c"
    assert cut("\u200d", 40) == r"\u200d"


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("labels", [("ham", "spam"), ("complaint", "delivery", "billing", "praise")])
def test_a_table_is_no_wider_than_the_terminal(labels: tuple[str, ...], columns: int) -> None:
    url = "see https://shop.example/returns/2024/11/28/0123456789?from=mail&campaign=winter now"
    texts = ("see you at eight " * 9, url, "垃圾邮件" * 30, "שלום עולם " * 20, FAMILY * 40, "")
    for text, explained in product(texts, (False, True)):
        how = Look("table", explained, False, columns, labels, "spam" if len(labels) == 2 else "", 2)
        answer = Answer(
            labels[0], 0.5, text, (0.5, *[0.1] * (len(labels) - 1)), tuple((w, 1.0) for w in text.split(" "))
        )
        said = writer.header(how) + written(answer, how)
        assert max(map(width, said.split("\n"))) <= columns
        if text == texts[0]:
            assert not re.search(r"\b(se|s|yo|y|a|eigh|eig|ei|e)(…|$)", said, re.MULTILINE)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_message_is_said_to_be_empty_in_a_table_and_stays_empty_elsewhere(text: str) -> None:
    answer = Answer("ham", 0.01, text, (0.99, 0.01), ((text, None),) if text else ())
    assert written(answer, look("table")) == "ham     0.0100  (empty)"
    assert written(answer, look("table", explained=True)) == "ham     0.0100\n  (empty)"
    assert written(answer, look("tsv")) == f"ham\t0.010000\t{text}"
    assert json.loads(written(answer, look("jsonl")))["text"] == text


def test_jsonl_has_the_probabilities_of_all_labels_however_many() -> None:
    labels = tuple(f"label {number}" for number in range(150))
    answer = Answer("label 7", 0.5, "hi", tuple(0.5 if number == 7 else 0.5 / 149 for number in range(150)))
    found = json.loads(written(answer, look("jsonl", labels=labels, positive="", top=3)))
    assert found["probabilities"] == dict(zip(labels, answer.probabilities, strict=True))
    assert found["top"] == [["label 7", 0.5], ["label 0", 0.5 / 149], ["label 1", 0.5 / 149]]


def test_an_emoji_of_several_tokens_has_the_colour_of_the_strongest() -> None:
    pieces = (("👨", 0.3), ("\u200d", -2.6), ("👩", None), (" ", None), ("hi", 0.3))
    answer = Answer("spam", 0.9, "👨\u200d👩 hi", (0.1, 0.9), pieces)
    line = written(answer, look("table", explained=True, coloured=True)).split("\n")[1]
    assert line == "  \x1b[38;5;16;48;5;33m👨\u200d👩\x1b[0m \x1b[38;5;16;48;5;223mhi\x1b[0m"
