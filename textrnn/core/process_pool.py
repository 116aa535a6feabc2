"""The same work on each of many items, in as many processes as there are processors.

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
from typing import Any, BinaryIO, Literal, TypeVar

from textrnn.core.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

LONG = 0.5  # seconds of work, after which it is worth what starting processes takes
AHEAD = 4  # items for each worker that may be under way: results whose turn has not come wait in memory

Workers = dict[Connection, BaseProcess]  # each by the pipe which leads to it


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield `function(item)` for each item, in their order, whatever the number of processes.

    The function and all that goes in and out must be picklable. What is done soon is done here; when it has taken LONG,
    the rest is given to workers, as `mapped` says.
    """
    items, count = iter(items), processors()
    start = time.monotonic()
    for item in items:
        yield function(item)
        if count > 1 and time.monotonic() - start >= LONG:
            break
    some = list(islice(items, 2))
    if len(some) < 2:
        yield from map(function, some)
    else:
        yield from mapped(function, chain(some, items))


def mapped(function: Callable[[T], R], items: Iterator[T | None], source: BinaryIO | None = None) -> Iterator[R]:
    """Yield `function(item)` for each item that is not None, in order, each as soon as it is there, by workers.

    When the items are read from `source`, they are asked for only when it has something to read: a slow one holds no
    result back. An exception in a worker is raised here, when its item's turn has come. Raises UserError when a worker
    has died.
    """
    count = processors()
    with started(_serve, (function,), count) as workers:
        free, busy = list(workers), dict[Connection, int]()
        done: dict[int, tuple[Any, BaseException | None]] = {}
        given = told = 0
        more = True
        while more or busy:
            room = more and bool(free) and given - told < AHEAD * count
            here = [source.fileno()] if room and source else []
            ready = wait([*busy, *here], timeout=0 if room and not source else None)
            for pipe in [pipe for pipe in busy if pipe in ready]:
                done[busy.pop(pipe)] = received(pipe, workers[pipe])
                free.append(pipe)
            if room and (not source or here[0] in ready):
                item = next(items, _END)
                more = item is not _END
                if more and item is not None:
                    pipe = free.pop()
                    with _alive(workers[pipe]):
                        pipe.send(item)
                    busy[pipe] = given
                    given += 1
            while told in done:
                result, error = done.pop(told)
                if error:
                    raise error
                told += 1
                yield result


_END = object()


@contextmanager
def started(
    target: Callable[..., None], given: tuple[Any, ...], count: int, how: Literal["spawn", "fork"] = "spawn"
) -> Iterator[Workers]:
    """Give so many processes that run `target(pipe, *given)`, and end them when the block ends, however it does.

    A forked copy of a process with threads, as NumPy has them, may hang: what is forked must not use them.
    """
    context: Any = get_context(how)
    workers: Workers = {}
    if how == "spawn":  # needs this process, which would let Ctrl-C in again once it has started
        resource_tracker.ensure_running()
    try:
        for _ in range(count):
            here, there = context.Pipe()
            process = context.Process(target=target, args=(there, *given), daemon=True)
            with _deaf():
                process.start()
            there.close()
            workers[here] = process
        yield workers
    finally:
        for process in workers.values():
            process.kill()
        for pipe, process in workers.items():
            process.join()
            pipe.close()


def received(pipe: Connection, process: BaseProcess) -> Any:
    """Return what a worker has sent. Raises UserError when it has died instead."""
    with _alive(process):
        return pipe.recv()


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
            f"{process.exitcode} (-9: killed, for want of memory perhaps): run it again, with more memory free"
        ) from None


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
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
