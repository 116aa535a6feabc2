"""A checkpoint comes back as it was saved, or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textrnn.artifacts import provenance
from textrnn.core import paths
from textrnn.training import checkpoint
from textrnn.training.checkpoint import Checkpoint

FINGERPRINT = "one training"
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
    checkpoint.save(path, FINGERPRINT, SAVED)
    return path


def in_lists(found: Checkpoint | None) -> list[Any]:
    assert found is not None
    states = ({name: (array.dtype, array.tolist()) for name, array in one.items()} for one in (found.now, found.best))
    return [found.history.tolist(), *states]


def test_a_checkpoint_comes_back_to_its_own_training_as_it_was_saved_last(file: Path) -> None:
    assert in_lists(checkpoint.load(file, FINGERPRINT)) == in_lists(SAVED)
    assert checkpoint.load(file, "") is checkpoint.load(file, FINGERPRINT + " ") is None
    later = SAVED._replace(history=np.zeros((3, 2)), now={"0/0": np.ones(1, np.float32)})
    checkpoint.save(file, FINGERPRINT, later)
    assert in_lists(checkpoint.load(file, FINGERPRINT)) == in_lists(later)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def damaged(whole: bytes) -> Iterator[bytes]:
    """Yield a file torn off, or of which one byte is another, at every seventh place, and other damage."""
    for place in range(0, len(whole), 7):
        yield whole[:place]
        yield whole[:place] + bytes([whole[place] ^ 0x21]) + whole[place + 1 :]
    yield bytes(len(whole))  # as a crash may leave it
    yield whole + b"\0"


def test_a_damaged_checkpoint_is_none_and_one_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content in damaged(file.read_bytes()):
        file.write_bytes(content)
        assert checkpoint.load(file, FINGERPRINT) is None
        assert capsys.readouterr().err == f"checkpoint not used: it is damaged ({paths.shown(file)})\n"


def test_no_file_is_no_checkpoint_and_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checkpoint.load(tmp_path / "none.npz", FINGERPRINT) is None
    assert capsys.readouterr().err == ""
    assert checkpoint.load(tmp_path, FINGERPRINT) is None
    assert capsys.readouterr().err.startswith("checkpoint not used: ")


def test_the_fingerprint_changes_with_settings_data_where_a_file_ends_code_and_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "tokens.npy", tmp_path / "labels.npy"]

    def fingerprint(settings: str = "units=4", contents: tuple[bytes, bytes] = (b"one", b"two")) -> str:
        for path, content in zip(files, contents, strict=True):
            path.write_bytes(content)
        return checkpoint.fingerprint(settings, files)

    others = [(b"One", b"two"), (b"one", b"two\n"), (b"onet", b"wo")]
    found = [fingerprint(), fingerprint("units=8"), *(fingerprint(contents=contents) for contents in others)]
    files = [path.with_name(f"moved.{path.name}") for path in files]
    assert fingerprint() == found[0]
    module = tmp_path / provenance.TRAIN[1] / "module.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(provenance, "CODE", tmp_path)
    found.append(fingerprint())
    module.write_text("units = 8\n")
    found.append(fingerprint())
    monkeypatch.setattr(provenance, "PACKAGES", provenance.PACKAGES[1:])
    assert len({*found, fingerprint()}) == 8


def test_checkpoints_lie_where_git_and_dvc_do_not_look() -> None:
    name = paths.CHECKPOINTS.relative_to(paths.ROOT).as_posix()
    for file in (".gitignore", ".dvcignore"):
        lines = (paths.ROOT / file).read_text("utf-8").split()
        assert {name, f"/{name}/"} & set(lines), file
