"""Write the hashes of all outputs, as dvc.lock has them, into docs/reproducibility.md.

Reads   dvc.lock
Writes  docs/reproducibility.md, between its markers
Run     python -m tools.hashes
"""

import sys

from bench.outputs import of_lock
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.files import read_text, write_text
from tools.markdown import table, written

PAGE = paths.ROOT / "docs/reproducibility.md"


def hashes() -> str:
    """Return the table of outputs and their hashes."""
    outputs = of_lock((paths.ROOT / "dvc.lock").read_bytes()).values()
    rows = [[f"`{path}`", f"`{md5}`"] for outs in outputs for path, md5 in outs.items()]
    return table(["output", "MD5, as DVC has it"], rows)


BLOCKS = {"hashes": hashes}


def main() -> None:
    """Write the page anew."""
    write_text(PAGE, written(read_text(PAGE), BLOCKS))


if __name__ == "__main__":
    sys.exit(run(main))
