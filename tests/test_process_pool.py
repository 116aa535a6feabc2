"""Work in several processes: results in order, workers that fail or are killed, Ctrl-C, and no orphans."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.work import dies_at_nine, fails_at_seven, slower_at_first
from tests.workspace import ended, wait_for
from textrnn.core import process_pool
from textrnn.core.errors import UserError
from textrnn.core.paths import ROOT

ITEMS = range(40)


@pytest.fixture(autouse=True)
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start two processes after the first item."""
    monkeypatch.setattr(process_pool, "LONG", 0)
    monkeypatch.setattr(process_pool, "processors", lambda: 2)


def workers_left() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_the_order_of_the_items(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: count)
    results = list(process_pool.ordered(slower_at_first, ITEMS))
    assert [square for square, _ in results] == [number * number for number in ITEMS]
    processes = {process for _, process in results}
    assert os.getpid() in processes, "the first item was done here"
    assert len(processes) == 1 if count == 1 else 1 < len(processes) <= count + 1
    assert workers_left() == []


def test_short_work_and_a_single_last_item_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "started", None)
    assert list(process_pool.ordered(abs, range(2))) == [0, 1]
    assert list(process_pool.ordered(abs, [])) == []
    monkeypatch.setattr(process_pool, "LONG", 3600)
    assert list(process_pool.ordered(abs, range(1000))) == list(range(1000))


def test_items_are_taken_as_results_are_needed_and_an_exception_is_raised_when_its_item_is_due() -> None:
    items = iter(ITEMS)
    results = process_pool.ordered(fails_at_seven, items)
    assert [next(results) for _ in range(7)] == list(range(7))
    assert next(items) <= 7 + 2 * process_pool.AHEAD
    with pytest.raises(UserError, match="expected less than 7, found 7"):
        next(results)
    assert workers_left() == []


def test_a_killed_worker_is_one_clear_line_and_the_others_end() -> None:
    with pytest.raises(UserError, match=r"^a worker process was killed, perhaps because memory ran out: run it again"):
        list(process_pool.ordered(dies_at_nine, ITEMS))
    assert workers_left() == []


def test_items_that_are_none_are_left_out_and_a_slow_source_delays_no_result() -> None:
    assert list(process_pool.mapped(abs, iter([None, -1, None, None, -2, None]))) == [1, 2]
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as raw, os.fdopen(writing, "wb", 0) as end:
        end.write(b"\1\2")
        results = process_pool.mapped(abs, (byte[0] for byte in iter(partial(raw.read, 1), b"")), raw)
        assert next(results) == 1
        assert next(results) == 2, "though nothing more can be read"
        end.write(b"\3")
        assert next(results) == 3
        end.close()
        assert list(results) == []


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


STOPPED = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
KILLED = "a worker process was killed, perhaps because memory ran out: run it again, with more memory free"


def program(folder: Path, method: str) -> subprocess.Popen[str]:
    """Start the program in a session of its own."""
    (folder / "program.py").write_text(PROGRAM)
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
