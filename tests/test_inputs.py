"""The messages of a file are the same however it comes, and its CSV and TSV are read as training reads them."""

import csv
import io
import os
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.cli import reader
from textrnn.cli.columns import Kind
from textrnn.cli.reader import Source
from textrnn.core.errors import UserError
from textrnn.corpus.rows import MOST_CHARACTERS, csv_rows, tsv_rows

TEXTS = st.lists(
    st.text(st.characters(codec="utf-8") | st.sampled_from(list('",\t\n\r\ufeff')), max_size=12), max_size=6
)
SIZES = st.integers(3, 40)  # bytes of a read: a byte order mark comes whole


def lists(raw: bytes, kind: Kind, column: str | None = None, size: int = 1 << 17) -> list[list[str] | None]:
    return list(reader.messages(io.BytesIO(raw), Source("-", kind, column), size))


def read(raw: bytes, kind: Kind, column: str | None = None, size: int = 1 << 17) -> list[str]:
    return [text for texts in lists(raw, kind, column, size) for text in texts or ()]


def error(raw: bytes, kind: Kind, column: str | None = None, size: int = 1 << 17) -> tuple[list[list[str] | None], str]:
    """Return what is yielded before an error, and the error."""
    found: list[list[str] | None] = []
    with pytest.raises(UserError) as told:
        found.extend(reader.messages(io.BytesIO(raw), Source("messages.csv", kind, column), size))
    return found, str(told.value)


def csv_of(texts: list[str], end: str, quoting: int = csv.QUOTE_ALL) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end, quoting=quoting).writerows([text, "ham"] for text in texts)  # type: ignore[arg-type]
    return file.getvalue().encode()


def test_how_a_file_is_read_goes_by_how_its_name_ends() -> None:
    names = ("a.csv", "dir.csv/a.TSV", "a.jsonl", "a.ndjson", "a.txt", "csv", "-", "a.csv.gz")
    assert list(map(reader.kind_of, names)) == ["csv", "tsv", "jsonl", "jsonl", "lines", "lines", "lines", "lines"]


@given(TEXTS, st.sampled_from(["\n", "\r\n"]), SIZES)
def test_lines_are_read_as_they_were_written(texts: list[str], end: str, size: int) -> None:
    texts = [text.translate({10: " ", 13: " ", 0xFEFF: " "}) for text in texts]
    assert read("".join(text + end for text in texts).encode(), "lines", size=size) == texts


@given(TEXTS, st.sampled_from(["\n", "\r\n", "\r"]), SIZES)
def test_csv_is_read_as_it_was_written_whatever_stands_in_quotes(texts: list[str], end: str, size: int) -> None:
    texts = ["mark", *texts]  # one at the beginning of a file would be no text
    assert read(csv_of(texts, end), "csv", "0", size) == texts


@given(st.text(st.sampled_from(list('ab",\n\r')), max_size=40), SIZES)
def test_csv_is_divided_into_rows_as_the_csv_module_does(text: str, size: int) -> None:
    rows: list[str] = []
    with suppress(csv.Error):
        rows.extend(row[0] for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row)
        assert read(text.encode(), "csv", "0", size) == rows
        return
    found, told = error(text.encode(), "csv", "0", size)
    assert [one for texts in found for one in texts or ()] == rows
    assert ": expected CSV quoted as RFC 4180, " in told


@given(TEXTS, SIZES)
def test_training_reads_the_same_texts(texts: list[str], size: int) -> None:
    raw = csv_of(["mark", *texts], "\r\n", csv.QUOTE_MINIMAL)
    kept = [row.text for row in csv_rows(io.BytesIO(raw), 1, 0) if not row.reason]
    assert [text for text in read(raw, "csv", "0", size) if text.strip()] == kept
    raw = "".join(f"ham\t{text.translate({9: 32, 10: 32, 13: 32})}\n" for text in texts).encode()
    kept = [row.text for row in tsv_rows(raw, 0, 1) if not row.reason]
    assert [text for text in read(raw, "tsv", None, size) if text.strip()] == kept


