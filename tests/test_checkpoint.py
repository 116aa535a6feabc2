"""A checkpoint comes back as it was saved, or not at all."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from tests.workspace import Workspace
from textrnn.artifacts import provenance
from textrnn.core import paths
from textrnn.training import checkpoint
from textrnn.training.checkpoint import Checkpoint

MARK = "one training"
SAVED = Checkpoint(
    np.array([[1, 0.25], [2, 0.125]]),
    {
        "0/0": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
        "0/1": np.array([3, 5], np.uint32),  # a dropout's random generator
        "1/0": np.array(7, np.int64),  # an optimizer's count of steps
    },
    {"0/0": np.full((2, 3), -1, np.float32)},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "not" / "yet" / "there.npz"
    checkpoint.save(path, MARK, SAVED)
    return path


def assert_same(found: Checkpoint | None, expected: Checkpoint) -> None:
    assert found is not None
    assert found.history.tolist() == expected.history.tolist()
    for one, other in ((found.now, expected.now), (found.best, expected.best)):
        assert {name: (array.dtype, array.tolist()) for name, array in one.items()} == {
            name: (array.dtype, array.tolist()) for name, array in other.items()
        }


def test_a_checkpoint_comes_back_as_it_was_saved(file: Path) -> None:
    assert_same(checkpoint.load(file, MARK), SAVED)


def test_a_checkpoint_without_a_best_epoch_comes_back(file: Path) -> None:
    first = SAVED._replace(best={}, history=SAVED.history[:1])
    checkpoint.save(file, MARK, first)
    assert_same(checkpoint.load(file, MARK), first)


def test_the_last_checkpoint_takes_the_place_of_those_before(file: Path) -> None:
    later = SAVED._replace(history=np.zeros((3, 2)), now={"0/0": np.ones(1, np.float32)})
    checkpoint.save(file, MARK, later)
    assert_same(checkpoint.load(file, MARK), later)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_same_checkpoint_is_the_same_bytes(file: Path, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "again", MARK, SAVED)
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_a_checkpoint_that_cannot_be_written_whole_leaves_the_last_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(_: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(Path, "replace", torn)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(file, MARK, SAVED._replace(history=np.zeros((3, 2))))
    assert_same(checkpoint.load(file, MARK), SAVED)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_no_file_is_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "none.npz", MARK) is None


@pytest.mark.parametrize("mark", ["", "another training", MARK.upper(), MARK + " ", MARK[:-1]])
def test_the_checkpoint_of_another_training_is_none(file: Path, mark: str) -> None:
    assert checkpoint.load(file, mark) is None


def test_a_directory_is_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path, MARK) is None


def zeros(raw: bytes) -> bytes:
    return bytes(len(raw))


GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "an empty file": lambda _: b"",
    "zeros, as a crash may leave": zeros,
    "text": lambda _: b"no checkpoint\n",
    "one array": lambda _: b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }\n",
    "an archive without its seal": lambda raw: raw[32:],
    "more than was written": lambda raw: raw + b"\0",
    "itself twice": lambda raw: raw + raw,
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_what_is_no_checkpoint_is_taken_for_none(file: Path, kind: str) -> None:
    file.write_bytes(GARBAGE[kind](file.read_bytes()))
    assert checkpoint.load(file, MARK) is None


def test_a_checkpoint_torn_off_anywhere_is_none(file: Path) -> None:
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert checkpoint.load(file, MARK) is None, length


def test_a_checkpoint_with_any_byte_changed_is_none(file: Path) -> None:
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x21]) + whole[place + 1 :])
        assert checkpoint.load(file, MARK) is None, place


def test_a_part_is_what_stands_under_a_prefix() -> None:
    found = checkpoint.part(SAVED.now, "0/")
    assert {name: array.tolist() for name, array in found.items()} == {
        "0": SAVED.now["0/0"].tolist(),
        "1": SAVED.now["0/1"].tolist(),
    }


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    first, second = tmp_path / "tokens.npy", tmp_path / "labels.npy"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    return [first, second]


def test_the_same_training_has_the_same_fingerprint(files: list[Path]) -> None:
    assert checkpoint.fingerprint("units=4", files) == checkpoint.fingerprint("units=4", files)


def test_other_settings_have_another_fingerprint(files: list[Path]) -> None:
    assert checkpoint.fingerprint("units=4", files) != checkpoint.fingerprint("units=8", files)


@pytest.mark.parametrize(("place", "content"), [(0, b"One"), (1, b"two\n"), (1, b"")])
def test_another_byte_of_the_data_gives_another_fingerprint(files: list[Path], place: int, content: bytes) -> None:
    before = checkpoint.fingerprint("units=4", files)
    files[place].write_bytes(content)
    assert checkpoint.fingerprint("units=4", files) != before


def test_bytes_that_move_from_one_file_to_the_next_give_another_fingerprint(files: list[Path]) -> None:
    before = checkpoint.fingerprint("units=4", files)
    files[0].write_bytes(b"onet")
    files[1].write_bytes(b"wo")
    assert checkpoint.fingerprint("units=4", files) != before


def test_where_the_data_lies_and_how_old_it_is_does_not_matter(files: list[Path], tmp_path: Path) -> None:
    before = checkpoint.fingerprint("units=4", files)
    (tmp_path / "elsewhere").mkdir()
    moved = [path.rename(tmp_path / "elsewhere" / path.name) for path in files]
    for path in moved:
        path.touch()
    assert checkpoint.fingerprint("units=4", moved) == before


@pytest.mark.parametrize("package", ["textrnn", "stages"])
def test_another_line_of_a_module_that_train_imports_gives_another_fingerprint(
    files: list[Path], workspace: Workspace, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    project = workspace.root / "project"
    for name in ("stages", "textrnn"):
        (project / name).mkdir(parents=True)
        (project / name / "__init__.py").touch()
    code = project / package / "cells.py"
    code.write_text("units = 4\n")
    train = project / "stages/train.py"
    train.touch()
    monkeypatch.setattr(provenance, "CODE", project)
    found = [checkpoint.fingerprint("", files)]
    train.write_text(f"def main():\n    from {package} import cells\n")
    found.append(checkpoint.fingerprint("", files))
    code.write_text("units = 8\n")
    found.append(checkpoint.fingerprint("", files))
    assert len(set(found)) == 3


@pytest.mark.parametrize("package", provenance.PACKAGES)
def test_another_version_of_a_package_gives_another_fingerprint(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    before = checkpoint.fingerprint("", files)
    monkeypatch.setattr(provenance, "version", lambda name: "0.0" if name == package else version(name))
    assert checkpoint.fingerprint("", files) != before


def test_checkpoints_lie_where_git_and_dvc_do_not_look() -> None:
    name = paths.CHECKPOINTS.relative_to(paths.ROOT).as_posix()
    for file in (".gitignore", ".dvcignore"):
        lines = (paths.ROOT / file).read_text("utf-8").split()
        assert {name, f"/{name}/"} & set(lines), file
