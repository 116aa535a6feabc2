"""What is killed, interrupted, or out of room leaves nothing half-written, and the next run makes it whole."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

import psutil
import pytest

from bench.kills import STAGES, Undisturbed, committed, forget, kill, leftovers, started
from tests.repository import ROOT, Repository, as_tsv, invented
from tests.server import direct
from tests.test_pipeline import wait_for
from textrnn.core.files import write_text

CORPUS = as_tsv(invented()).encode()
Ran = tuple[Repository, Undisturbed]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Yield a repository whose pipeline has run once, all of it committed; every test leaves it so."""
    folder = tmp_path_factory.mktemp("crashes") / "first"
    # Epochs enough that some are left, however late a signal comes on a busy machine.
    with committed(folder, **{"train.epochs": 50, "train.ensemble": 2}) as made:
        yield made


@pytest.fixture(scope="module")
def whole(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the files of that repository as they were at first, without Git and DVC."""
    ignored = shutil.ignore_patterns(".git", ".dvc", "__pycache__")
    return Path(shutil.copytree(ran[0].folder, tmp_path_factory.mktemp("whole") / "copy", ignore=ignored))


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """Return a copy of those files, to be spoilt."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a stage, whose cache lies beside its repository."""
    return os.environ | direct() | {"TEXTRNN_CACHE": str(folder.parent / "cache"), "PYTHONUNBUFFERED": "1"}


def begun(folder: Path, *command: str) -> subprocess.Popen[str]:
    """Start a Python program in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment(folder), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def done(folder: Path, stage: str, within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a stage to its end, by a program which does something first and then becomes it, if one is given."""
    return subprocess.run(
        [sys.executable, *within, *([sys.executable] if within else []), "-m", f"stages.{stage}"],
        cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    """Return what every file below `folder` holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def temporary(folder: Path) -> list[Path]:
    return [path for path in folder.parent.rglob("*") if path.suffix == ".tmp"]


# Killed


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "train"])
def test_the_next_repro_makes_whole_what_a_kill_left(ran: Ran, stage: str) -> None:
    assert kill(*ran, stage, random.Random(stage)).wrong == []  # noqa: S311


WRITING = """
import sys
from pathlib import Path
from textrnn.files import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(bytes(100_000))
    print("half-written", flush=True)
    sys.stdin.read()
"""


def test_the_next_writer_of_a_file_clears_what_a_killed_one_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with (
        writer(path) as killed,
        writer(path) as living,
        writer(tmp_path / "other") as of_another_file,
    ):
        killed.kill()
        killed.wait()
        assert len(temporary(path)) == 3
        write_text(path, "whole")
        assert {name.split(".")[-2] for name in map(str, temporary(path))} == {
            str(living.pid),
            str(of_another_file.pid),
        }
        living.communicate("")
        of_another_file.communicate("")
        assert (living.returncode, path.read_bytes()) == (0, bytes(100_000))
    assert temporary(path) == []


def test_a_killed_writer_that_nobody_has_waited_for_is_dead_too(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with writer(path) as killed:
        killed.kill()
        wait_for(lambda: psutil.Process(killed.pid).status() == psutil.STATUS_ZOMBIE)
        write_text(path, "whole")
        assert temporary(path) == []


def writer(path: Path) -> subprocess.Popen[str]:
    """Start a process which has half-written a file, and ends once its input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING, path], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    line_of(process.stdout, "half-written")
    return process


# Interrupted


def interrupted(process: subprocess.Popen[str], seconds: float) -> None:
    """Press Ctrl-C: the process has to end at once, and to say just that."""
    os.killpg(process.pid, signal.SIGINT)
    start = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "error: interrupted\n")
    assert time.monotonic() - start < seconds


def at_once(undisturbed: Undisturbed) -> float:
    """Return two seconds, or more on a machine where the whole pipeline takes longer than fifteen."""
    return 2 * max(1.0, undisturbed.seconds / 15)


def line_of(said: IO[str] | None, beginning: str) -> str:
    """Read until a line begins so, and return it; what was read if none does."""
    read = []
    for line in said or ():
        read.append(line)
        if line.startswith(beginning):
            return line
    raise AssertionError("".join(read))