BYTES = st.binary(max_size=60) | st.lists(st.sampled_from([b"\r", b"\n", b"\xe2", b"a"]), max_size=20).map(b"".join)


@given(BYTES, st.sampled_from(["lines", "tsv"]), SIZES)
def test_any_bytes_are_lines_and_the_same_in_reads_of_any_size(raw: bytes, kind: Kind, size: int) -> None:
    assert read(raw, kind, size=size) == read(raw, kind)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("size", [3, 4, 1000])
def test_a_byte_order_mark_is_no_text_and_tells_of_utf_16(codec: str, size: int) -> None:
    assert read("text,x\r\ncafé \N{PILE OF POO},\u0a0d\r\n".encode(codec), "csv", size=size) == ["café \N{PILE OF POO}"]


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    assert read(b"caf\xe9\n\xff\xff", "lines") == ["caf\ufffd", "\ufffd\ufffd"]


def test_each_read_gives_the_rows_that_it_completes() -> None:
    assert lists(b'a\nb\n"c', "lines", size=4) == [["a", "b"], None, None, ['"c']]
    assert lists(b'a\nb\n"c\nd"\ne\n', "csv", "0", size=4) == [["a", "b"], None, ["c\nd", "e"], None]


def test_a_pipe_is_read_as_it_comes() -> None:
    end, start = os.pipe()
    with os.fdopen(end, "rb", 0) as raw, os.fdopen(start, "wb", 0) as pipe:
        found = reader.messages(raw, Source("-", "csv", None), 1 << 17)
        for part, texts in ((b"text\n", None), (b'"a\n', None), (b'b"\nc\nd', ["a\nb", "c"]), (b"\n", ["d"])):
            pipe.write(part)
            assert next(found) == texts


def test_an_error_names_file_and_line_and_comes_after_what_stands_before_it() -> None:
    found, told = error(b'text,id\r\n"two\r\nlines",1\r\n\r\nhi,2\r\n"open\r\n', "csv")
    assert told.startswith("messages.csv, line 6: expected CSV quoted as RFC 4180, unexpected end of data")
    assert [texts for texts in found if texts] == [["two\r\nlines", "hi"]]
    assert error(b"\n", "tsv", "1")[1].startswith("messages.csv, line 1: expected at least 2 columns")
    assert str(Source("-", "csv", None)) == "standard input"


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("lines", b"a" * (MOST_CHARACTERS + 3)),
        ("lines", b"a" * 5 * MOST_CHARACTERS + b"\nhi\n"),
        ("csv", b'"' + b"a long line\n" * MOST_CHARACTERS),
        ("tsv", b"a\t" * MOST_CHARACTERS),
    ],
)
def test_a_row_that_is_too_long_for_memory_is_an_error(kind: Kind, raw: bytes) -> None:
    tracemalloc.start()
    found, told = error(b"0\n" + raw, kind, "0")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.startswith("messages.csv, line 2: expected a row of at most 1,000,000 characters, found a longer one")
    assert ("is a quote never closed?" in told) == (kind == "csv")
    assert found[0] == ["0"]
    assert most < 40 * MOST_CHARACTERS


def test_the_longest_row_is_read() -> None:
    for end in (b"", b"\n", b"\r\n"):
        for size in (1000, 1 << 17):
            assert read(b"a" * MOST_CHARACTERS + end, "lines", size=size) == ["a" * MOST_CHARACTERS]


def test_an_error_is_put_aside_until_all_is_answered() -> None:
    failures: list[Exception] = []
    found = reader.until_failure(reader.messages(io.BytesIO(b"0\n\n"), Source("-", "tsv", "1"), 2), failures)
    assert list(found) == [None]
    assert [str(failure)[:22] for failure in failures] == ["standard input, line 1"]


def test_a_file_is_opened_without_a_buffer(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hi\nho\n")
    with reader.opened(Source(str(tmp_path / "a"), "lines", None)) as raw:
        assert raw.read(3) == b"hi\n"
        assert os.lseek(raw.fileno(), 0, os.SEEK_CUR) == 3
    with pytest.raises(UserError, match="found a directory"), reader.opened(Source(str(tmp_path), "lines", None)):
        pass
