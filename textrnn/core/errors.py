"""How a mistake that a user can mend ends: one message on stderr and exit code 1, no traceback."""

import sys
from collections.abc import Callable

from textrnn.core import interrupt
from textrnn.core.escape import printable


class UserError(Exception):
    """Something the user can mend. Its text says what was expected, what was found, and what to do."""


def run(main: Callable[[], None], description: str | None = None) -> int:
    """Call `main` and return the exit code: 0, 1 after a user's error, 130 when interrupted.

    With the description of a module which takes no arguments, --help prints it, and any other argument is refused.

    An OSError (full disk, missing file, no permission) is a user's error too: its own text names
    the file and the reason. So is a lack of memory. Any other exception is a bug and keeps its traceback.
    """
    if description and sys.argv[1:]:
        _refuse(description)
    try:
        with interrupt.raised():
            main()
    except UserError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error), 1)
    except MemoryError as error:
        return _fail(f"expected enough memory, found too little: {error or 'none is left'}", 1)
    except KeyboardInterrupt:
        return _fail("interrupted", interrupt.CODE)
    return 0


def one_line(error: BaseException) -> str:
    """Return the kind and the text of an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _refuse(description: str) -> None:
    """Print the description if that is what the command line asks for, else say that there are no arguments; exit."""
    import argparse  # noqa: PLC0415  # DVC gives none

    name = getattr(sys.modules["__main__"].__spec__, "name", None)
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}" if name else None,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()


def _fail(message: str, code: int) -> int:
    print(f"error: {printable(message)}", file=sys.stderr)
    return code
