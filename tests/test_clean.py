"""clean: every row of a corpus is kept, dropped as a duplicate, or rejected with a reason.

What it refuses, and with which message: tests/bad_inputs.md and tests/test_bad_inputs.py. What holds for any bytes:
fuzz/targets.py and tests/test_fuzz.py.
"""

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.clean import main
from tests.workspace import Workspace
from textrnn.artifacts import origins
from textrnn.artifacts.messages import read_messages
from textrnn.cleaning.batch import Clean
from textrnn.cleaning.tally import clean
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import read_table
from textrnn.corpus import readers
from textrnn.corpus.encoding import as_file
from textrnn.corpus.rows import Wanted
from textrnn.text.normalise import normalise
from textrnn.text.settings import Normalise

GOOD = "ham\tare you home yet\nspam\tyou won a cruise\n"
TUTORIAL = r"([^\s\w]|_|[0-9])+"
PLAIN: dict[str, Any] = {
    "unicode": "none", "fold_lookalikes": False, "lowercase": False, "ascii_only": False, "remove_pattern": ""
}  # fmt: skip
SETTINGS = PLAIN | {
    "format": "tsv", "encoding": "auto", "header": "auto", "label_column": 0, "text_column": 1,
    "labels": {"fold_case": False, "map": {}}, "duplicates": "drop", "max_rejected_share": 0.01,
}  # fmt: skip
NAMED = {"format": "csv", "label_column": "label", "text_column": "text"}
LABEL_REASON = "the label holds a character that cannot be printed"

Pairs = list[tuple[str, str]]


def cleaned(raw: bytes | str, **changes: Any) -> tuple[Pairs, list[list[str]]]:
    """Return the (label, text) pairs that are kept of a corpus, and the line and reason of each row rejected."""
    chosen = Clean.model_validate(SETTINGS | changes)
    file = as_file(raw if isinstance(raw, bytes) else raw.encode())
    header = None if chosen.header == "auto" else chosen.header
    reading = readers.Settings(Wanted(chosen.label_column, chosen.text_column), chosen.format, chosen.encoding, header)
    batches = readers.of_file(file, "corpus", reading, lambda _: None)
    with tempfile.TemporaryDirectory() as directory:
        with clean((("mine.csv", batch) for batch in batches), chosen, Path(directory)) as tally:
            pass
        kept = read_messages(Path(directory, "messages.tsv"))
        heading, *rejects = read_table(Path(directory, "rejected.tsv"))
    assert heading == ["file", "line", "reason"]
    assert all(row.pop(0) == "mine.csv" for row in rejects)
    assert (len(kept), len(rejects)) == (tally.labels.total(), tally.rejected)
    assert tally.rows == len(kept) + tally.duplicates + len(rejects)
    return kept, rejects


def pairs(raw: bytes | str, **changes: Any) -> Pairs:
    """Return the pairs that are kept of a corpus of which no row is rejected."""
    kept, rejects = cleaned(raw, **changes)
    assert rejects == []
    return kept


# Rows


def test_a_text_is_kept_as_it_is() -> None:
    texts = [
        "\ttabs\tare\ttext\t",
        'say "cheese", never "" opened "',
        "back\\slash \\t \\n, 'single' quotes; # no comment",
        " spaces around ",
        "nul \x00, line\u2028separator\u2029and\x85next, form\x0cfeed, \x0bvertical tab, \x1c file separator",
        "a byte order mark \ufeff within",
        "\u200b",
        "emoji \U0001f600, accents éü, 中文, עברית",
        "NULL",
        "word " * 40_000,  # more than the 128 KiB that csv allows at first
    ]
    rows = [("ham", text) for text in texts]
    csv.writer(file := io.StringIO(newline="")).writerows(rows)
    tsv = "".join(f"{label}\t{text}\n" for label, text in rows)
    assert pairs(tsv) == pairs(file.getvalue(), format="csv") == rows


def test_tsv_columns_are_at_the_positions_in_the_settings_and_the_last_keeps_its_tabs() -> None:
    for raw, label, text, kept in (
        ("hi\tham\n", 1, 0, ("ham", "hi")),
        ("17\thi\tham\n", 2, 1, ("ham", "hi")),
        ("17\tham\thi\tyou\n", 1, 2, ("ham", "hi\tyou")),
        ("ham\t\thi\n", 0, 2, ("ham", "hi")),
    ):
        assert pairs(raw, label_column=label, text_column=text) == [kept]
    kept_rows, rejects = cleaned("hi\tham\none\ttwo\tham\n", label_column=1, text_column=0)
    assert kept_rows == [("ham", "hi")]
    assert rejects == [["2", LABEL_REASON]], "which tabs are the text's is not guessed"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_may_have_a_byte_order_mark_a_header_any_line_ends_and_a_text_of_several_lines(end: str) -> None:
    raw = f'\ufeffid,text,label{end}1,"hi, you", ham {end}2,"say ""yes""{end}to all",spam{end}'
    for label, text in (("label", "text"), (2, "text"), ("label", 1)):
        kept = pairs(raw, format="csv", label_column=label, text_column=text)
        assert kept == [("ham", "hi, you"), ("spam", 'say "yes" to all')]


