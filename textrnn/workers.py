"""Processes that work through a long stream piece by piece; the results come in the order of the pieces."""

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, BinaryIO, TypeVar

from textrnn.errors import UserError

AHEAD = 8  # pieces for each process that may be given out before the oldest is done: results wait in memory

Piece = TypeVar("Piece", bound=Sequence[Any])
Result = TypeVar("Result")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped(
    make: Callable[[], Callable[[Piece], Result]], pieces: Iterator[Piece], source: BinaryIO, count: int
) -> Generator[Result, None, None]:
    """Yield the result of each piece that is not empty, in order, as soon as it is there.

    Each of `count` processes calls `make` once, and what that returns with one piece after another. `pieces` are read
    from `source`, and asked for only when it has something to read: a slow one holds no result back. When the
    generator is left or closed, the processes end. Raises the UserError, OSError or MemoryError that a process has
    met, and UserError when one is gone.
    """
    with started(make, count) as idle:
        busy: dict[Connection, int] = {}
        done: dict[int, Result] = {}
        given = told = 0
        more = True
        while more or busy:
            room = more and idle and given - told < AHEAD * count
            for ready in wait([*busy, *([source.fileno()] if room else [])]):
                if isinstance(ready, Connection):
                    done[busy.pop(ready)] = received(ready)
                    idle.append(ready)
                elif (piece := next(pieces, None)) is None:
                    more = False
                elif piece:
                    send(idle[-1], piece)
                    busy[idle.pop()] = given
                    given += 1
            while told in done:
                yield done.pop(told)
                told += 1


@contextmanager
def started(make: Callable[[], Callable[[Piece], Result]], count: int) -> Iterator[list[Connection]]:
    """Start processes for the block, and give a connection to each. Ctrl-C is for this process, and not for them."""
    context = get_context("spawn")  # a forked one would lack the threads of libraries which are loaded here
    processes, connections = [], []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which those started here inherit, from their first moment
    try:
        for _ in range(count):
            here, there = context.Pipe()
            processes.append(context.Process(target=serve, args=(there, make), daemon=True))
            processes[-1].start()
            there.close()  # so that its end is seen here
            connections.append(here)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield connections
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def serve(connection: Connection, make: Callable[[], Callable[[Piece], Result]]) -> None:
    """Answer each piece that comes, until the other end is closed. Runs in a process of its own."""
    try:
        work: Callable[[Piece], Result] | None = None
        while True:
            piece = connection.recv()
            try:
                work = work or make()
                result: object = work(piece)
            except (UserError, OSError, MemoryError) as error:
                result = error
            connection.send(result)
    except (EOFError, ConnectionError):  # who started it is gone, killed perhaps
        pass


def send(connection: Connection, piece: Sequence[Any]) -> None:
    """Send a piece. Raises UserError when the process is gone."""
    try:
        connection.send(piece)
    except ConnectionError:
        raise UserError(GONE) from None


def received(connection: Connection) -> Any:
    """Return a result. Raises what the process has raised, and UserError when it is gone."""
    try:
        result = connection.recv()
    except (EOFError, ConnectionError):
        raise UserError(GONE) from None
    if isinstance(result, Exception):
        raise result
    return result


GONE = "expected every process to classify to the end, found one gone, killed or out of memory: run it again"
