"""How a mistake that a user can mend, and Ctrl-C, end a program: one line on stderr and an exit code, no traceback."""

import os
import signal
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from types import TracebackType

from textrnn.core.escape import masked, printable

INTERRUPTED = 128 + signal.SIGINT  # the exit code that shells use

LONGEST = 2_000  # characters of a line: an error of a library may quote what a server has sent, or a whole file
_STDERR = os.dup(2)  # textrnn/model/runtime.py turns 2 away while TensorFlow loads


class UserError(Exception):
    """Something the user can mend. Its text says what was expected, what was found, and what to do."""


def end_in_one_line() -> None:
    """Let Ctrl-C and a missing package end this process with one line, while modules load too.

    Where Ctrl-C is ignored (nohup) it stays so.
    """
    sys.excepthook = _uncaught
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def run(main: Callable[[], None], description: str | None = None) -> int:
    """Call `main` and return the exit code: 0, 1 after a user's error, 130 when interrupted.

    With the description of a module that takes no arguments, --help prints it, and any other argument is refused.

    An OSError (full disk, missing file, no permission) is a user's error too: its own text names
    the file and the reason. So is a lack of memory. Any other exception is a bug and keeps its traceback.
    """
    program = getattr(sys.modules["__main__"].__spec__, "name", None)
    if description and sys.argv[1:]:
        _refuse(program, description)
    if program and main.__module__ == "__main__":  # other processes find its functions by the name of their module
        main = resolve_name(f"{program}:{main.__name__}")
    try:
        _clearing_up(main)
    except UserError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error), 1)
    except MemoryError as error:
        return _fail(f"out of memory: {error}" if str(error) else "out of memory", 1)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    return 0


def note(text: str) -> None:
    """Print a sentence to stderr that a person should read, though nothing has failed."""
    say(f"note: {text}")


def say(text: str) -> None:
    """Print a line to stderr in which nothing steers the terminal, no password stands, and no more than LONGEST."""
    text = printable(masked(text[: 10 * LONGEST]))
    print(text if len(text) <= LONGEST else f"{text[:LONGEST]}…", file=sys.stderr, flush=True)


def one_line(error: BaseException) -> str:
    """Return the kind and the text of an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _clearing_up(main: Callable[[], None]) -> None:
    """Call `main`. In it Ctrl-C raises KeyboardInterrupt, so that temporary files and processes are cleared away."""
    before = signal.getsignal(signal.SIGINT)
    if before is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    finally:
        if before is _end:
            signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    os.write(_STDERR, b"error: interrupted\n")
    os._exit(INTERRUPTED)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the cure for a missing package; of anything else, which is a bug, the traceback."""
    package = (getattr(error, "name", None) or "").partition(".")[0]
    is_known = package in sys.modules or package in sys.stdlib_module_names
    if not isinstance(error, ModuleNotFoundError) or is_known:
        sys.__excepthook__(kind, error, trace)
        return
    _fail(
        f"expected the packages of requirements.txt, found no {package} in {sys.prefix}: activate the virtual "
        "environment (. .venv/bin/activate), and install them there (pip install -r requirements.txt)",
        1,
    )


def _refuse(program: str | None, description: str) -> None:
    """Print the description if the command line asks for help, else say that there are no arguments; exit."""
    import argparse  # noqa: PLC0415  # DVC gives none

    name = f"python -m {program}" if program else None
    form = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(name, description=description, formatter_class=form).parse_args()


def _fail(message: str, code: int) -> int:
    say(f"error: {message}")
    return code
