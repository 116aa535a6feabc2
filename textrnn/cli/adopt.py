"""The command `textrnn adopt`: what `python -m tools.adopt` does in a clone, whose own code it runs."""

import os
import subprocess
import sys
from pathlib import Path

from textrnn.core.errors import UserError

PARTS = ("params.yaml", "dvc.yaml", "tools/adopt.py")  # of a clone


def main() -> None:
    """Adopt a file in the clone that is the current folder. Raises UserError elsewhere."""
    if missing := [part for part in PARTS if not Path(part).is_file()]:
        raise UserError(
            "expected a clone of textrnn's repository, whose params.yaml adopt sets to your file, found no "
            f"{missing[0]} in {Path.cwd()}: clone the repository, and run textrnn adopt in its folder"
        )
    command = [sys.executable, "-m", "tools.adopt", *sys.argv[1:]]
    if sys.platform == "win32":  # there a process that replaces another ends the shell's wait
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)  # noqa: S606  # there is no shell to start
