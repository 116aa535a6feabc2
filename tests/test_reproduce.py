"""bench.reproduce: what differs is told, what is promised is among the rows, and one row is really run."""

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bench.circumstances import CIRCUMSTANCES, Circumstance
from bench.outputs import Hashes, combined, differing, of_files, of_lock
from bench.place import Place
from bench.reproduce import NAMES, REPORT, Origin, Outcome, by_circumstance, report, reproduce, verdict
from tests.repository import Repository

STAGES = ["download", "clean", "vectorize", "split"]

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


def test_equal_outputs_differ_nowhere(folder: Path) -> None:
    assert differ(folder) == []


@pytest.mark.parametrize("name", FILES)
def test_one_changed_file_is_the_one_told(folder: Path, name: str) -> None:
    (folder / name).write_text("c\n", "utf-8")
    output = "data/folder" if "folder" in name else name
    assert differ(folder) == [f"{output} (the file)"]


def test_a_file_too_many_too_few_or_renamed_is_told(folder: Path) -> None:
    (folder / "data/folder/z").rename(folder / "data/folder/y")
    (folder / "data/a").unlink()
    assert differ(folder) == ["data/a (the file)", "data/folder (the file)"]
    (folder / "data/folder/y").rename(folder / "data/folder/z")
    (folder / "data/folder/more").touch()
    assert differ(folder) == ["data/a (the file)", "data/folder (the file)"]


def test_a_lock_that_names_another_hash_or_no_output_is_told(folder: Path) -> None:
    assert differ(folder, LOCK.replace(b"3b5d5c37", b"00000000")) == ["data/b (dvc.lock)"]
    assert differ(folder, LOCK[: LOCK.index(b"  second")]) == ["data/b (dvc.lock)"]


def test_a_lock_whose_outputs_are_equal_may_differ_elsewhere(folder: Path) -> None:
    assert differ(folder, LOCK.replace(b"cmd: python", b"cmd: python3")) == ["dvc.lock (not its outputs)"]


def test_the_short_hash_of_a_stage_depends_on_paths_and_hashes() -> None:
    made = [combined(hashes) for hashes in ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1", "c": "2"})]
    assert len(set(made)) == 3
    assert combined({"b": "2", "a": "1"}) == made[0]


def test_every_promised_circumstance_is_a_row() -> None:
    promised = [
        "threads-1",
        "threads-2",
        "threads-4",
        "omp-1",
        "omp-3",
        "openblas-1",
        "one-core",
        "busy",
        "isa-sse41",
        "isa-avx",
        "isa-avx2",
        "onednn-on",
        "hash-seed-0",
        "hash-seed-1",
        "hash-seed-random",
        "time-zone-east",
        "time-zone-west",
        "locale-c",
        "locale-utf-8",
        "locale-turkish",
        "umask-000",
        "umask-077",
        "home-read-only",
        "home-impossible",
        "source-archive",
        "source-mirror",
        "source-package",
        "long-path",
        "other-directory",
        "clone-of-clone",
        "no-git",
        "experiment",
        "no-stdin",
        "killed",
        "interrupted",
    ]
    assert set(promised) <= set(NAMES)
    assert len(NAMES) == len(set(NAMES)) >= 30
    assert [each.name for each in CIRCUMSTANCES if not each.sets] == []


def test_the_report_counts_rows_and_outputs_and_names_no_place(folder: Path) -> None:
    committed = of_lock(LOCK)
    (folder / "data/a").write_text("c\n", "utf-8")
    changed = of_files(folder, committed)
    unlike = ["data/a (dvc.lock)", "data/a (the file)"]
    rows: list[tuple[Hashes, list[str], str]] = [(committed, [], ""), (changed, unlike, ""), ({}, [], f"at {folder}")]
    ended = [Outcome(each, 70.0, *row) for each, row in zip(CIRCUMSTANCES, rows, strict=False)]
    assert verdict(ended) == "1 of 3 circumstances equal"
    lines = by_circumstance(ended, committed).splitlines()[2:]
    assert [line.split(" | ")[-1] for line in lines] == ["3 of 3 |", "2 of 3 |", "failed |"]
    assert combined(committed["first"]) in lines[0]
    assert combined(committed["first"]) not in lines[1]
    assert combined(committed["second"]) in lines[1]
    written = report(ended, committed, "0123456789")
    assert all(path in written and md5sum in written for outs in committed.values() for path, md5sum in outs.items())
    assert "At commit 0123456: 1 of 3 circumstances equal." in written
    assert str(folder) not in written


def test_the_committed_page_has_every_circumstance_and_each_is_equal() -> None:
    rows = [line.split(" | ") for line in REPORT.read_text("utf-8").splitlines() if line.endswith(" of 30 |")]
    assert [row[0].removeprefix("| ") for row in rows] == NAMES
    assert {row[-1] for row in rows} == {"30 of 30 |"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a tiny repository of the stages before train, which take a second each; they have run, all committed."""
    made = Repository.tiny(tmp_path_factory.mktemp("reproduce") / "first")
    yaml = YAML()
    pipeline = yaml.load(made.folder / "dvc.yaml")
    stages = {name: pipeline["stages"][name] for name in STAGES}
    yaml.dump({"stages": stages}, made.folder / "dvc.yaml")
    made.dvc("repro")
    made.commit("run")
    return made


def test_a_row_which_is_run_ends_equal_and_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    circumstance = next(each for each in CIRCUMSTANCES if each.name == "hash-seed-1")
    outcome = reproduce(circumstance, Origin.head(repository.folder), tmp_path, b"")
    assert outcome.equal, (outcome.differ, outcome.failure)
    assert list(outcome.files) == STAGES
    assert list(tmp_path.iterdir()) == []


def test_a_row_whose_output_is_not_the_committed_one_is_kept_and_told(repository: Repository, tmp_path: Path) -> None:
    head = Origin.head(repository.folder)

    def copied(place: Place) -> None:
        shutil.copytree(repository.folder, place.folder)

    def changed(place: Place) -> str:
        (place.folder / "data/raw/corpus").write_text("ham\\tno\n", "utf-8")
        return "".join(f"Running stage '{stage}'\n" for stage in of_lock(head.lock))

    row = Circumstance("changed", make=copied, run=changed)
    outcome = reproduce(row, head, tmp_path, b"")
    assert not outcome.equal
    assert outcome.differ == ["data/raw/corpus (the file)"]
    assert (tmp_path / "changed/clone/data/raw/corpus").exists()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (Circumstance("mute", make=Place.archive, run=lambda _: "Running stage 'clean'"), "to hear of download, vect"),
        (
            Circumstance("fails", make=Place.archive, run=lambda place: place.run("git", "no-such")),
            "exit code 1: git no",
        ),
    ],
    ids=["a stage did not run", "a command failed"],
)
def test_a_row_which_cannot_be_compared_is_a_failure(
    repository: Repository, tmp_path: Path, row: Circumstance, told: str
) -> None:
    outcome = reproduce(row, Origin.head(repository.folder), tmp_path, b"")
    assert told in outcome.failure
    assert not outcome.equal