# Rejected rows


def test_a_rejected_line_is_named_by_its_number() -> None:
    kept, rejects = cleaned(GOOD.encode() + b"ham are you home\nham\tbye\r\nham\tcaf\xe9\r\n\r\n", encoding="utf-8")
    assert kept[2:] == [("ham", "bye")]
    columns = "expected at least 2 columns, found 1"
    assert rejects == [["3", columns], ["5", "byte 7 is not UTF-8"], ["6", columns]]


def test_a_rejected_csv_row_is_named_by_its_first_line() -> None:
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
    kept, rejects = cleaned(raw, **NAMED, encoding="utf-8")
    assert kept == [("ham", "on three lines"), ("spam", "last")]
    assert rejects == [
        ["5", "the label is empty"],
        ["7", "the text is empty"],
        ["10", "expected at least 2 columns, found 1"],
        ["11", "a byte is not UTF-8"],
        ["12", LABEL_REASON],
    ]


def test_one_reject_more_than_the_share_allows_is_an_error_that_names_the_first(workspace: Workspace) -> None:
    workspace.settings(clean__max_rejected_share=0.29)  # 0.29 * 100 is less than 29
    rows = "".join(f"ham\tnumber {number}\n" for number in range(69))
    workspace.corpus(GOOD + rows.removesuffix("ham\tnumber 68\n") + "bad\n" * 30)
    message = workspace.failure(main)
    assert not paths.MESSAGES.exists()
    assert len(read_table(paths.REJECTED)) == 31
    workspace.corpus(GOOD + rows + "bad\n" * 29)
    workspace.run(main)
    assert all(part in message for part in ("29.00%", "found 30 of 100", "line 71: expected", "max_rejected_share"))
    assert (workspace.metrics("clean")["rejected"], workspace.metrics("clean")["rows"]) == (29, 100)


def test_a_note_says_how_many_rows_are_rejected_which_is_the_first_and_where_all_are(workspace: Workspace) -> None:
    rows = "".join(f"ham\tnumber {number}\n" for number in range(300))
    workspace.settings(download__source="mail/support.tsv", clean__encoding="utf-8")
    where = "(data/clean/rejected.tsv lists all)"
    for bad, said in (
        (b"", ""),
        (b"ham\tcaf\xe9\n", "1 of 303 rows is rejected. The first is support.tsv, line 303: byte 7 is not UTF-8"),
        (
            b"\n\n",
            "2 of 304 rows are rejected. The first is support.tsv, line 303: expected at least 2 columns, found 1",
        ),
    ):
        workspace.corpus((GOOD + rows).encode() + bad)
        assert workspace.ran(main) == (0, f"note: {said} {where}\n" if said else "")


def test_a_message_is_traced_to_its_line_and_a_contradiction_names_both_lines(workspace: Workspace) -> None:
    workspace.settings(download__source="support.tsv", clean__max_rejected_share=0.5)
    workspace.corpus("bad\n" + GOOD + "ham\tyou won a cruise\nbad\nspam\tare you home yet\nham\tbye\n" + GOOD)
    workspace.run(main)
    found = origins.read(paths.ORIGINS)
    assert found.of(np.arange(3)) == (["support.tsv"] * 3, [2, 3, 7])
    header, *contradictions = read_table(paths.CONTRADICTIONS)
    assert [dict(zip(header, row, strict=True)) for row in contradictions] == [
        {
            "file": "support.tsv", "line": str(line), "label": label, "other_file": "support.tsv",
            "other_line": str(other), "other_label": other_label, "row": str(row),
        }
        for line, label, other, other_label, row in ((3, "spam", 4, "ham", 1), (2, "ham", 6, "spam", 0))
    ]  # fmt: skip


# Normalisation and duplicates


def test_of_messages_with_the_same_text_the_first_is_kept_unless_duplicates_are_kept() -> None:
    raw = GOOD + "ham\tYou won a cruise\nham\tyou won a cruise\nspam\tYou won a cruise\n"
    assert pairs(raw)[1:] == [("spam", "you won a cruise"), ("ham", "You won a cruise")]
    assert len(pairs(raw, duplicates="keep")) == 5
    assert pairs(raw, lowercase=True)[1:] == [("spam", "you won a cruise")]
    raw = GOOD + "ham\t12345\nspam\t...\nham\t?? !!\n"  # a message with nothing left stays a message
    assert pairs(raw, remove_pattern=TUTORIAL)[2:] == [("ham", ""), ("ham", " ")]


