"""What a signal does to a program and to its workers: one line, and no process is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.workspace import ended, wait_for
from textrnn.core.paths import ROOT

if sys.platform == "win32":
    pytest.skip("tests of Unix alone", allow_module_level=True)

PROGRAM = """
import sys
from tests.work import slow
from textrnn.core.errors import end_in_one_line, run
from textrnn.core.process_pool import started

def main():
    with started(2, sys.argv[1]) as submit:
        for future in [submit(slow, number) for number in range(4000)]:
            future.result()

if __name__ == "__main__":
    end_in_one_line()
    sys.exit(run(main))
"""

SLOW_TO_CLOSE = """
import time
from multiprocessing.connection import Connection
closes = Connection._close
Connection._close = lambda end: (time.sleep(0.2 if end.readable else 0), closes(end))
"""

STOPPED = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
KILLED = "a worker process was killed, perhaps because memory ran out: run it again, with more memory free"


def program(folder: Path, method: str, source: str = PROGRAM) -> subprocess.Popen[str]:
    """Start the program in a session of its own."""
    (folder / "program.py").write_text(source)
    return subprocess.Popen(
        [sys.executable, "program.py", method], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def working(folder: Path) -> list[psutil.Process]:
    """Return the workers of the program, once both work."""
    wait_for(lambda: len(list(folder.glob("working-*"))) == 2)
    return [psutil.Process(int(file.name.split("-")[1])) for file in folder.glob("working-*")]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("sent", [*STOPPED, signal.SIGKILL])
@pytest.mark.parametrize("to", ["the program", "all"])
def test_no_worker_outlives_the_program_and_nothing_but_a_line_is_said(
    tmp_path: Path, sent: signal.Signals, method: str, to: str
) -> None:
    process = program(tmp_path, method)
    workers = working(tmp_path)
    os.killpg(process.pid, sent) if to == "all" else process.send_signal(sent)
    _, said = process.communicate()  # until the last process has closed stderr
    wait_for(lambda: all(map(ended, workers)))
    expected = (128 + sent, f"error: {STOPPED[sent]}\n") if sent in STOPPED else (-sent, "")
    assert (process.returncode, said) == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_somebody_ends_is_a_line_and_the_others_end(
    tmp_path: Path, sent: signal.Signals, method: str
) -> None:
    process = program(tmp_path, method)
    workers = working(tmp_path)
    workers[0].send_signal(signal.SIGINT)  # alone it is not heard
    workers[0].send_signal(sent)
    _, said = process.communicate()
    assert (process.returncode, said) == (1, f"error: {KILLED}\n")
    wait_for(lambda: all(map(ended, workers)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_no_pipe_is_closed_by_two_threads_at_once_however_slow_it_is_to_close(tmp_path: Path, method: str) -> None:
    process = program(tmp_path, method, SLOW_TO_CLOSE + PROGRAM)
    working(tmp_path)[0].kill()
    _, said = process.communicate()
    assert (process.returncode, said) == (1, f"error: {KILLED}\n")


@pytest.mark.parametrize("sent", [*STOPPED, signal.SIGKILL])
def test_a_program_that_ends_while_its_workers_start_leaves_none_and_says_no_more(
    tmp_path: Path, sent: signal.Signals
) -> None:
    process = program(tmp_path, "spawn")
    family: list[psutil.Process] = []

    def starts() -> bool:
        family[:] = psutil.Process(process.pid).children()
        return len(family) >= 2  # the tracker of semaphores, and a worker

    wait_for(starts)
    process.send_signal(sent)
    _, said = process.communicate()
    assert process.returncode == (128 + sent if sent in STOPPED else -sent)
    assert said == (f"error: {STOPPED[sent]}\n" if sent in STOPPED else "")
    wait_for(lambda: all(map(ended, family)))
