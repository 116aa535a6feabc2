"""What keeps the repository itself in order."""

import sys

from textrnn.core.errors import end_in_one_line

if sys.argv[:1] == ["-m"]:  # as in stages/
    end_in_one_line()
