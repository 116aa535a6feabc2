"""tools.relabel: new labels get into the user's file, where every other byte stays, or into a copy, or nowhere."""

import csv
import hashlib
import io
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fuzz.targets import workbook
from stages import clean, download, evaluate
from tests.models import BEGINNINGS, TWO, copied
from tests.test_formats import HEADER, ROWS, WAYS, Rows, separated
from tests.workspace import Workspace
from textrnn.artifacts import origins
from textrnn.artifacts.messages import read_messages
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.files import read_table, write_text
from textrnn.evaluation import tables
from tools import adopt, relabel

COPIED = ("Parquet", "xlsx", "gzip", "zip")  # ways to save a corpus that leave no file to be changed in place
CHANGES = {4: "praise", 9: "complaint", 63: "complaint"}  # new labels of messages
Relabel = Callable[..., str]


@pytest.fixture
def relabelled(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Relabel:
    """Return a function that runs the tool, and returns what it prints or, if it fails, the error."""
    monkeypatch.chdir(workspace.root)

    def typed(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["relabel", *arguments])
        code = run(relabel.main)
        printed = capsys.readouterr()
        assert (code, printed.err.count("\n")) in ((0, 0), (1, 1)), printed.err
        return printed.err or printed.out

    return typed


def prepare(workspace: Workspace, name: str, columns: tuple[int | str, int | str] = HEADER, **changes: Any) -> None:
    """Let the stages up to the list of labels run on a user's files."""
    label, text = columns
    changes = {"clean__label_column": label, "clean__text_column": text, "evaluate__positive_label": None} | changes
    workspace.settings(download__source=name, **changes)
    for stage in (download, clean):
        workspace.run(stage.main)
    counts = Counter(label for label, _ in read_messages(paths.MESSAGES))
    write_text(paths.VECTORS / "classes.tsv", "".join(f"{label}\t{counts[label]}\n" for label in sorted(counts)))


def fill_in(changes: dict[int, str], path: Path | None = None) -> None:
    """Write label_errors.csv, as evaluate does and a person has filled it in, with new labels for some messages."""
    rows = list(changes)
    labels, texts = zip(*(read_messages(paths.MESSAGES)[row] for row in rows), strict=True)
    file, line = origins.read(paths.ORIGINS).of(np.array(rows, np.int64))
    columns: tables.Columns = {"file": [*file], "line": [*line], "label": [*labels], "likelier": [*labels]}
    columns |= {"new_label": [changes[row] for row in rows], "row": [*rows], "text": [*texts]}
    tables.write(path or paths.LABEL_ERRORS, columns)


def mended(rows: Rows, changes: dict[int, str]) -> Rows:
    return [(changes.get(row, label), text) for row, (label, text) in enumerate(rows)]


# In place


@pytest.mark.parametrize("way", [way for way in WAYS if way not in COPIED])
def test_only_the_labels_of_the_named_rows_change_in_a_file(
    way: str, workspace: Workspace, relabelled: Relabel
) -> None:
    name, save, columns = WAYS[way]
    (workspace.root / name).write_bytes(save(ROWS))
    (workspace.root / name).chmod(0o640)
    prepare(workspace, name, columns)
    fill_in(CHANGES)
    said = relabelled()
    assert (workspace.root / name).read_bytes() == save(mended(ROWS, CHANGES))
    assert (workspace.root / name).stat().st_mode & 0o777 == 0o640
    assert said.startswith("3 new labels: line ")
    assert f" of {name}: praise, not complaint; " in said
    assert said.endswith("\nNow run: dvc repro\n")
    for stage in (download, clean):
        workspace.run(stage.main)
    assert read_messages(paths.MESSAGES) == mended(ROWS, CHANGES)
    assert relabelled() == said, "a second time changes nothing"
    assert (workspace.root / name).read_bytes() == save(mended(ROWS, CHANGES))


def test_odd_rows_around_a_label_stay_as_they_are(workspace: Workspace, relabelled: Relabel) -> None:
    before = (
        '\ufeffid;category;message\r\n1; complaint ;"two\r\nlines; ""quoted"""\r\n\r\n2;"complaint";a \u20ac\n'
        '"x;y\n";praise;last\r\n3;;no label\r\n4;praise;no end'
    ).encode() + b"\r\n5;praise;caf\xe9"
    path = workspace.root / "odd.csv"
    path.write_bytes(before)
    prepare(workspace, "odd.csv", clean__max_rejected_share=0.9, clean__encoding="utf-8")
    fill_in({0: "praise", 1: 'on hold; "later"', 2: "complaint"})
    said = relabelled()
    assert "new label, which no message had so far: 'on hold; \"later\"'" in said
    after = before.replace(b"1; complaint ;", b"1; praise;").replace(b'2;"complaint"', b'2;"on hold; ""later"""')
    assert path.read_bytes() == after.replace(b";praise;last", b";complaint;last")


def test_json_keeps_its_blanks_its_numbers_and_the_last_of_two_equal_keys(
    workspace: Workspace, relabelled: Relabel
) -> None:
    lines = [
        f'{{ "y" : {row % 2}, "n": {{"y": [1, "}}"]}}, "text":"tea {row} \\u00e9\\"", "y":{row % 2} }}'
        for row in range(8)
    ]
    (workspace.root / "a.jsonl").write_text("\n\n".join(lines), "utf-8")
    prepare(workspace, "a.jsonl", ("y", "text"))
    fill_in({2: "1", 5: "maybe"})
    relabelled()
    lines[2] = lines[2].replace('"y":0 }', '"y":1 }')
    lines[5] = lines[5].replace('"y":1 }', '"y":"maybe" }')
    assert (workspace.root / "a.jsonl").read_text("utf-8") == "\n\n".join(lines)


def test_a_label_is_written_as_the_file_spells_it(workspace: Workspace, relabelled: Relabel) -> None:
    rows = [(("0.0", "1.0")[number % 2], f"{text} {number}") for number, (_, text) in enumerate(ROWS)]
    (workspace.root / "a.csv").write_bytes(separated(rows, "utf-8"))
    prepare(workspace, "a.csv", clean__labels={"fold_case": False, "map": {"1": "spam", "0": "ham"}})
    fill_in({6: "spam"})
    relabelled()
    rows[6] = ("1.0", rows[6][1])
    assert (workspace.root / "a.csv").read_bytes() == separated(rows, "utf-8")


def test_the_rows_of_a_folder_and_of_a_second_corpus_change_in_their_files(
    workspace: Workspace, relabelled: Relabel
) -> None:
    parts = {"mail/a.csv": ROWS[:20], "mail/b.csv": ROWS[20:40], "exam.csv": ROWS[40:]}
    (workspace.root / "mail").mkdir()
    for name, rows in parts.items():
        (workspace.root / name).write_bytes(separated(rows, "utf-8"))
    prepare(workspace, "mail", split__test_source="exam.csv")
    fill_in(CHANGES)
    relabelled()
    expected = mended(ROWS, CHANGES)
    for name, rows in {"mail/a.csv": expected[:20], "mail/b.csv": expected[20:40], "exam.csv": expected[40:]}.items():
        assert (workspace.root / name).read_bytes() == separated(rows, "utf-8")


def test_a_checksum_of_the_file_as_it_was_is_told(workspace: Workspace, relabelled: Relabel) -> None:
    (workspace.root / "a.csv").write_bytes(content := separated(ROWS, "utf-8"))
    prepare(workspace, "a.csv", download__sha256=hashlib.sha256(content).hexdigest())
    fill_in(CHANGES)
    said = relabelled()
    after = hashlib.sha256((workspace.root / "a.csv").read_bytes()).hexdigest()
    assert f"set download.sha256 to {after}\nNow run: dvc repro\n" in said


# A copy


@pytest.mark.parametrize("way", COPIED)
def test_what_cannot_be_written_as_it_was_is_copied_and_adopt_takes_the_copy(
    way: str, workspace: Workspace, relabelled: Relabel, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, save, columns = WAYS[way]
    (workspace.root / name).write_bytes(raw := save(ROWS))
    prepare(workspace, name, columns, evaluate__positive_label="complaint")
    fill_in(CHANGES)
    said = relabelled()
    assert (workspace.root / name).read_bytes() == raw
    assert f"{name} cannot be written as it was: a-relabelled.csv is a copy with the new labels" in said
    adopted(said, workspace, monkeypatch)
    assert read_messages(paths.MESSAGES) == mended(ROWS, CHANGES)
    prepare(workspace, name, columns)
    assert "found it there already: move it away" in relabelled()


def adopted(said: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command that the tool has printed, and the first stages."""
    command = said.rpartition("Now run: ")[2].removesuffix(" && dvc repro\n")
    shutil.copyfile(Workspace.ORIGINAL / "dvc.yaml", paths.PIPELINE)
    monkeypatch.setattr("sys.argv", shlex.split(command)[2:])
    assert run(adopt.main) == 0
    for stage in (download, clean):
        workspace.run(stage.main)


def test_the_command_for_adopt_names_every_column_and_the_second_corpus(
    workspace: Workspace, relabelled: Relabel
) -> None:
    header, *rows = csv.reader(io.StringIO(separated(ROWS, "utf-8").decode(), newline=""))
    table = [[*header, "the part", "user"], *([*row, "train", f"u{number}"] for number, row in enumerate(rows))]
    (workspace.root / "book.xlsx").write_bytes(workbook([tuple(row) for row in table]))
    columns: dict[str, Any] = {"split__column": "the part", "split__group_column": 3, "split__test_source": "exam.csv"}
    (workspace.root / "exam.csv").write_text("category,message,x,user\npraise,lovely,,a\ncomplaint,late,,b\n", "utf-8")
    prepare(workspace, "book.xlsx", evaluate__positive_label="praise", **columns)
    fill_in({4: "praise"})
    options = "--label category --text message --part 'the part' --group 3 --positive praise --test exam.csv"
    assert relabelled().endswith(f"Now run: python -m tools.adopt book-relabelled.csv {options} && dvc repro\n")


def test_the_collection_that_comes_with_textrnn_is_copied(
    workspace: Workspace, relabelled: Relabel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(("ham", "spam")[number % 2], text) for number, (_, text) in enumerate(ROWS)]
    workspace.settings()
    workspace.corpus("".join(f"{label}\t{text}\n" for label, text in rows))
    workspace.run(clean.main)
    write_text(paths.VECTORS / "classes.tsv", "ham\t32\nspam\t32\n")
    fill_in({5: "ham"})
    adopted(relabelled(), workspace, monkeypatch)
    assert read_messages(paths.MESSAGES) == mended(rows, {5: "ham"})
    assert (workspace.root / "sms-spam-relabelled.csv").is_file()


# Refusals


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            b"praise,a caf",
            b"complaint,a caf",
            r"expected 'praise: a caf.*' at line 5 of a.csv, found 'complaint: a caf",
        ),
        (b"charged \xc2\xa35", b"cost \xc2\xa35", "at line 5 of a.csv, found 'praise: a café cost £5"),
        (b"category,message\r\n", b"category,message\r\nx,y\r\n", "at line 2 of a.csv, found 'x: y'"),
        (b"praise,a caf", b",a caf", "at line 5 of a.csv, found 'the label is empty'"),
    ],
)
def test_a_file_that_has_changed_since_is_refused_before_anything_is_written(
    workspace: Workspace, relabelled: Relabel, old: bytes, new: bytes, said: str
) -> None:
    (workspace.root / "a.csv").write_bytes(content := separated(ROWS, "utf-8"))
    prepare(workspace, "a.csv")
    fill_in({0: "praise", 3: "other"})
    (workspace.root / "a.csv").write_bytes(content := content.replace(old, new, 1))
    found = relabelled()
    assert re.search(said, found.replace('"', "'")), found
    assert "the file has changed since; run `dvc repro`" in found
    assert (workspace.root / "a.csv").read_bytes() == content


@pytest.mark.parametrize(
    ("encoding", "label", "said"),
    [
        ("cp1252", "жалоба", "a.csv: cp1252 has no 'жалоба': save the file as UTF-8"),
        ("utf-8", "NaN", "label_errors.csv, line 2: expected a label and the number of a line, found 'NaN', '2'"),
        ("utf-8", "x" * 201, "label_errors.csv, line 2: expected a label"),
        ("utf-8", "", "expected new labels in the column new_label, found none: fill it in"),
    ],
)
def test_a_label_that_cannot_be_is_refused(
    workspace: Workspace, relabelled: Relabel, encoding: str, label: str, said: str
) -> None:
    (workspace.root / "a.csv").write_bytes(content := separated(ROWS, encoding, delimiter=";"))
    prepare(workspace, "a.csv")
    fill_in({0: label})
    assert said in relabelled()
    assert (workspace.root / "a.csv").read_bytes() == content


def test_a_list_that_is_missing_or_of_another_corpus_and_a_protected_file_are_refused(
    workspace: Workspace, relabelled: Relabel
) -> None:
    (workspace.root / "a.csv").write_bytes(content := separated(ROWS, "utf-8"))
    prepare(workspace, "a.csv")
    assert "data/scored/label_errors.csv, found none: run `dvc repro`, which makes it" in relabelled()
    fill_in({0: "praise"})
    write_text(workspace.root / "other.csv", paths.LABEL_ERRORS.read_text("utf-8").replace("a.csv", "b.csv"))
    assert "other.csv, line 2: expected a file 'b.csv' in download.source" in relabelled("other.csv")
    assert "expected the columns of label_errors.csv, found none called 'file'" in relabelled("a.csv")
    (workspace.root / "a.csv").chmod(0o444)
    assert "a.csv is write-protected" in relabelled()
    assert (workspace.root / "a.csv").read_bytes() == content


def test_a_fasttext_label_with_a_blank_is_refused_since_it_would_be_read_otherwise(
    workspace: Workspace, relabelled: Relabel
) -> None:
    name, save, columns = WAYS["fastText"]
    (workspace.root / name).write_bytes(save(ROWS))
    prepare(workspace, name, columns)
    fill_in({0: "on hold"})
    assert "line 1: with the new labels the file would be read otherwise" in relabelled()
    assert (workspace.root / name).read_bytes() == save(ROWS)


# label_errors.csv as it comes back from a spreadsheet


def resaved(encoding: str, errors: str = "strict", **dialect: Any) -> bytes:
    """Return label_errors.csv as a spreadsheet saves it."""
    csv.writer(text := io.StringIO(newline=""), **dialect).writerows(read_table(paths.LABEL_ERRORS))
    return text.getvalue().encode(encoding, errors)


SHEETS: dict[str, Callable[[], bytes]] = {
    "cp1252 and semicolons": lambda: resaved("cp1252", "replace", delimiter=";"),
    "a mark and semicolons": lambda: resaved("utf-8-sig", delimiter=";"),
    "UTF-16 with tabs": lambda: resaved("utf-16", delimiter="\t"),
    "all quoted": lambda: resaved("utf-8", quoting=csv.QUOTE_ALL),
    "xlsx": lambda: workbook([tuple(row) for row in read_table(paths.LABEL_ERRORS)]),
}


@pytest.mark.parametrize("sheet", SHEETS)
def test_the_list_may_come_back_in_another_encoding_and_dialect(
    sheet: str, workspace: Workspace, relabelled: Relabel
) -> None:
    rows: Rows = [
        ("жалоба", "=1+1 \U0001f600 чай"),
        ("lob", "Größe; - \u20ac 5"),
        ("lob", "@home\tagain"),
        ("жалоба", "и"),
    ]
    (workspace.root / "a.csv").write_bytes(separated(rows, "utf-8"))
    prepare(workspace, "a.csv")
    fill_in(changes := {0: "lob", 1: "жалоба", 2: "жалоба"})
    (workspace.root / "mine").write_bytes(SHEETS[sheet]())
    relabelled("mine")
    assert (workspace.root / "a.csv").read_bytes() == separated(mended(rows, changes), "utf-8")


# The whole round


def test_planted_label_errors_are_listed_filled_in_and_mended(
    trained_model: Path, workspace: Workspace, relabelled: Relabel
) -> None:
    copied(workspace, trained_model.parent)
    rows = [(label, text) for label, text in read_messages(paths.MESSAGES)]
    save = WAYS["cp1252 and semicolons"][1]
    (workspace.root / "support.csv").write_bytes(save(rows))
    prepare(workspace, "support.csv", clean__duplicates="keep", evaluate__bootstrap_samples=200)
    workspace.run(evaluate.main)
    header, *lines = read_table(paths.LABEL_ERRORS)
    found = [dict(zip(header, line, strict=True)) for line in lines]
    assert len(found) > 10
    for one in found:
        assert (one["file"], int(one["line"])) == ("support.csv", int(one["row"]) + 2)
        assert rows[int(one["row"])][1].startswith(tuple(BEGINNINGS[TWO.index(one["likelier"])])), "planted"
        one["new_label"] = one["likelier"]
    found[-1]["new_label"] = ""
    right = {int(one["row"]): one["likelier"] for one in found[:-1]}
    csv.writer(text := io.StringIO(), delimiter=";").writerows([header, *(row.values() for row in found)])
    paths.LABEL_ERRORS.write_bytes(text.getvalue().encode("cp1252"))
    assert relabelled().startswith(f"{len(right)} new labels: line ")
    assert (workspace.root / "support.csv").read_bytes() == save(mended(rows, right))
    for stage in (download, clean):
        workspace.run(stage.main)
    assert read_messages(paths.MESSAGES) == mended(rows, right)
