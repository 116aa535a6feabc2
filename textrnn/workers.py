"""The same work on each of many items, in as many processes as there are cores.

A worker has no files open and shares nothing: it is sent an item and the function's result is sent back, so it may be
killed at any time. When the process that started it is gone, it ends too.
"""

import gc
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from textrnn.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

LONG = 0.5  # seconds of work, after which it is worth what starting processes takes


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield `function(item)` for each item, in their order, whatever the number of processes.

    The function and all that goes in and out must be picklable. What is done soon is done here; when it has taken LONG,
    the rest is given to workers. An exception in a worker is raised here, when its item's turn has come. Raises
    UserError when a worker has died. No more than two items for each core are under way.
    """
    items, count = iter(items), cores()
    start = time.monotonic()
    for item in items:
        yield function(item)
        if count > 1 and time.monotonic() - start >= LONG:
            break
    some = list(islice(items, 2))
    if len(some) < 2:
        yield from map(function, some)
        return
    with _started(function, count) as workers:
        yield from _results(workers, enumerate(chain(some, items)))


def _results(workers: dict[Connection, BaseProcess], items: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    free, busy = list(workers), dict[Connection, int]()
    done: dict[int, tuple[Any, BaseException | None]] = {}  # results whose turn has not come
    turn = 0
    while True:
        for number, item in islice(items, min(len(free), 2 * len(workers) - len(busy) - len(done))):
            pipe = free.pop()
            busy[pipe] = number
            with _alive(workers[pipe]):
                pipe.send(item)
        if not busy:
            return
        ready = wait(list(busy))
        for pipe in [pipe for pipe in busy if pipe in ready]:
            with _alive(workers[pipe]):
                done[busy.pop(pipe)] = pipe.recv()
            free.append(pipe)
        while turn in done:
            result, error = done.pop(turn)
            if error:
                raise error
            turn += 1
            yield result


@contextmanager
def _started(function: Callable[[Any], Any], count: int) -> Iterator[dict[Connection, BaseProcess]]:
    """Give so many workers and the pipes that lead to them, and end them when the block ends, however it does."""
    context = get_context("spawn")  # a forked copy of a process with threads, as NumPy has them, may hang
    workers: dict[Connection, BaseProcess] = {}
    resource_tracker.ensure_running()  # which lets Ctrl-C in again, once it has started
    try:
        for _ in range(count):
            here, there = context.Pipe()
            process: BaseProcess = context.Process(target=_work, args=(function, there), daemon=True)
            with _deaf():
                process.start()
            there.close()
            workers[here] = process
        yield workers
    finally:
        for pipe, process in workers.items():
            process.kill()
            process.join()
            pipe.close()


@contextmanager
def _deaf() -> Iterator[None]:
    """Keep Ctrl-C from what is started in the block, for good. This process hears of it when the block ends."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _alive(process: BaseProcess) -> Iterator[None]:
    """Raise UserError when the process proves to be dead."""
    try:
        yield
    except (EOFError, ConnectionError):
        process.join()
        raise UserError(
            f"expected the worker processes to live until all is done, found one ended with exit code "
            f"{process.exitcode} (-9: killed, for want of memory perhaps): run the stage again, with more memory free"
        ) from None


def _work(function: Callable[[Any], Any], pipe: Connection) -> None:
    """Answer each item with the function's result or exception, until the other side is gone."""
    gc.disable()  # it would look through every one of a hundred thousand strings, and find nothing to free
    with suppress(EOFError, ConnectionError):
        while True:
            item = pipe.recv()
            try:
                answer: tuple[Any, BaseException | None] = (function(item), None)
            except Exception as error:  # noqa: BLE001  # it is raised again, where the result is wanted
                error.add_note(f"in a worker process:\n{traceback.format_exc()}")
                answer = (None, error)
            pipe.send(answer)
