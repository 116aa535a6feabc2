"""Classify texts with a trained model: `textrnn.load("model").predict(texts)`. See docs/api.md.

The rooms hold what the pipeline's stages and the commands share: small modules of pure functions.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036  # an older Python understands this file, and few of the others
    sys.exit(
        f"error: expected Python 3.11 or later, found {sys.version.split()[0]} ({sys.executable}): "
        "make the virtual environment with a later one, python3.11 -m venv .venv"
    )

# ONNX Runtime would keep a device id below HOME and send events to its maker. It reads this once, when it loads.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
__all__ = ["Answers", "Classifier", "UserError", "__version__", "load"]

if TYPE_CHECKING:
    from textrnn.core.errors import UserError
    from textrnn.inference.classifier import Answers, Classifier, load
else:

    def __getattr__(name):
        """Load what `import textrnn` offers when it is asked for: the stages need little of it."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        room = "core.errors" if name == "UserError" else "inference.classifier"
        return getattr(import_module(f"textrnn.{room}"), name)

    def __dir__():
        return [*globals(), *__all__]
