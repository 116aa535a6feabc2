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
from tools.markdown import written

PAGE = paths.ROOT / "docs/reproducibility.md"


def hashes() -> str:
    """Return the outputs and their hashes, as md5sum would list them."""
    outputs = of_lock((paths.ROOT / "dvc.lock").read_bytes()).values()
    lines = [f"{md5:37}{path}" for outs in outputs for path, md5 in outs.items()]
    return "\n".join(["```text", *lines, "```"])


BLOCKS = {"hashes": hashes}


def main() -> None:
    """Write the page anew."""
    write_text(PAGE, written(read_text(PAGE), BLOCKS))


if __name__ == "__main__":
    sys.exit(run(main))