def test_a_training_goes_on_after_ctrl_c_ctrl_c_under_dvc_sigterm_and_a_kill(ran: Ran) -> None:
    """Each falls upon the run that resumes what the one before it left: so it takes half of the time."""
    repository, undisturbed = ran
    checkpoint = repository.folder / ".checkpoints/train.npz"
    with begun(repository.folder, "-m", "stages.train") as process:
        wait_for(lambda: checkpoint.exists() or process.poll() is not None)
        interrupted(process, at_once(undisturbed))
    assert [path.name for path in checkpoint.parent.iterdir()] == ["train.npz"]

    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        forget(repository, "train")
        with started(repository, "repro", "--force", "--single-item", "train") as dvc:
            line_of(dvc.stdout, "resuming after epoch ")
            line_of(dvc.stdout, "epoch ")
            os.killpg(dvc.pid, sent)
            said = dvc.stdout.read() if dvc.stdout else ""
        assert dvc.returncode != 0
        assert "Traceback" not in said
        assert ("error: interrupted" in said.splitlines()) == (sent == signal.SIGINT)
        assert checkpoint.exists()

    assert "resuming after epoch " in repository.dvc("repro", **direct())
    assert leftovers(repository, undisturbed) == []


# A library which a stage loads early, and one which it loads late: its imports are under way, and nearly over.
LIBRARIES = {
    "download": ["pydantic_core"],
    "clean": ["pydantic_core"],
    "vectorize": ["_multiarray_umath", "pydantic_core"],
    "split": ["_multiarray_umath", "pydantic_core"],
    "train": ["pydantic_core", "libtensorflow"],
    "evaluate": ["_multiarray_umath", "onnxruntime_pybind11_state"],
    "plot": ["_multiarray_umath", "ft2font"],
}


def wait_for_library(process: subprocess.Popen[str], name: str) -> None:
    """Wait until the process, or one that it has started, has loaded a library."""

    def loaded() -> bool:
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
            return any(name in Path(f"/proc/{one.pid}/maps").read_text() for one in family)
        except (psutil.Error, OSError):  # it has ended
            return False

    wait_for(lambda: process.poll() is not None or loaded())
    assert process.poll() is None


@pytest.mark.parametrize(("stage", "library"), [(stage, name) for stage, names in LIBRARIES.items() for name in names])
def test_ctrl_c_while_a_stage_loads_its_libraries_ends_it_in_a_line(
    copy: Path, ran: Ran, stage: str, library: str
) -> None:
    with begun(copy, "-m", f"stages.{stage}") as process:
        wait_for_library(process, library)
        interrupted(process, at_once(ran[1]))
    assert temporary(copy) == []


@pytest.mark.parametrize("library", ["_multiarray_umath", "onnxruntime_pybind11_state"])
def test_ctrl_c_while_predict_loads_its_libraries_ends_it_in_a_line(copy: Path, ran: Ran, library: str) -> None:
    with begun(copy, "predict.py", "--input", "corpus.tsv") as process:
        wait_for_library(process, library)
        interrupted(process, at_once(ran[1]))


INPUTS = {
    "clean": "data/raw/corpus",
    "vectorize": "data/clean/messages.tsv",
    "split": "data/clean/messages.tsv",
    "evaluate": "data/clean/messages.tsv",
    "plot": "model/history.tsv",
}


@pytest.mark.parametrize("stage", INPUTS)
def test_ctrl_c_while_a_stage_reads_ends_it_in_a_line(copy: Path, ran: Ran, stage: str) -> None:
    path = copy / INPUTS[stage]
    path.unlink()
    os.mkfifo(path)  # whose reader waits for ever
    before = outputs(copy, path)
    with begun(copy, "-m", f"stages.{stage}") as process, writing_end(path, process):
        interrupted(process, at_once(ran[1]))
    assert outputs(copy, path) == before


def outputs(folder: Path, pipe: Path) -> dict[str, bytes]:
    """Return what stands in the folders that stages write to, but for the pipe."""
    names = ("data", "model", "metrics", "plots", "report", ".checkpoints")
    return {
        str(path): path.read_bytes()
        for name in names
        for path in (folder / name).rglob("*")
        if path.is_file() and path != pipe
    }