def test_a_text_is_normalised_as_the_settings_say() -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({}, "Aé Ñ 1_2!\r\ntwo\nthree\rfour\n\nfive", "Aé Ñ 1_2! two three four  five"),
        ({}, "tab\tand\u2028stay", "tab\tand\u2028stay"),
        ({"lowercase": True}, "ÀÉ Straße ΣΑΣ I", "àé straße σας i"),
        ({"ascii_only": True}, "£5 off — café\u2019s 中文 ok", "5 off  cafs  ok"),
        ({"remove_pattern": TUTORIAL}, "WIN £1,000 now_now! don't", "WIN  nownow dont"),
        ({"remove_pattern": "[A-Z]", "lowercase": True}, "Win NOW", "in "),
        ({"ascii_only": True, "lowercase": True, "remove_pattern": TUTORIAL}, "£5 CAFÉ #1", " caf "),
        ({"unicode": "NFC"}, "cafe\u0301 Ｗ ﬁ", "café Ｗ ﬁ"),
        ({"unicode": "NFKC"}, "ＷＩＮ 𝐰𝐢𝐧 Ⓦ ﬁve cafe\u0301", "WIN win W five café"),
        ({"unicode": "NFKC", "fold_lookalikes": True, "lowercase": True}, "Ｗ\u0406\u039d", "win"),
    ]
    for changes, text, expected in cases:
        assert normalise(text, Normalise.model_validate(PLAIN | changes).normalisation) == expected


# What is refused and what is written


HUGE = (  # patterns that take gigabytes to compile
    "(?x)a { 99999999 }",
    "(?i) (?#: no {1} ) ((a{999}){999}){999}",
    "(?:" + "|".join(f"{chr(97 + number % 26)}{chr(256 + number)}" for number in range(200)) + "){99999}",
)


def test_a_corpus_or_settings_that_cannot_be_used_are_refused_with_the_reason() -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("", NAMED, "expected one column 'label' in a header line, found none: set clean.label_column"),
        ('label,"te"xt\r\nham,hi\r\n', NAMED, "line 1: expected CSV with ',' between"),
        ('label,text\r\nham,"a\nb"\r\nham,"hi"!\r\n', NAMED, "line 4: expected CSV with ',' between"),
        (GOOD, {"remove_pattern": "(" * 999}, "expected a regular expression"),
        (GOOD, {"labels": {"fold_case": False, "map": {"ham": "w" * 201}}}, "expected labels of at most 200 letters"),
        (GOOD, {"labels": {"fold_case": False, "map": {"ham": "a\tb"}}}, "that can be printed"),
        *((GOOD, {"remove_pattern": pattern}, "it takes more than (256 MiB|5 seconds)") for pattern in HUGE),
        ("ham\t" + "a" * 50_000, {"remove_pattern": "(?R)"}, "let no pattern call itself|to be done with a message in"),
    ]
    for raw, changes, message in cases:
        with pytest.raises((UserError, ValueError), match=message):
            cleaned(raw, **changes)


def test_the_stage_writes_its_files_and_nothing_else(workspace: Workspace) -> None:
    workspace.settings(clean__max_rejected_share=0.5, evaluate__positive_label="good news")
    workspace.corpus(GOOD + "ham\tare you home yet\ngood news\tyes\r\nbad\n")
    workspace.run(main)
    names = ("messages.tsv", "rejected.tsv", "contradictions.tsv", "origins/files.tsv", "origins/line.npy")
    outputs = {f"data/clean/{name}" for name in names}
    outputs |= {"metrics/clean.json", *(f"data/clean/columns/{name}.npy" for name in ("part", "group", "time"))}
    assert workspace.files() == outputs | {"params.yaml", "data/raw/corpus"}
    counts = {"rows": 5, "kept": 3, "duplicates": 1, "rejected": 1}
    more = {"positive_share": 0.333333, "contradictions": 0, "encoding": "utf-8"}
    assert workspace.metrics("clean") == counts | more
    assert paths.MESSAGES.read_bytes() == (GOOD + "good news\tyes\n").encode()
    reason = ["sms-spam", "5", "expected at least 2 columns, found 1"]
    assert read_table(paths.REJECTED) == [["file", "line", "reason"], reason]
    assert read_messages(paths.MESSAGES)[2] == ("good news", "yes")
