"""Work in several processes: the results in order, and what becomes of one that fails, dies or is interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.work import dies_at_nine, fails_at_seven, slower_at_first
from tests.workspace import wait_for
from textrnn.core import process_pool
from textrnn.core.errors import UserError
from textrnn.core.paths import ROOT

ITEMS = range(40)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all but the first item be worth processes."""
    monkeypatch.setattr(process_pool, "LONG", 0)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: count)
    results = list(process_pool.ordered(slower_at_first, ITEMS))
    assert [square for square, _ in results] == [number * number for number in ITEMS]
    found = {process for _, process in results}
    assert len(found) <= count + (count > 1), "the first item was done here"
    assert os.getpid() in found
    assert workers_left() == []


def workers_left() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_what_is_soon_done_is_not_worth_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "LONG", 3)
    monkeypatch.setattr(process_pool, "started", None)  # which would have to be called
    assert list(process_pool.ordered(double, range(1000))) == [2 * number for number in range(1000)]


def test_nor_is_a_last_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "LONG", 0)
    monkeypatch.setattr(process_pool, "started", None)
    assert list(process_pool.ordered(double, range(2))) == [0, 2]
    assert list(process_pool.ordered(double, [])) == []


def double(number: int) -> int:
    return 2 * number


def test_items_are_taken_when_they_are_wanted_and_not_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 2)
    taken = []

    def items() -> Iterator[int]:
        for number in ITEMS:
            taken.append(number)
            yield number

    results = process_pool.ordered(slower_at_first, items())
    for _ in range(5):
        next(results)
    assert len(taken) <= 5 + 2 * process_pool.AHEAD
    results.close()  # type: ignore[attr-defined]
    assert workers_left() == []


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_raised_in_a_worker_is_raised_here_when_its_turn_has_come(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: count)
    seen = []
    with pytest.raises(UserError, match="expected less than 7, found 7"):
        seen += list(process_pool.ordered(fails_at_seven, ITEMS))
    results = process_pool.ordered(fails_at_seven, ITEMS)
    assert [next(results) for _ in range(7)] == list(range(7))
    assert workers_left() != [] if count > 1 else workers_left() == []
    with pytest.raises(UserError):
        next(results)
    assert workers_left() == []


def test_a_worker_that_dies_is_one_clear_error_and_the_others_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 2)
    with pytest.raises(UserError) as error:
        list(process_pool.ordered(dies_at_nine, ITEMS))
    assert "found one ended with exit code -9" in str(error.value)
    assert "\n" not in str(error.value)
    assert workers_left() == []


def test_items_that_are_none_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 2)
    assert list(process_pool.mapped(double, iter([None, 1, None, None, 2, None]))) == [2, 4]
    assert list(process_pool.mapped(double, iter([]))) == []


def test_a_slow_source_holds_no_result_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 2)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as raw, os.fdopen(writing, "wb", 0) as end:
        end.write(b"\1\2")
        results = process_pool.mapped(double, (byte[0] for byte in iter(partial(raw.read, 1), b"")), raw)
        assert next(results) == 2
        assert next(results) == 4, "though nothing more is to be read"
        end.write(b"\3")
        assert next(results) == 6
        end.close()
        assert list(results) == []


PROGRAM = """
import sys
from tests.work import slow
from textrnn import workers
from textrnn.errors import run
workers.processors = lambda: 2
sys.exit(run(lambda: list(workers.ordered(slow, range(4000)))))
"""


@pytest.mark.parametrize(
    ("sent", "code", "said"), [(signal.SIGINT, 130, "error: interrupted\n"), (signal.SIGKILL, -signal.SIGKILL, "")]
)
def test_no_worker_outlives_the_process_that_started_it(
    tmp_path: Path, sent: signal.Signals, code: int, said: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: len(working(tmp_path) - {process.pid}) == 2 or process.poll() is not None)
    started = [psutil.Process(number) for number in working(tmp_path) - {process.pid}]
    assert len(started) == 2
    os.killpg(process.pid, sent) if sent == signal.SIGINT else process.kill()  # a terminal sends it to all
    _, heard = process.communicate(timeout=30)
    assert (process.returncode, heard) == (code, said)
    assert psutil.wait_procs(started, timeout=10)[1] == []


def working(folder: Path) -> set[int]:
    """Return which processes have been at work."""
    return {int(path.name.split("-")[1]) for path in folder.glob("working-*")}
