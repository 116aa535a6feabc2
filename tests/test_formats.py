"""One corpus saved in many ways: the stages write the same bytes, and predict.py reads the same texts."""

import csv
import gzip
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fuzz.targets import parquet, workbook
from stages import clean, download, split, vectorize
from tests.workspace import Workspace
from textrnn.artifacts import origins
from textrnn.cli import files, reader
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import read_table
from textrnn.corpus.formats import json_rows
from textrnn.corpus.rows import Columns
from textrnn.corpus.sources import short_names

Rows = list[tuple[str, str]]

HEADER = ("category", "message")
WORDS = (
    "the parcel, they said, arrived; nobody answered", 'she said "great" and left', "it's the driver's fault | again",
    "a café charged £5 twice", "'quoted' at both 'ends'", "Größe stimmt nicht", "back\\slash and 100 %", "yes",
)  # fmt: skip
ROWS: Rows = [
    (("complaint", "praise")[number % 2], f"{WORDS[number % len(WORDS)]} {'abcdefghijklm'[number % 13]}{number}")
    for number in range(64)
]


def separated(rows: Rows, encoding: str, begin: str = "", header: bool = True, **dialect: Any) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, **dialect).writerows([HEADER, *rows] if header else rows)
    return (begin + file.getvalue()).encode(encoding)


def zipped(content: bytes) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("__MACOSX/._feedback.csv", b"\0\5\26\7")
        archive.writestr("feedback.csv", content)
    return file.getvalue()


def objects(rows: Rows) -> list[dict[str, str]]:
    return [dict(zip(HEADER, row, strict=True)) for row in rows]


def lines(form: str, header: bool = False) -> Callable[[Rows], bytes]:
    """Return a function of rows that writes a line for each, as `form` says."""
    return lambda rows: "".join(form.format(*row) + "\n" for row in [HEADER, *rows][not header :]).encode()


def fields(encoding: str, begin: str = "", header: bool = True, **dialect: Any) -> Callable[[Rows], bytes]:
    return lambda rows: separated(rows, encoding, begin, header, **dialect)


def table(rows: Rows) -> bytes:
    labels, texts = zip(*rows, strict=True)
    return parquet({"id": list(range(len(rows))), HEADER[0]: list(labels), HEADER[1]: list(texts)})


PLAIN = fields("utf-8")
QUOTED = fields("utf-8", quoting=csv.QUOTE_ALL)
WAYS: dict[str, tuple[str, Callable[[Rows], bytes], tuple[int | str, int | str]]] = {
    "plain": ("a.csv", PLAIN, HEADER),
    "a mark and semicolons": ("a.csv", fields("utf-8-sig", delimiter=";"), HEADER),
    "cp1252 and semicolons": ("a.csv", fields("cp1252", delimiter=";"), HEADER),
    "UTF-16 with tabs": ("a.csv", fields("utf-16", delimiter="\t"), HEADER),
    "UTF-16 without a mark": ("a.csv", fields("utf-16-be"), HEADER),
    "sep=": ("a.csv", fields("utf-8", "sep=;\r\n", delimiter=";"), HEADER),
    "pipes": ("a.csv", fields("utf-8", delimiter="|"), HEADER),
    "a blank after each comma": ("a.csv", lambda rows: QUOTED(rows).replace(b'","', b'", "'), HEADER),
    "single quotes": ("a.csv", fields("utf-8", delimiter=";", quotechar="'"), HEADER),
    "backslashes": ("a.csv", fields("utf-8", doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL), HEADER),
    "tabs": ("a.tsv", lines("{}\t{}", header=True), HEADER),
    "tabs and quotes": ("a.tsv", fields("utf-8", delimiter="\t"), HEADER),
    "tabs, the text first": ("a.tsv", lines("{1}\t{0}"), (1, 0)),
    "no header": ("a.csv", fields("utf-8", header=False), (0, 1)),
    "other capitals": ("a.csv", lambda rows: PLAIN(rows).replace(b"category,message", b"Category ,MESSAGE", 1), HEADER),
    "JSON lines": ("a.jsonl", lambda rows: "".join(json.dumps(row) + "\n" for row in objects(rows)).encode(), HEADER),
    "a JSON list": ("a.json", lambda rows: json.dumps(objects(rows), indent=1).encode(), HEADER),
    "fastText": ("a.txt", lines("__label__{} {}"), ("label", "text")),
    "Parquet": ("a.parquet", table, HEADER),
    "xlsx": ("a.xlsx", lambda rows: workbook([HEADER, *rows]), HEADER),
    "gzip": ("a.csv.gz", lambda rows: gzip.compress(PLAIN(rows)), HEADER),
    "zip": ("a.zip", lambda rows: zipped(PLAIN(rows)), HEADER),
}
WITHOUT_HEADER = ("tabs, the text first", "no header", "JSON lines", "a JSON list", "fastText", "Parquet")
OUTPUTS = ("data/clean/messages.tsv", "data/vectors", "data/split")


def written(workspace: Workspace) -> dict[str, bytes]:
    return {path: (workspace.root / path).read_bytes() for path in workspace.files() if path.startswith(OUTPUTS)}


@pytest.fixture(scope="module")
def expected() -> dict[str, bytes]:
    return {}


