"""What more than one stage, or predict.py, needs: small modules of pure functions."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036  # an older Python understands this file, and few of the others
    sys.exit(
        f"error: expected Python 3.11 or later, found {sys.version.split()[0]} ({sys.executable}): "
        "make the virtual environment with a later one, python3.11 -m venv .venv"
    )

# ONNX Runtime would keep a device id below HOME and send events to its maker. It reads this once, when it loads.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
