"""Log the files that a stage opens. Python runs this module first where PYTHONPATH names its folder.

A line of the log (the file that TRACED names): the stage, `reads` or `writes`, and the path from the repository. If
KILLED names a file, the process group is killed when the stage would write this file for the third time.
"""

import os
import signal
import sys
from typing import Any


def trace(stage: str, log: int, root: str, killed: str | None) -> None:
    """Log each file that this process opens, creates or replaces from now on."""
    writings = 0

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal writings
        if event == "open" and isinstance(arguments[0], str):
            writes = arguments[1] is not None and any(letter in arguments[1] for letter in "wxa+")
            path = arguments[0]
        elif event == "os.rename":
            writes, path = True, str(arguments[1])
        else:
            return
        path = os.path.relpath(os.path.abspath(path), root)  # noqa: PTH100  # pathlib opens nothing, but loads much
        os.write(log, f"{stage}\t{'writes' if writes else 'reads'}\t{path}\n".encode())
        writings += event == "os.rename" and path == killed
        if writings == 3:
            os.kill(0, signal.Signals["SIGKILL"])  # all of the group

    sys.addaudithook(note)


for argument in sys.orig_argv:
    if argument.startswith("stages.") and "TRACED" in os.environ:
        log = os.open(os.environ["TRACED"], os.O_WRONLY | os.O_APPEND)
        trace(argument.removeprefix("stages."), log, os.getcwd(), os.environ.get("KILLED"))  # noqa: PTH109
