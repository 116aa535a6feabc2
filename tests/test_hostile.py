"""A hundred damaged and hostile files, through adopt, download and clean: one line or a result, and nothing torn."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Iterator

import pytest

from fuzz.targets import parquet, workbook
from stages import clean, download
from tests.workspace import Workspace
from textrnn.core import paths
from textrnn.corpus import readers
from tools import adopt

ROWS = [(("ham", "spam")[number % 2], f'message {number}, "quoted"; café') for number in range(60)]
CSV = b"label,text\n" + "".join(f'{label},"{text.replace(chr(34), chr(34) * 2)}"\n' for label, text in ROWS).encode()
JSONL = "".join(json.dumps({"label": label, "text": text}) + "\n" for label, text in ROWS).encode()
PARQUET = parquet({"label": [row[0] for row in ROWS], "text": [row[1] for row in ROWS]})
XLSX = workbook([("label", "text"), *ROWS])


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def tarred(content: bytes) -> bytes:
    with tarfile.open(fileobj=(file := io.BytesIO()), mode="w") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def damaged() -> Iterator[tuple[str, bytes]]:
    """Yield whole files of every format cut short, with a byte changed, and with another in front or behind."""
    whole = {
        "csv.gz": gzip.compress(CSV), "csv.bz2": bz2.compress(CSV), "csv.xz": lzma.compress(CSV), "parquet": PARQUET,
        "xlsx": XLSX, "zip": zipped(("a.csv", CSV)), "jsonl": JSONL, "json": json.dumps(ROWS).encode(),
        "utf16.csv": CSV.decode().encode("utf-16"),
    }  # fmt: skip
    for name, content in whole.items():
        for share in (0.1, 0.5, 0.9):
            yield f"cut at {share} of {name}", content[: int(share * len(content))]
        for place in (9, len(content) // 2, len(content) - 5):
            yield f"byte {place} changed in a {name}", flipped(content, place)
        yield f"zeros after a {name}", content + bytes(50)


HOSTILE: dict[str, bytes] = {
    **dict(damaged()),
    "empty": b"",
    "blank": b"\n \n\t\n",
    "a mark alone": b"\xef\xbb\xbf",
    "a mark of UTF-16 alone": b"\xff\xfe",
    "an odd byte of UTF-16": "label,text\n".encode("utf-16") + b"a",
    "half a pair of UTF-16": "label,text\n".encode("utf-16") + b"\x00\xd8\x0a\x00",
    "zeros": bytes(10_000),
    "every byte": bytes(range(256)) * 40,
    "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(100),
    "a tiny PDF": b"%PDF-1.7",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a photo": b"\xff\xd8\xff\xe0" + bytes(100),
    "a program": b"\x7fELF\x02\x01" + bytes(100),
    "a database": b"SQLite format 3\0" + bytes(100),
    "an HTML page": b"<!DOCTYPE html><html><body>log in</body></html>",
    "a pointer of LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "RTF": b"{\\rtf1\\ansi ham}",
    "a tar": tarred(CSV),
    "a packed tar": gzip.compress(tarred(CSV)),
    "an old workbook without content": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "a workbook without a sheet": zipped(("xl/workbook.xml", b"<workbook/>")),
    "a workbook without rows": workbook([]),
    "a workbook of one column": workbook([("ham",)] * 9),
    "a zip of nothing": zipped(),
    "a zip of a picture": zipped(("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50))),
    "a zip of two kinds": zipped(("a.csv", CSV), ("readme.txt", b"about\n")),
    "a zip that climbs": zipped(("../../a.csv", b"ham")),
    "a zip packed by bzip2": zipped(("a.csv", CSV), method=zipfile.ZIP_BZIP2),
    "a zip in a zip": zipped(("a.zip", zipped(("a.csv", CSV)))),
    "Parquet without rows": parquet({"label": [], "text": []}),
    "Parquet of one column": parquet({"text": ["hi"] * 9}),
    "Parquet of lists": parquet({"label": [["a"]] * 9, "text": [[1]] * 9}),
    "the first bytes of Parquet": b"PAR1",
    "one column": b"ham\nspam\n" * 20,
    "one row": b"label,text\nham,hi\n",
    "a header alone": b"label,text\n",
    "one label": b"label,text\n" + b"".join(b"ham,hi %d\n" % number for number in range(60)),
    "a label a row": b"label,text\n" + b"".join(b"l%d,hi %d\n" % (number, number) for number in range(60)),
    "an open quote": CSV + b'ham,"never closed\n',
    "a quote amid a field": CSV + b'ham,"a"b"c"\n' * 9,
    "rows of many lengths": b"".join(b"a" + b"," * (number % 7) + b"b\n" for number in range(60)),
    "commas alone": b",,,\n" * 50,
    "one long line": b"x" * 2_000_000,
    "a long field": b"label,text\nham," + b"y" * 2_000_000 + b"\n",
    "sixteen thousand columns": b"\t".join([b"c"] * 16_500) + b"\n",
    "JSON that opens without end": b"[" * 100_000,
    "objects in objects": b'{"a":' * 50_000,
    "a number": b"12345\n",
    "a string of JSON": b'"ham"\n' * 9,
    "a huge number": b'[{"label": 1e999, "text": ' + b"9" * 5_000 + b"}]",
    "JSON of null": b'{"label": null, "text": null}\n' * 60,
    "half a pair in JSON": b'{"label": "ham", "text": "\\ud83d"}\n' * 60,
    "objects without keys": b"{}\n" * 60,
    "lists of nothing": b"[]\n" * 60,
    "a list of one object": b'[{"label": "ham", "text": "hi"}]',
    "labels that steer a terminal": b"label,text\n" + b"\x1b[2J,hi\nham,ho\n" * 30,
    "fastText without texts": b"__label__ham\n" * 60,
    "escapes at the end": b'label,text\nham,"a\\',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_one_line_or_is_read_and_nothing_is_torn(
    name: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.settings(download__source="mine", evaluate__positive_label=None)
    monkeypatch.setattr(readers, "MOST_BYTES", 10_000_000)
    (workspace.root / "mine").write_bytes(HOSTILE[name])
    before = paths.PARAMS.read_bytes()
    monkeypatch.setattr("sys.argv", ["adopt", "mine"])
    monkeypatch.chdir(workspace.root)
    code, said = workspace.ran(adopt.main)
    if code:
        assert said.splitlines()[-1].startswith("error: ")
        assert len(said.splitlines()[-1]) < 1_000
        assert paths.PARAMS.read_bytes() == before
    paths.PARAMS.write_bytes(before)
    for stage in (download, clean):
        code, said = workspace.ran(stage.main)
        if code:
            assert said.splitlines()[-1].startswith("error: ")
            assert all(line.startswith(("note: ", "error: ")) for line in said.splitlines())
            assert max(map(len, said.splitlines())) < 1_000
            assert said.isprintable() or set(said) - set("\n") == {letter for letter in said if letter.isprintable()}
            break
    assert paths.MESSAGES.exists() == (code == 0)
    assert not [path for path in workspace.files() if path.endswith(".tmp")]


def test_there_are_a_hundred() -> None:
    assert len(HOSTILE) >= 100
