"""A stage at work in several processes which is interrupted, or loses one: a line, no file half-written, no orphan."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bench.corpora import write_corpus
from bench.scale import Place
from tests.test_pipeline import wait_for
from textrnn.core import process_pool

pytestmark = pytest.mark.skipif(process_pool.processors() == 1, reason="one core, and so no workers")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a workspace with a corpus that is large enough for workers, cleaned and vectorized."""
    made = Place(tmp_path_factory.mktemp("large") / "place")
    write_corpus(made.corpus, 500_000, seed=0)
    for stage in ("clean", "vectorize"):
        made.run(f"stages.{stage}")
    return made


@contextmanager
def at_work(place: Place, stage: str) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Start a stage in a process group of its own, and give it and its workers once they are there."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"], cwd=place.folder, text=True, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    found: list[psutil.Process] = []

    def are_there() -> bool:
        found[:] = [
            child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())
        ]
        return len(found) == process_pool.processors() or process.poll() is not None

    wait_for(are_there)
    assert process.poll() is None
    try:
        yield process, found
    finally:
        process.kill()


def files(place: Place) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.mark.parametrize("stage", ["clean", "vectorize", "split"])
def test_ctrl_c_ends_all_processes_in_one_line_and_leaves_all_files_as_they_were(place: Place, stage: str) -> None:
    before = files(place)
    with at_work(place, stage) as (process, started):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "error: interrupted\n")
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert files(place) == before


@pytest.mark.parametrize("stage", ["clean", "vectorize", "split"])
def test_a_worker_that_is_killed_ends_the_stage_in_one_line_that_says_so(place: Place, stage: str) -> None:
    before = files(place)
    with at_work(place, stage) as (process, started):
        started[0].kill()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.startswith("error: a worker process was killed, perhaps because memory ran out: run it again")
    assert said.count("\n") == 1
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert files(place) == before
