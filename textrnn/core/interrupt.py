"""Ctrl-C while modules load, or when all is done: one line and the end, where Python would show a traceback.

In between, textrnn.core.errors.run lets KeyboardInterrupt be raised, so that what has been begun is cleared away.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

LINE = "error: interrupted\n"
CODE = 130  # 128 + SIGINT, as shells have it

_STDERR = os.dup(2)  # textrnn/model/runtime.py turns 2 away while TensorFlow loads


def ends_at_once() -> None:
    """Let Ctrl-C end this process without further ado. Where it is ignored, as behind nohup, it stays ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextmanager
def raised() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in the block, if it would end the process at once outside."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    os.write(_STDERR, LINE.encode())
    os._exit(CODE)
