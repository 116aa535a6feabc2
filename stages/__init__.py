"""The seven stages of the pipeline, each a script: `python -m stages.clean`."""

import sys

from textrnn.core import interrupt

if sys.argv[:1] == ["-m"]:  # what Python has there while it looks for the module to run as a script
    interrupt.ends_at_once()
