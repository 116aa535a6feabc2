"""A kill, Ctrl-C or a full disk leaves nothing half-written, and the next run completes the work.

`python -m bench.kills` kills every stage at random moments; tests/test_pipeline.py kills a training.
"""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from stages import split, vectorize
from tests.models import copied
from tests.repository import Repository, as_tsv, invented
from tests.server import body, direct, raw, running
from tests.test_split import prepare
from tests.workspace import Workspace, press_ctrl_c, wait_for
from textrnn.core import paths
from textrnn.core.files import write_text
from textrnn.partitions.exchange import leave

if sys.platform == "win32":
    pytest.skip("Unix signals, FIFOs and limits", allow_module_level=True)

CORPUS = as_tsv(invented()).encode()


@pytest.fixture
def copy(ran: Repository, tmp_path: Path) -> Path:
    """Return a copy of the repository that has run, without Git and DVC."""
    ignored = shutil.ignore_patterns(".git", ".dvc", "__pycache__", "bench", "compare", "docs", "tests")
    return Path(shutil.copytree(ran.folder, tmp_path / "copy", ignore=ignored))


def begun(folder: Path, *command: str) -> subprocess.Popen[str]:
    """Start a Python program in a process group of its own, with the cache of corpora next to the folder."""
    environment = os.environ | direct() | {"TEXTRNN_CACHE": str(folder.parent / "cache")}
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    """Return what every file below `folder` holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def temporary(folder: Path) -> list[Path]:
    """Return the temporary files next to `folder` and below."""
    return [path for path in folder.parent.rglob("*") if path.suffix == ".tmp"]


# Killed


def test_the_temporary_file_of_a_killed_process_that_nobody_waited_for_is_removed_too(tmp_path: Path) -> None:
    with begun(tmp_path, "-c", "import signal; signal.pause()") as killed:
        killed.kill()
        wait_for(lambda: psutil.Process(killed.pid).status() == psutil.STATUS_ZOMBIE)
        (tmp_path / f".file.{killed.pid}.tmp").write_text("half")
        write_text(tmp_path / "file", "whole")
        assert files(tmp_path) == {"file": b"whole"}


# Interrupted


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: the process must end, and say just that."""
    press_ctrl_c(process)
    _, said = process.communicate()
    assert (process.returncode, said) == (130, "error: interrupted\n")


LIBRARIES = {  # a command, an input that it waits for in vain, and a library that it loads before that
    "early": (("-m", "stages.clean"), "data/raw/corpus", "pydantic_core"),
    "TensorFlow": (("-m", "stages.train"), "", "libtensorflow"),
    "predict.py": (("predict.py", "--input", "pipe"), "pipe", "onnxruntime_pybind11_state"),
}


@pytest.mark.parametrize(("command", "pipe", "library"), LIBRARIES.values(), ids=LIBRARIES)
def test_ctrl_c_while_a_command_loads_its_libraries_ends_it_in_a_line(
    copy: Path, command: tuple[str, ...], pipe: str, library: str
) -> None:
    if pipe:  # so that the command does not end before Ctrl-C comes
        (copy / pipe).unlink(missing_ok=True)
        os.mkfifo(copy / pipe)
    Repository(copy).set(**{"train.epochs": 10_000})
    with begun(copy, *command) as process:
        wait_for(lambda: process.poll() is not None or library in Path(f"/proc/{process.pid}/maps").read_text())
        interrupt(process)
    assert temporary(copy) == []


def test_ctrl_c_amid_a_download_ends_it_in_a_line_and_keeps_nothing(copy: Path) -> None:
    shutil.rmtree(copy / "data/raw")
    with running() as server:
        address = server.serves("/corpus", raw(b"", hang=True))
        Repository(copy).set(**{"download.source": address})
        with begun(copy, "-m", "stages.download") as process:
            wait_for(lambda: process.poll() is not None or server.requests)
            interrupt(process)
    assert files(copy / "data/raw") == {}
    assert not (copy.parent / "cache").exists()


# A full disk


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as if the disk were full."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with redirect_stdout(io.StringIO()):  # pytest's own is a file
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 2000])
def test_a_full_disk_is_told_in_a_line_and_leaves_nothing_half_written(
    workspace: Workspace, trained_model: Path, size: int
) -> None:
    whole = files(trained_model.parent / "data/vectors")
    copied(workspace, trained_model.parent)
    shutil.rmtree(paths.VECTORS)
    with room_for(size):
        assert "File too large" in workspace.failure(vectorize.main)
    assert {name: whole[name] for name in files(paths.VECTORS)} == files(paths.VECTORS), "each is whole, or not there"
    assert temporary(paths.VECTORS) == []
    workspace.run(vectorize.main)
    assert files(paths.VECTORS) == whole


def test_a_file_that_others_would_read_is_named_when_the_disk_is_full(tmp_path: Path) -> None:
    with room_for(0), pytest.raises(OSError, match="File too large") as error:
        leave(tmp_path / "rows", 3, [np.arange(4)])
    assert error.value.filename == str(tmp_path / "rows.3")


def test_nothing_is_written_through_a_map_to_a_file_that_has_no_room_yet(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = set[str]()

    class Mapped(np.memmap):
        def __new__(cls, *args: Any, **more: Any) -> Any:
            modes.add(more.get("mode") or args[2])
            return super().__new__(cls, *args, **more)

    messages = [(label, f"{word} of {label} is another") for word in "abcdefghij" for label in ("ham", "spam")]
    prepare(workspace, messages, {"time": range(len(messages))}, time_column="when")
    monkeypatch.setattr("numpy.memmap", Mapped)
    workspace.run(split.main)
    assert modes == {"r", "r+"}, "w+ makes a file of holes: on a full disk, the process would end by SIGBUS"


# Several at once


def test_processes_that_download_into_one_cache_at_once_all_end_with_the_whole_file(copy: Path, tmp_path: Path) -> None:
    with running() as server:
        address = server.serves("/corpus", body(CORPUS))
        digest = sha256(CORPUS).hexdigest()
        Repository(copy).set(**{"download.source": address, "download.sha256": digest})
        other = Path(shutil.copytree(copy, tmp_path / "other"))
        processes = [begun(folder, "-m", "stages.download") for folder in (copy, copy, other)]
        ends = [(*process.communicate(), process.returncode) for process in processes]
    assert ends == [("", "", 0)] * 3
    assert files(tmp_path / "cache") == {digest: CORPUS}
    assert files(copy / "data/raw") == files(other / "data/raw") == {"corpus": CORPUS, "test": b"\n"}
