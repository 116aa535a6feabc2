"""Processes that share a stream out: the order of their results, and how they end."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from textrnn import paths, workers
from textrnn.errors import UserError


def doubled() -> Callable[[list[int]], list[int]]:
    """Return a function that takes longer for the pieces which come first."""

    def work(piece: list[int]) -> list[int]:
        time.sleep(max(0.0, 0.05 - piece[0] / 100))
        return [2 * number for number in piece]

    return work


def failing(error: Exception) -> Callable[[list[int]], int]:
    def work(piece: list[int]) -> int:
        if piece[0] == 2:
            raise error
        return piece[0]

    return work


def stopped() -> Callable[[list[int]], int]:
    """Return a function that ends its own process, as one without memory would be."""

    def work(piece: list[int]) -> int:
        if piece[0] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return piece[0]

    return work


@pytest.fixture
def source(tmp_path: Path) -> Iterator[io.FileIO]:
    """Return a file, which always has something to read."""
    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb", 0) as file:
        yield file


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_pieces_and_empty_pieces_are_left_out(source: io.FileIO, count: int) -> None:
    pieces = [[number] * (number % 3) for number in range(40)]
    found = list(workers.mapped(doubled, iter(pieces), source, count))
    assert found == [[2 * number for number in piece] for piece in pieces if piece]
    assert alive() == []


def alive() -> list[psutil.Process]:
    """Return the processes that work for this one."""
    return [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]


def test_no_pieces_have_no_results(source: io.FileIO) -> None:
    assert list(workers.mapped(doubled, iter([]), source, 2)) == []


def test_pieces_are_asked_for_only_as_they_are_needed(source: io.FileIO) -> None:
    asked = []

    def pieces() -> Iterator[list[int]]:
        for number in range(1000):
            asked.append(number)
            yield [number]

    results = workers.mapped(doubled, pieces(), source, 2)
    assert next(results) == [0]
    assert len(asked) <= 1 + 2 * workers.AHEAD
    results.close()
    assert alive() == []


@pytest.mark.parametrize("error", [UserError("expected tea"), OSError(28, "No space left"), MemoryError("tea")])
def test_an_error_that_a_process_has_met_is_raised_here_after_the_results_before_it(
    source: io.FileIO, error: Exception
) -> None:
    results = workers.mapped(partial(failing, error), iter([[number] for number in range(9)]), source, 1)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(type(error), match=str(error.args[-1])):
        next(results)
    assert alive() == []


def test_a_killed_process_is_told_of_in_one_line(source: io.FileIO) -> None:
    results = workers.mapped(stopped, iter([[number] for number in range(9)]), source, 2)
    with pytest.raises(UserError, match="found one gone, killed or out of memory"):
        list(results)
    assert alive() == []


def test_a_slow_source_holds_no_result_back() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as raw, os.fdopen(writing, "wb", 0) as end:
        end.write(b"\1\2")
        results = workers.mapped(doubled, ([byte[0]] for byte in iter(partial(raw.read, 1), b"")), raw, 2)
        assert next(results) == [2]
        assert next(results) == [4], "though nothing more is to be read"
        end.write(b"\3")
        assert next(results) == [6]
        end.close()
        assert list(results) == []


def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program = (
        "import itertools, sys; from pathlib import Path; from tests.test_workers import doubled\n"
        "from textrnn import workers\n"
        "if __name__ == '__main__':\n"
        "    with Path(sys.argv[1]).open('rb', 0) as file:\n"
        "        for _ in workers.mapped(doubled, ([number] for number in itertools.count()), file, 2):\n"
        "            print('on', flush=True)\n"
    )
    (tmp_path / "program.py").write_text(program)
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    with subprocess.Popen(
        [sys.executable, tmp_path / "program.py", tmp_path / "file"], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        started = psutil.Process(process.pid).children()
        assert len(started) >= 2
        process.kill()
    _, left = psutil.wait_procs(started, timeout=20)
    assert left == []