@contextmanager
def writing_end(path: Path, process: subprocess.Popen[str]) -> Iterator[None]:
    """Hold the pipe open once the process has opened it for reading."""
    ends: list[int] = []

    def is_read() -> bool:
        try:
            ends.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody reads it yet
            return process.poll() is not None
        return True

    wait_for(is_read)
    assert ends, process.communicate()
    # A signal between its opening and its reading would be heeded only after the reading, which never ends.
    wait_for(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S")
    try:
        yield
    finally:
        os.close(ends[0])


def test_ctrl_c_amid_a_download_ends_it_in_a_line_and_keeps_nothing(copy: Path, ran: Ran) -> None:
    (copy / "data/raw/corpus").unlink()
    with begun(copy, "-m", "stages.download") as process:
        wait_for(lambda: process.poll() is not None or connected(process.pid))
        interrupted(process, at_once(ran[1]))
    assert files(copy / "data/raw") == {}
    assert not (copy.parent / "cache").exists()


def connected(process: int) -> bool:
    """Return whether a process has a socket open."""
    try:
        return any("socket:" in str(entry.readlink()) for entry in Path(f"/proc/{process}/fd").iterdir())
    except OSError:  # a descriptor, or the process, is gone
        return False


# No room

# Where nothing may be mounted, no file may grow instead.
LIMITED = (
    "-c",
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); os.execv(sys.argv[1], sys.argv[1:])",
)


@contextmanager
def full_disk(folder: Path, pages: int = 0) -> Iterator[tuple[tuple[str, ...], Callable[[], None]]]:
    """Make `folder` a file system with room for so many pages, and nothing in it.

    Yield what `done` runs a stage within, and what makes room.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield LIMITED, lambda: None
        return
    ballast = folder / ".ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            file.write(bytes(256 * 1024 - pages * 4096))
        yield (), ballast.unlink
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


def assert_no_room(code: int | None, said: str, within: tuple[str, ...]) -> None:
    """Assert that a stage ended in one line which tells that there was no room."""
    assert code == 1, said
    if within:  # other libraries complain that not even temporary files may grow
        said = said.splitlines(keepends=True)[-1]
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert ("File too large" if within else "No space left on device") in said


def there_in(folder: Path) -> set[str]:
    """Return the names of the files in a folder but for the ballast."""
    return {path.name for path in folder.iterdir()} - {".ballast"}


@pytest.mark.parametrize(
    ("stage", "output", "pages", "there"),
    [
        ("download", "data/raw", 0, set()),
        ("clean", "data/clean", 0, set()),
        ("clean", "metrics", 0, set()),
        ("vectorize", "data/vectors", 0, set()),
        ("vectorize", "data/vectors", 2, None),  # enough for the first files
        ("split", "data/split", 1, None),
        ("evaluate", "data/scored", 1, None),
    ],
)
def test_a_full_disk_is_told_in_a_line_and_leaves_nothing_half_written(
    copy: Path, whole: Path, stage: str, output: str, pages: int, there: set[str] | None
) -> None:
    expected = files(whole / output)
    held_out = (copy / "data/scored/held_out.tsv").read_bytes()
    with full_disk(copy / output, pages) as (within, make_room):
        if stage == "evaluate":  # it reads what train has left there
            (copy / "data/scored/held_out.tsv").write_bytes(held_out)
        failed = done(copy, stage, within)
        assert_no_room(failed.returncode, failed.stderr, within)
        assert temporary(copy) == []
        found = files(copy / output)
        found.pop(".ballast", None)
        if there is not None:
            assert set(found) == there
        assert {name: expected[name] for name in found} == found, "each is whole, or not there"
        make_room()
        again = done(copy, stage)
        assert again.returncode == 0
        # So few rows are noted.
        assert [line for line in again.stderr.splitlines() if not line.startswith("note: the test has only ")] == []
        made = files(copy / output)
        assert {name: expected[name] for name in made} == made
        assert set(made) > set(found)


TRAININGS = """
import sys
from textrnn.errors import run
from stages.train import main
print("READY", flush=True)
for line in sys.stdin:
    print("CODE", run(main), flush=True)
