"""The same work on each of many items, by as many processes as there are processors.

A worker has no files open and shares nothing, so it may be killed at any time. It ends when the process that started
it has ended, even by SIGKILL.
"""

import ctypes
import gc
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache
from itertools import chain, islice
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, Literal, TypeVar

from textrnn.core.errors import STOPS, UserError, held

T = TypeVar("T")
R = TypeVar("R")

LONG = 0.5  # processor seconds of work, after which starting processes pays
MOST = 61 if sys.platform == "win32" else sys.maxsize  # processes that Windows can wait for at a time
AHEAD = 4  # items per process that may be under way: results wait in memory for their turn
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_together: list[tuple[float, Callable[[], Callable[..., Future[Any]]]]] = []  # since when, and what submits
POLL_INTERVAL = 0.01  # seconds between two looks for a result while the source is silent


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield `function(item)` for each item, in order, whatever the number of processes.

    This process does the first LONG seconds of work itself, and leaves what remains to `mapped`, but for one item.
    """
    items, start = iter(items), _together[-1][0] if _together else time.process_time()
    here = processors() == 1 or not _together or time.process_time() - start < LONG
    for item in items if here else ():
        yield function(item)
        if processors() > 1 and time.process_time() - start >= LONG:
            break
    some = list(islice(items, 2))
    yield from map(function, some) if here and len(some) < 2 else mapped(function, chain(some, items))


@contextmanager
def together() -> Iterator[None]:
    """Let the loops in the block that are `ordered` share the first LONG seconds, and then the processes."""
    with ExitStack() as stack:
        _together.append((time.process_time(), cache(lambda: stack.enter_context(started(processors())))))
        try:
            yield
        finally:
            _together.pop()


def mapped(function: Callable[[T], R], items: Iterable[T | None], source: BinaryIO | None = None) -> Iterator[R]:
    """Yield `function(item)` for each item that is not None, in order, each as soon as it is there, by processes.

    The function, the items and the results must be picklable. Where the items are read from `source`, the next item is
    asked for only when there is something to read, so a slow source holds no result back. An exception in a worker is
    raised here in its item's turn. Raises UserError when a worker was killed.
    """
    count, pending = processors(), deque[Future[R]]()
    with nullcontext(_together[-1][1]()) if _together else started(count) as submit:
        for item in items:
            if item is not None:
                pending.append(submit(function, item))
            while pending and (len(pending) >= AHEAD * count or not _readable_before(source, pending[0])):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _readable_before(source: BinaryIO | None, future: Future[Any]) -> bool:
    """Wait until there is something to read from the source, or the future is done; return whether it was the former.

    Without a source there always is.
    """
    while not future.done():
        if not source or _readable(source):
            return True
    return False


def _readable(source: BinaryIO) -> bool:
    """Wait POLL_INTERVAL for something to read. What is neither a pipe nor a socket is always readable on Windows."""
    if sys.platform != "win32":
        return bool(wait([source.fileno()], POLL_INTERVAL))
    import _winapi  # noqa: PLC0415
    import msvcrt  # noqa: PLC0415

    with suppress(OSError):  # a file, a console, or a pipe that was closed
        if not _winapi.PeekNamedPipe(msvcrt.get_osfhandle(source.fileno()), 0)[0]:
            time.sleep(POLL_INTERVAL)
            return False
    return True


@contextmanager
def uncollected() -> Iterator[None]:
    """Switch garbage collection off: it would look through every one of a million strings, and find nothing to free."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def start_method() -> Literal["spawn", "fork"]:
    """Return how to start processes that share this one's memory if they can: a fork breaks TensorFlow's threads."""
    return "fork" if sys.platform == "linux" and "tensorflow" not in sys.modules else "spawn"


