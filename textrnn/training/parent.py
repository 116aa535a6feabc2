"""Whether the process that started this one is still there."""

import os
from collections.abc import Callable

import psutil

from textrnn.core.errors import UserError


def parent_watch() -> Callable[[], None]:
    """Return a check that stops this process once the `dvc repro` that started it, if one did, is gone.

    A killed one leaves its stage running, and the next one would start a second beside it. Between the
    two there may be a shell, whose command line names the stage. Without DVC, the shell may well go:
    `nohup python -m stages.train &`.
    """
    parent = psutil.Process().parent() if "DVC_STAGE" in os.environ else None
    is_shell = parent is not None and any("stages." in word for word in parent.cmdline())
    grandparent = parent.ppid() if parent else 0

    def alive() -> None:
        if parent and (os.getppid() != parent.pid or (is_shell and parent.ppid() != grandparent)):
            raise UserError("expected the process that started this training, found it gone: stopped at a checkpoint")

    return alive
