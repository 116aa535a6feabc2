"""Work in several processes: results in order, workers that fail or are killed, Ctrl-C, and no orphans."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import psutil
import pytest

from tests.work import dies_at_nine, fails_at_seven, half_a_result, slower_at_first
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


def test_loops_together_share_the_processes() -> None:
    with process_pool.together():
        first, second = (list(process_pool.ordered(slower_at_first, ITEMS)) for _ in range(2))
        started = {process.pid for process in workers_left()}
    assert (len(started), workers_left()) == (2, [])
    assert [square for square, _ in second] == [square for square, _ in first] == [number**2 for number in ITEMS]
    assert {process for _, process in first} | {process for _, process in second} <= started
    with pytest.raises(UserError, match="a worker process was killed"), process_pool.together():
        list(process_pool.ordered(dies_at_nine, ITEMS))


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


@pytest.mark.skipif(sys.platform == "win32", reason="its pipes are no files")
@pytest.mark.parametrize("method", ["spawn", "fork"] if sys.platform == "linux" else ["spawn"])
def test_the_block_ends_though_a_worker_is_killed_while_it_hands_over_a_result(
    method: Literal["spawn", "fork"], tmp_path: Path
) -> None:
    with process_pool.started(2, method) as submit:
        submit(half_a_result, tmp_path / "written")
        while not (tmp_path / "written").exists():
            time.sleep(0.01)
    assert workers_left() == []


@pytest.mark.parametrize("method", ["spawn", "fork"] if sys.platform == "linux" else ["spawn"])
def test_the_block_ends_though_a_long_item_is_still_being_sent_which_nobody_reads(
    method: Literal["spawn", "fork"],
) -> None:
    """Python 3.11.7 and 3.12.1 would end it themselves."""
    with process_pool.started(1, method) as submit:
        submit(time.sleep, 3600)
        sent = submit(len, bytes(10_000_000))
        while not sent.running():  # it has been put into the queue
            time.sleep(0.01)
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


BARE = """
import sys
from tests.work import slower_at_first
from textrnn.core import process_pool

if __name__ == "__main__":
    process_pool.LONG, process_pool.processors = 0, lambda: 2
    for square, _ in process_pool.ordered(slower_at_first, range(20)):
        print(square)
    for number in process_pool.mapped(int, sys.stdin.buffer, sys.stdin.buffer):
        print(number)
"""


def test_work_is_done_where_the_system_has_no_unix_signals_forks_and_processor_sets(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(BARE)
    places = os.pathsep.join(map(str, (ROOT / "tests/bare", ROOT)))
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": places}, text=True,
        input="400\n441\n", capture_output=True, check=False,
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0)
    assert [int(line) for line in done.stdout.split()] == [number * number for number in range(22)]


def test_on_windows_a_pipe_is_asked_what_it_holds_and_whatever_is_no_pipe_can_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def peek(_handle: int, _size: int) -> tuple[int, int]:
        if isinstance(found := answers.pop(0), OSError):
            raise found
        return found, 0

    answers: list[Any] = [0, 5, OSError("no pipe")]

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "_winapi", SimpleNamespace(PeekNamedPipe=peek))
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=int))
    with (tmp_path / "file").open("w+b") as file:
        assert [process_pool._readable(file) for _ in range(3)] == [False, True, True]