@contextmanager
def started(
    count: int, method: Literal["spawn", "fork"] = "spawn", prepare: Callable[[], object] = gc.disable
) -> Iterator[Callable[..., Future[Any]]]:
    """Start up to `count` processes, give `submit(function, *arguments)`, and kill them when the block ends.

    Each process calls `prepare` first, which by default switches garbage collection off, as `uncollected` does.
    Raises UserError when a process was killed by somebody else.
    """
    others = set(active_children())
    with _starting():  # the process that will remove its semaphores, too
        executor = ProcessPoolExecutor(min(count, MOST), get_context(method), _begin, (prepare,))

    def submit(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        with _starting(silent=method == "spawn"):
            return executor.submit(function, *arguments)

    try:
        yield submit
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process was killed, perhaps because memory ran out: run it again, with more memory free"
        ) from error
    finally:
        for process in set(active_children()) - others:
            process.kill()
        # The executor would wait for the rest of a result that a worker was writing: without writers, the pipe ends.
        executor._result_queue._writer.close()  # type: ignore[attr-defined]
        if sys.version_info < (3, 11, 7) or sys.version_info[:3] == (3, 12, 0):
            _unread(executor._call_queue._reader)  # type: ignore[attr-defined]
        executor.shutdown()


def _unread(end: Connection) -> None:
    """Let whoever writes to the other end of a pipe fail, instead of waiting until somebody reads it.

    The executor itself does so since Python 3.11.7 and 3.12.1. Here its threads will close this end, too, so on Unix
    it stays open and leads elsewhere: a number that is closed twice may be another file's by then.
    """
    if sys.platform == "win32":
        end.close()
        return
    with Path(os.devnull).open() as nowhere, suppress(OSError):  # it was closed
        os.dup2(nowhere.fileno(), end.fileno())


@contextmanager
def _starting(silent: bool = True) -> Iterator[None]:
    """Let the processes that start in the block inherit blocked signals, and a stderr that leads nowhere if `silent`.

    They never hear Ctrl-C: this process kills them instead. Other signals wait until `_begin`: before that they would
    find this process' handlers. A process that starts while this one is killed would print tracebacks; what a worker
    has to say comes with its result.
    """
    with held():
        sys.stderr.flush()
        stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        mask = _masked("SIG_BLOCK", STOPS)
        if silent:
            os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(nowhere)
            _masked("SIG_SETMASK", mask)


def _masked(how: str, numbers: Iterable[int]) -> Iterable[int]:
    """Change which signals this thread blocks, where the system can, and return those that it blocked before."""
    if sys.platform == "win32" or not hasattr(signal, "pthread_sigmask"):
        return ()
    return signal.pthread_sigmask(getattr(signal, how), numbers)


def _begin(prepare: Callable[[], object]) -> None:
    end_with_parent()
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    _masked("SIG_UNBLOCK", STOPS)
    Thread(target=_end_with_parent, daemon=True).start()
    prepare()


def end_with_parent() -> None:
    """Let Linux kill this process as soon as the one that started it ends, though it loads a library meanwhile."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
    os._exit(1)


def stop_with_dvc() -> None:
    """End this process as soon as the `dvc repro` that started it, if one did, has ended.

    A killed `dvc repro` leaves its stage running, and the next one would start a second training. A shell may stand
    between the two; its command line names the stage. Without DVC, the shell may end: `nohup python -m stages.train &`.
    """
    import psutil  # noqa: PLC0415  # the other stages have no use for it

    parent = psutil.Process().parent() if "DVC_STAGE" in os.environ else None
    if parent is None:
        return
    grandparent = parent.parent() if any("stages." in word for word in parent.cmdline()) else None

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            # An orphan gets another parent; but on Windows it keeps the number of the old one.
            while os.getppid() == parent.pid and parent.is_running():
                if grandparent and not (parent.ppid() == grandparent.pid and grandparent.is_running()):
                    break
                time.sleep(0.5)
        with suppress(OSError):
            print("error: dvc has ended, so training stopped; run `dvc repro` to resume", file=sys.stderr, flush=True)
        os._exit(1)

    Thread(target=watch, daemon=True).start()
