"""tools.adopt: what it proposes for files as people have them, and what it says of what is wrong with them."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fuzz.targets import parquet, workbook
from tests.repository import Repository, stages_run
from tests.workspace import Workspace
from textrnn.core import files, paths
from textrnn.core.errors import run
from tools import adopt, adopt_params

TEXTS = [
    f"{what} {how}, {when}"
    for what in ("Der Käse", "my lamp", "the old tea")
    for how in ("broke", "smells nice", "came late", "is what I like")
    for when in ("on Monday", "again", "as always", "and nobody answers")
]
ROWS = [("praise" if number % 3 else "complaint", text) for number, text in enumerate(TEXTS)]
NAMED = {"clean.label_column": "category", "clean.text_column": "message", "evaluate.positive_label": "complaint"}


def lines(*rows: tuple[str, ...], separator: str = ",") -> str:
    """Return rows of CSV, of which a field is quoted if it holds a comma."""
    return "".join(
        separator.join(f'"{one}"' if "," in one and separator == "," else one for one in row) + "\n" for row in rows
    )


PLAIN = lines(("category", "message"), *ROWS)
FILES: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "excel.csv": (lines(("category", "message"), *ROWS, separator=";").replace("\n", "\r\n").encode("cp1252"), NAMED),
    "kaggle.csv": (
        lines(("v1", "v2", "", "", ""), *((*row, "", "", "") for row in ROWS)).encode("cp1252"),
        NAMED | {"clean.label_column": "v1", "clean.text_column": "v2"},
    ),
    "index.csv": (
        lines(("", "category", "message"), *((str(number), *row) for number, row in enumerate(ROWS))), NAMED
    ),
    "twice.csv": (
        lines(("label", "text", "text"), *((*row, "x") for row in ROWS)),
        {"clean.label_column": "label", "clean.header": True},  # and 1, as before
    ),
    "no header.tsv": (
        lines(*(row[::-1] for row in ROWS), separator="\t"), {"clean.label_column": 1, "clean.text_column": 0}
    ),
    "lines.jsonl": (
        "".join(json.dumps({"stars": 4.5, "message": text, "category": label}) + "\n" for label, text in ROWS), NAMED
    ),
    "fast.txt": (
        "".join(f"__label__{label} {text}\n" for label, text in ROWS),
        {"clean.label_column": "label", "clean.text_column": "text"},
    ),
    "table.parquet": (parquet({"category": [row[0] for row in ROWS], "message": TEXTS}), NAMED),
    "book.xlsx": (workbook([("category", "message"), *ROWS]), NAMED),
    "numbers.csv": (
        lines(("id", "target", "body"), *((f"{n}", f"{n % 3 // 2}", text) for n, text in enumerate(TEXTS))),
        {"clean.label_column": "target", "clean.text_column": "body", "evaluate.positive_label": "1"},
    ),
    "parts.json": (
        json.dumps({"train": [row[::-1] for row in ROWS[:36]], "test": [row[::-1] for row in ROWS[36:]]}),
        {"clean.label_column": "1", "clean.text_column": "0", "split.column": "part"},
    ),
}  # fmt: skip
BROKEN = {
    "missing.csv": (None, "found no file at"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(100), "found a picture"),
    "empty.csv": (b"", "found an empty file"),
    "one.csv": (PLAIN.replace("praise", "complaint"), "found 'complaint' in every row"),
    "texts.csv": (lines(("a", "b"), *zip(TEXTS, TEXTS[::-1], strict=True)), "name them by --label"),
    "column.csv": ("message\n" + "\n".join(TEXTS[:9]), "expected"),
    "gaps.csv": (lines(("category", "message"), *ROWS, *[("", "tea")] * 30), "30 because the label is empty"),
}

Adopt = Callable[..., str]


@pytest.fixture
def adopted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Adopt:
    """Return a function that writes a file, adopts it, and returns what is printed or, if it fails, the error."""
    for path in (paths.PARAMS, paths.PIPELINE):
        shutil.copyfile(Workspace.ORIGINAL / path.name, path)

    def typed(name: str, content: str | bytes | None = None, options: str = "") -> str:
        if content is not None:
            (workspace.root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setattr("sys.argv", ["adopt", name, *shlex.split(options)])
        code = run(adopt.main)
        printed = capsys.readouterr()
        assert (code, printed.err.count("\n")) in ((0, 0), (1, 1)), printed.err
        return printed.err or printed.out

    return typed


def changed() -> dict[str, Any]:
    """Return the settings of params.yaml that are not as committed."""
    found = {}
    for name, section in adopt_params.sections(paths.PARAMS.read_text("utf-8")).items():
        for key, value in section.items():
            if value != Workspace.SECTIONS[name][key]:
                found[f"{name}.{key}"] = value
    return found


# What it proposes


@pytest.mark.parametrize("name", FILES)
def test_the_columns_of_a_file_are_found_whatever_it_looks_like(name: str, adopted: Adopt) -> None:
    content, wanted = FILES[name]
    said = adopted(name, content)
    found = changed()
    assert found.pop("download.source") == name
    if "evaluate.positive_label" not in wanted:
        assert found.pop("evaluate.positive_label") == "complaint"
    assert found == wanted
    assert "48 rows: 48 kept, 0 duplicates, 0 rejected" in said
    assert "Latin letters; " in said
    assert f'      - "{name}"  # watched' in paths.PIPELINE.read_text("utf-8")
    assert said.endswith("Now run: dvc repro\n")


def test_a_line_of_params_changes_for_each_setting_and_the_committed_files_come_back(adopted: Adopt) -> None:
    before = [path.read_bytes() for path in (paths.PARAMS, paths.PIPELINE)]
    adopted("cased.csv", PLAIN.replace("praise", "Praise", 3))
    old, new = (text.decode().splitlines() for text in (before[0], paths.PARAMS.read_bytes()))
    different = [(one, two) for one, two in zip(old, new, strict=True) if one != two]
    assert len(different) == 5
    assert all(one.partition(" # ")[2] == two.partition(" # ")[2] for one, two in different), "comments stay"
    adopted("sms-spam")
    assert [path.read_bytes() for path in (paths.PARAMS, paths.PIPELINE)] == before


def test_the_user_settles_what_is_in_doubt(adopted: Adopt) -> None:
    rows = [(label, ("shop", "web")[len(text) % 2], text) for label, text in ROWS]
    said = adopted("two.csv", lines(("mood", "where from", "words"), *rows))
    assert "--label 'where from'" in said
    adopted("two.csv", None, "--label 'where from' --text words --positive WEB")
    assert [changed()[key] for key in ("clean.label_column", "evaluate.positive_label")] == ["where from", "web"]
    assert "--positive 'complaint'" not in adopted("two.csv", None, "--label 0 --text 2")
    assert changed()["clean.label_column"] == "mood"
    assert "expected a position from 0 to 2 for --text" in adopted("two.csv", None, "--text 7")
    assert "--label: expected one column 'topic'" in adopted("two.csv", None, "--label topic")


def test_parts_groups_times_and_a_test_file_are_taken_or_mentioned(adopted: Adopt) -> None:
    rows = [(*row, ("train", "dev", "test")[place % 5 // 2], f"2026-01-{1 + place % 9:02}", f"user {place % 7}")
            for place, row in enumerate(ROWS)]  # fmt: skip
    content = lines(("category", "message", "fold", "date", "author"), *rows)
    said = adopted("parts.csv", content)
    assert changed()["split.column"] == "fold"
    assert "  --time date tests" in said
    assert "  --group author keeps" in said
    adopted("parts.csv", None, "--group author")
    assert changed()["split.group_column"] == "author"
    (paths.ROOT / "exam.csv").write_text(lines(("category", "message"), ("praise", "tea"), ("complaint", "no tea")))
    said = adopted("plain.csv", PLAIN, "--test exam.csv")
    assert changed()["split.test_source"] == "exam.csv"
    assert "50 rows: " in said
    assert ", 2 test" in said


# What it says of the labels and rows


def test_labels_and_rows_that_are_doubtful_are_counted_and_mended_or_named(adopted: Adopt) -> None:
    said = adopted("cased.csv", PLAIN.replace("praise", "Praise", 3).replace("complaint", " complaint ", 2))
    assert "differ in capitals alone are joined: 'praise', 'Praise'" in said.replace(
        "'Praise', 'praise'", "'praise', 'Praise'"
    )
    assert changed()["clean.labels"] == {"fold_case": True, "map": {}}
    said = adopted("gaps.csv", PLAIN + "NaN,tea\n,soup\npraise,\n" + 'praise,"Der Käse broke, on Monday"\n')
    assert changed()["clean.max_rejected_share"] == 0.06
    assert "52 rows: 48 kept, 1 duplicates, 3 rejected" in said
    assert "rejected: 1, the first is gaps.csv, line 50: the label is missing" in said
    assert "1 duplicates have another label, such as praise (gaps.csv, line 53) after complaint (line 2)" in said
    said = adopted("several.csv", PLAIN.replace("praise", "praise|late", 9))
    assert "messages with several labels: 9" in said
    assert changed()["evaluate.positive_label"] is None
    assert "fewer than 20 rows: 'praise|late', 'complaint'" in said


def test_a_label_with_too_few_rows_is_named_with_the_cure_and_its_map_is_kept(adopted: Adopt) -> None:
    said = adopted("rare.csv", PLAIN + "question,is there tea\n")
    assert "will stop at the split: " in said
    assert "'question' (1 row" in said
    assert said.endswith("Mend the rare labels, then run: dvc repro\n")
    text = paths.PARAMS.read_text("utf-8")
    paths.PARAMS.write_text(adopt_params.edited(text, {"clean.labels.map": {"question": "complaint"}}), "utf-8")
    assert adopted("rare.csv").endswith("Now run: dvc repro\n")
    adopted("other.csv", PLAIN)
    assert changed().keys() == NAMED.keys() | {"download.source"}


def test_a_label_with_three_rows_or_one_template_gets_settings_that_run(adopted: Adopt) -> None:
    more = "".join(f"question,{text}\n" for text in ("is there tea", "who sells lamps here", "what does it cost"))
    assert "one network, no ensemble" in adopted("rare.csv", PLAIN + more)
    assert (changed()["train.ensemble"], changed()["train.linear"]) == (1, False)
    more = "".join(f"order,I order {number} lamps\n" for number in range(10, 40))
    assert "near-duplicates may be on two sides" in adopted("template.csv", PLAIN + more)
    assert changed()["split.keep_together"] == "duplicates"


def test_scripts_and_long_texts_are_told(adopted: Adopt) -> None:
    rows = [(label, f"{text} где мой чай " * (90 if place % 2 else 1)) for place, (label, text) in enumerate(ROWS)]
    said = adopted("long.csv", lines(("category", "message"), *rows))
    assert "texts: Cyrillic and Latin letters" in said.replace("Latin and Cyrillic", "Cyrillic and Latin")
    assert "50% are longer than the 300 tokens" in said


# What it refuses


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_one_line_and_nothing_is_written(
    name: str, adopted: Adopt, workspace: Workspace
) -> None:
    content, words = BROKEN[name]
    files = [paths.PARAMS.read_bytes(), paths.PIPELINE.read_bytes()]
    assert words in adopted(name, content)
    assert [paths.PARAMS.read_bytes(), paths.PIPELINE.read_bytes()] == files
    assert workspace.files() <= {"params.yaml", "dvc.yaml", name}


def test_both_files_are_written_or_neither(adopted: Adopt, monkeypatch: pytest.MonkeyPatch) -> None:
    before = paths.PIPELINE.read_bytes()
    write = files.write_text

    def full(path: Path, text: str) -> None:
        if path == paths.PARAMS:
            raise OSError(28, "No space left on device", "params.yaml")
        write(path, text)

    monkeypatch.setattr(adopt_params, "write_text", full)
    assert adopted("plain.csv", PLAIN) == "error: No space left on device: params.yaml\n"
    assert paths.PIPELINE.read_bytes() == before


# The pipeline


def test_dvc_splits_an_adopted_file_and_watches_it(tmp_path: Path) -> None:
    made = Repository.tiny(tmp_path / "textrnn")
    file = made.folder / "my words.csv"
    file.write_bytes(PLAIN.replace("\n", "\r\n").encode())
    said = made.run("python", "-m", "tools.adopt", str(file))
    assert "keep it in corpus/, which Git ignores" in said
    assert "`my words.csv -text`" in said
    assert stages_run(made.dvc("repro", "split")) == ["download", "clean", "vectorize", "split"]
    metrics = json.loads((made.folder / "metrics/clean.json").read_text("utf-8"))
    assert (metrics["rows"], metrics["kept"]) == (48, 48)
    file.write_bytes(file.read_bytes() + b"praise,a last row\r\n")
    assert stages_run(made.dvc("repro", "clean")) == ["download", "clean"]


def test_a_corpus_that_git_ignores_is_watched_by_dvc_and_reaches_a_queued_experiment(tmp_path: Path) -> None:
    made = Repository.tiny(tmp_path / "textrnn")
    (made.folder / "corpus/mine.csv").write_text(PLAIN, "utf-8")
    said = made.run("python", "-m", "tools.adopt", "corpus/mine.csv")
    (command,) = re.findall(r"dvc (exp run --queue --copy-paths corpus/mine.csv)", said)
    made.git("add", "--all")
    assert "corpus/mine.csv" not in made.git("ls-files")
    made.commit("my corpus")
    made.dvc(*command.replace("--queue", "--temp").split(), "-S", "clean.lowercase=true", "clean")
    assert stages_run(made.dvc("repro", "clean")) == ["clean"]  # the experiment's download is in DVC's run cache
    (made.folder / "corpus/mine.csv").write_text(f"{PLAIN}praise,a last row\n", "utf-8")
    assert stages_run(made.dvc("repro", "clean")) == ["download", "clean"]
