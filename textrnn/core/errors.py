"""How a mistake that a user can mend, and a signal, end a program: one line on stderr and an exit code, no traceback.

It also opens the standard streams that are closed (`2>&-`), before anything writes to them.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from types import TracebackType

from textrnn.core.escape import masked, printable

# The signals that ask a process to end, and what is said then. Windows has no SIGHUP.
STOPS = {
    getattr(signal, name): said
    for name, said in {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}.items()
    if hasattr(signal, name)
}

LONGEST = 2_000  # characters of a line: an error of a library may quote what a server has sent, or a whole file


def _open_closed_streams() -> None:
    """Open os.devnull in place of a closed standard stream. Else the next file gets its number, and what is said."""
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


_open_closed_streams()
_STDERR = os.dup(2)  # textrnn/model/runtime.py turns 2 away while TensorFlow loads


class UserError(Exception):
    """Something the user can mend. Its text says what was expected, what was found, and what to do."""


def end_in_one_line() -> None:
    """Let STOPS, a missing package and a lack of memory end this process with one line, while modules load too.

    A signal that is ignored (nohup) stays so.
    """
    sys.excepthook = _uncaught
    for number in STOPS:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _end)


def run(main: Callable[[], None], description: str | None = None) -> int:
    """Call `main` and return the exit code: 0, 1 after a user's error, 128 + its number after one of STOPS.

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
    except (MemoryError, ImportError) as error:
        if not lacks_memory(error):
            raise
        return _fail(f"out of memory: {error}" if str(error) else "out of memory", 1)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        return _fail(STOPS[number], 128 + number)
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


def lacks_memory(error: BaseException) -> bool:
    """Return whether memory has run out: a library that finds none for its code raises ImportError."""
    return isinstance(error, MemoryError) or "failed to map segment" in str(error)


def _clearing_up(main: Callable[[], None]) -> None:
    """Call `main`. In it STOPS raise KeyboardInterrupt, so that temporary files and processes are cleared away."""
    ours = [number for number in STOPS if signal.getsignal(number) is _end]
    for number in ours:
        signal.signal(number, _stop)
    try:
        main()
    finally:
        for number in ours:
            signal.signal(number, _end)


@contextmanager
def held() -> Iterator[None]:
    """Let what came of STOPS in the block raise KeyboardInterrupt at its end: what it starts must not be half begun."""
    global _came  # noqa: PLW0603
    _came = []
    try:
        yield
    finally:
        came, _came = _came, None
        if came:  # whatever has failed meanwhile: perhaps because the signal went to all
            raise KeyboardInterrupt(came[0])


_came: list[int] | None = None  # of STOPS while they are held


def _stop(number: int, _: object) -> None:
    if _came is None:
        raise KeyboardInterrupt(number)
    _came.append(number)


def _end(number: int, _: object) -> None:
    os.write(_STDERR, f"error: {STOPS[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the cure for a missing package, or that memory ran out; of anything else, which is a bug, the traceback."""
    if lacks_memory(error):
        _fail("out of memory", 1)
        return
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
