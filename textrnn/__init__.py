"""What more than one stage, or predict.py, needs: small modules of pure functions."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # an older Python understands this file, and few of the others
    sys.exit(
        f"error: expected Python 3.11 or later, found {sys.version.split()[0]} ({sys.executable}): "
        "make the virtual environment with a later one, python3.11 -m venv .venv"
    )
