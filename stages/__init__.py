"""The seven stages of the pipeline, each a script: `python -m stages.clean`."""

import sys

from textrnn.core.errors import end_in_one_line

if sys.argv[:1] == ["-m"]:  # so Python has it while it looks for the module to run as a script
    end_in_one_line()