@pytest.mark.parametrize("way", WAYS)
def test_a_corpus_gives_the_same_labels_texts_and_split_however_it_was_saved(
    way: str, workspace: Workspace, expected: dict[str, bytes]
) -> None:
    name, save, (label, text) = WAYS[way]
    (workspace.root / name).write_bytes(save(ROWS))
    workspace.settings(
        download__source=name, clean__label_column=label, clean__text_column=text, evaluate__positive_label="complaint"
    )
    for stage in (download, clean, vectorize, split):
        workspace.run(stage.main)
    messages = (workspace.root / OUTPUTS[0]).read_text("utf-8").splitlines()
    assert messages == [f"{label}\t{text}" for label, text in ROWS]
    expected.update(expected or written(workspace))
    assert written(workspace) == expected
    files, found = origins.read(paths.ORIGINS).of(np.arange(len(ROWS)))
    assert set(files) == {"feedback.csv" if way == "zip" else name}
    first = 3 if way == "sep=" else 1 if way in WITHOUT_HEADER else 2
    assert found == list(range(first, first + len(ROWS))), "as a person counts them"


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("fastText", "zip")])
def test_predict_reads_the_texts_that_training_reads(way: str, tmp_path: Path) -> None:
    name, save, (_, column) = WAYS[way]
    path = tmp_path / name
    path.write_bytes(save(ROWS))
    kind = reader.kind_of(name)
    raw, source = files.opened(reader.Source(str(path), kind, str(column)))
    with raw:
        found = [text for texts in reader.messages(raw, source, 1 << 17) for text in texts or ()]
    assert [text for text in found if text != HEADER[1]] == [text for _, text in ROWS]
    kept = len(ROWS)
    path.write_bytes(gzip.compress(save(ROWS))[:-9])
    with pytest.raises(UserError, match="expected a whole compressed file, found a damaged one"):
        files.opened(reader.Source(str(path), kind, str(column)))
    assert kept == len(found) - (HEADER[1] in found)


def test_a_zip_of_several_files_is_read_as_one_corpus_and_a_reason_names_the_file(workspace: Workspace) -> None:
    with zipfile.ZipFile(workspace.root / "a.zip", "w") as archive:
        archive.writestr("1.csv", separated(ROWS[:30], "utf-8"))
        archive.writestr("2.jsonl", "".join(json.dumps(row) + "\n" for row in objects(ROWS[30:])))
    changes = {"clean__label_column": HEADER[0], "clean__text_column": HEADER[1], "evaluate__positive_label": None}
    workspace.settings(download__source="a.zip", **changes)
    workspace.run(download.main)
    workspace.run(clean.main)
    assert len(paths.MESSAGES.read_text("utf-8").splitlines()) == len(ROWS)
    with zipfile.ZipFile(workspace.root / "a.zip", "a") as archive:
        archive.writestr("readme.txt", "about these files\n")
    workspace.run(download.main)
    assert "a.zip: readme.txt: expected labels and texts" in workspace.failure(clean.main)


def test_of_several_files_and_a_second_corpus_each_message_is_traced_to_its_file_and_line(workspace: Workspace) -> None:
    for folder, some in (("train/a", ROWS[:20]), ("train/b", ROWS[20:30]), ("test", ROWS[30:] + ROWS[:3])):
        (workspace.root / folder).mkdir(parents=True)
        (workspace.root / folder / "data.csv").write_bytes(separated(some, "utf-8", quoting=csv.QUOTE_ALL))
    broken = workspace.root / "train/b/data.csv"
    broken.write_bytes(broken.read_bytes() + b'"complaint",""\r\n')
    changes: dict[str, Any] = {"clean__label_column": HEADER[0], "clean__text_column": HEADER[1]}
    changes |= {"evaluate__positive_label": None}
    changes |= {"clean__max_rejected_share": 0.1, "download__source": "train"}
    workspace.settings(split__test_source="test/data.csv", **changes)
    workspace.run(download.main)
    workspace.run(clean.main)
    found = origins.read(paths.ORIGINS)
    assert found.files == ["a/data.csv", "b/data.csv", "data.csv"]
    files, places = found.of(np.arange(len(ROWS) + 3))
    assert Counter(files) == {"a/data.csv": 20, "b/data.csv": 10, "data.csv": len(ROWS) - 27}
    assert places == [*range(2, 22), *range(2, 12), *range(2, 2 + len(ROWS) - 27)]
    assert read_table(paths.REJECTED)[1:] == [["b/data.csv", "12", "the text is empty"]]


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["sms-spam"], ["sms-spam"]),
        (["/home/anna/mine.csv", "exam.csv"], ["mine.csv", "exam.csv"]),
        (["/home/anna/train/mine.csv", "/home/anna/test/mine.csv"], ["train/mine.csv", "test/mine.csv"]),
        (["mine.csv", "mine.csv"], ["mine.csv", "mine.csv"]),
        (["mail/", "https://anna:word@corpus.example/mine.csv?key=1#part"], ["mail", "mine.csv"]),
        (
            ["s3://bucket/a/mine.csv", "zip://mine.csv::https://anna:word@corpus.example/a.zip"],
            ["a/mine.csv", "mine.csv"],
        ),
    ],
)
def test_a_source_has_a_name_without_folders_passwords_and_keys(sources: list[str], names: list[str]) -> None:
    assert short_names(sources) == names


def test_a_line_that_only_pythons_json_takes_is_read_and_half_a_pair_of_surrogates_is_rejected() -> None:
    lines = b'{"category": "a", "message": "one", "score": NaN}\n\n{"category": "a", "message": "\\ud83d"}\n{"category"'
    rows = list(json_rows(lines, Columns(0, 1), 5, HEADER))

    assert [(row.line, row.text) for row in rows] == [(5, "one"), (7, ""), (8, "")]
    assert "UTF-8" in rows[1].reason
    assert "expected JSON" in rows[2].reason
