"""bench.reproduce: it finds differences, and fails rows that it cannot compare."""

import shutil
from pathlib import Path

import pytest

from bench.circumstances import CIRCUMSTANCES, Circumstance
from bench.outputs import differing, of_files, of_lock
from bench.place import Place
from bench.reproduce import NAMES, Origin, Outcome, report, reproduce
from tests.repository import ROOT, STAGES, Repository
from tools import hashes
from tools.markdown import written

LOCK = b"""\
schema: '2.0'
stages:
  first:
    cmd: python -m stages.first
    outs:
    - path: data/a
      hash: md5
      md5: 60b725f10c9c85c70d97880dfe8191b3
    - path: data/folder
      hash: md5
      md5: d1b8427a82f1d7cf0e631f7aebf7ee01.dir
  second:
    cmd: python -m stages.second
    outs:
    - path: data/b
      hash: md5
      md5: 3b5d5c3712955042212316173ccf37be
"""
FILES = {"data/a": "a\n", "data/b": "b\n", "data/folder/z": "a\n", "data/folder/a/b": "b\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the outputs that LOCK names."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8", newline="\n")
    return tmp_path


def differ(folder: Path, written: bytes = LOCK) -> list[str]:
    return differing(LOCK, written, of_files(folder, of_lock(LOCK)))


def test_what_differs_is_told_a_file_or_the_lock_if_only_where_it_names_no_output(folder: Path) -> None:
    assert differ(folder) == []
    for name, output in (("data/a", "data/a"), ("data/folder/a/b", "data/folder")):
        (folder / name).write_text("c\n", "utf-8")
        assert differ(folder) == [f"{output} (the file)"]
        (folder / name).write_text(FILES[name], "utf-8")
    assert differ(folder, LOCK.replace(b"3b5d5c37", b"00000000")) == ["data/b (dvc.lock)"]
    assert differ(folder, LOCK[: LOCK.index(b"  second")]) == ["data/b (dvc.lock)"]
    assert differ(folder, LOCK.replace(b"cmd: python", b"cmd: python3")) == ["dvc.lock (not its outputs)"]


def test_the_page_has_every_circumstance_and_todays_hashes() -> None:
    page = hashes.PAGE.read_text("utf-8")
    assert written(page, hashes.BLOCKS) == page, "run `python -m tools.hashes`"
    assert page.count("<!-- hashes -->") == page.count("<!-- circumstances -->") == 1
    block = page.partition("<!-- circumstances -->\n")[2].partition("\n<!-- /circumstances -->")[0]
    commit = block.partition(",")[0].removeprefix("At commit ")
    equal = [Outcome(each, 0, {}, []) for each in CIRCUMSTANCES]
    assert block == report(equal, Origin(ROOT, commit, LOCK)).replace("with 3 ", "with 30 ")
    assert len(NAMES) == len(set(NAMES)) >= 30
    assert [each.name for each in CIRCUMSTANCES if not each.sets] == []


@pytest.mark.parametrize("changed", [False, True])
def test_a_row_with_another_output_is_kept_and_told_and_one_without_is_removed(
    ran: Repository, tmp_path: Path, changed: bool
) -> None:
    def copied(place: Place) -> None:
        shutil.copytree(ran.folder, place.folder)

    def run(place: Place) -> str:
        if changed:
            (place.folder / "data/raw/corpus").write_text("ham\tno\n", "utf-8")
        return "".join(f"Running stage '{stage}'\n" for stage in STAGES)

    outcome = reproduce(Circumstance("row", make=copied, run=run), Origin.head(ran.folder), tmp_path, b"")
    assert outcome.equal != changed
    assert outcome.differ == ["data/raw/corpus (the file)"] * changed
    assert (tmp_path / "row/clone/data/raw/corpus").exists() == changed


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (Circumstance("mute", make=Place.clone, run=lambda _: "Running stage 'clean'"), "not print: download, vect"),
        (Circumstance("fails", make=Place.clone, run=lambda place: place.run("git", "no-such")), "exit code 1: git no"),
    ],
    ids=["a stage did not run", "a command failed"],
)
def test_a_row_that_cannot_be_compared_is_a_failure(
    ran: Repository, tmp_path: Path, row: Circumstance, told: str
) -> None:
    outcome = reproduce(row, Origin.head(ran.folder), tmp_path, b"")
    assert told in outcome.failure
    assert not outcome.equal