"""


def test_a_full_disk_stops_a_training_at_its_checkpoint_or_export_and_it_goes_on_once_there_is_room(
    copy: Path, whole: Path
) -> None:
    """Three trainings in one process: to load TensorFlow takes half of the time."""
    expected = files(whole / "model")
    del expected["threshold.json"]  # which is evaluate's
    with (
        full_disk(copy / ".checkpoints") as (within, room_for_checkpoints),
        full_disk(copy / "model") as (_, room_for_model),
        subprocess.Popen(
            [sys.executable, "-c", TRAININGS], cwd=copy, env=environment(copy), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process,
    ):  # fmt: skip
        assert process.stdin
        assert process.stderr

        def train() -> str:
            print(file=process.stdin, flush=True)
            return line_of(process.stdout, "CODE ")

        line_of(process.stdout, "READY")
        if within:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        assert train() == "CODE 1\n"
        assert_no_room(1, line_of(process.stderr, "error: " if within else ""), within)
        assert there_in(copy / ".checkpoints") == set()
        room_for_checkpoints()

        assert train() == "CODE 1\n"
        assert_no_room(1, line_of(process.stderr, "error: " if within else ""), within)
        assert there_in(copy / "model") == set()
        assert there_in(copy / ".checkpoints") == (set() if within else {"train.npz"})
        room_for_model()

        if within:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert train() == "CODE 0\n"
        assert within or process.communicate() == ("", "")
        assert files(copy / "model") == expected
        assert there_in(copy / ".checkpoints") == set()


def test_a_cache_without_room_is_told_and_no_error(copy: Path) -> None:
    cache = copy.parent / "cache"
    (copy / "data/raw/corpus").unlink()
    with full_disk(cache) as (within, make_room):
        first = done(copy, "download", within)
        told, *rest = first.stderr.splitlines()
        assert told.startswith("not cached: ")
        assert ("File too large" if within else "No space left on device") in told
        assert there_in(cache) == set()
        if not within:  # else there is no room for the corpus either
            assert (first.returncode, rest) == (0, [])
            assert files(copy / "data/raw") == {"corpus": CORPUS}
        make_room()
        assert done(copy, "download").stderr == ""
        assert files(cache) == {sha256(CORPUS).hexdigest(): CORPUS}


# No permission: root needs none, unless it gives up the two capabilities which say so.
BOUND = (
    "-c",
    "import ctypes, os, sys\n"
    "for capability in (1, 2): ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


@pytest.mark.parametrize(("stage", "output"), [("clean", "data/clean"), ("clean", "metrics"), ("split", "data/split")])
def test_a_folder_that_may_not_be_written_is_told_in_a_line_and_left_as_it_was(
    copy: Path, whole: Path, stage: str, output: str
) -> None:
    expected = files(whole / output)
    shutil.rmtree(copy / output)
    (copy / output).mkdir()
    (copy / output).chmod(0o555)
    failed = done(copy, stage, BOUND)
    (copy / output).chmod(0o755)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: Permission denied: ")
    assert failed.stderr.count("\n") == 1
    assert output in failed.stderr
    assert files(copy / output) == {}
    again = done(copy, stage, BOUND)
    assert (again.returncode, again.stderr) == (0, "")
    made = files(copy / output)
    assert made
    assert {name: expected[name] for name in made} == made


# Several at once, and what others have left in the cache


def test_processes_which_download_at_once_into_one_cache_all_end_with_the_whole_file(
    copy: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(copy, tmp_path / "other"))
    for folder in (copy, other):
        shutil.rmtree(folder / "data/raw")
    processes = [begun(folder, "-m", "stages.download") for folder in (copy, copy, other, other)]
    ends = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert ends == [("", "", 0)] * 4
    assert files(tmp_path / "cache") == {sha256(CORPUS).hexdigest(): CORPUS}
    assert files(copy / "data/raw") == files(other / "data/raw") == {"corpus": CORPUS}


def truncated(entry: Path) -> None:
    entry.write_bytes(CORPUS[:-1])


def enormous(entry: Path) -> None:
    with entry.open("wb") as file:
        file.truncate(1 << 40)  # none of which takes room


@pytest.mark.parametrize("poison", [truncated, enormous])
def test_a_cache_entry_of_another_size_is_told_and_replaced(copy: Path, poison: Callable[[Path], None]) -> None:
    entry = copy.parent / "cache" / sha256(CORPUS).hexdigest()
    entry.parent.mkdir()
    poison(entry)
    mended = done(copy, "download")
    assert mended.returncode == 0
    assert mended.stderr.startswith(f"cache not used: {entry}: ")
    assert mended.stderr.count("\n") == 1
    assert files(copy / "data/raw") == {"corpus": CORPUS}
    assert files(entry.parent) == {entry.name: CORPUS}
