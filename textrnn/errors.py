"""How a mistake that a user can mend ends: one message on stderr and exit code 1, no traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend. Its text says what was expected, what was found, and what to do."""


def run(main: Callable[[], None]) -> int:
    """Call `main` and return the exit code: 0, 1 after a user's error, 130 when interrupted.

    An OSError (full disk, missing file, no permission) is a user's error too: its own text names
    the file and the reason. Any other exception is a bug and keeps its traceback.
    """
    try:
        main()
    except UserError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
