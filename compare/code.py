"""code: a fingerprint of everything that the numbers of the comparison depend on.

DVC cannot track it: it lies outside the comparison's project, where DVC would hash `__pycache__` as well. So this
stage always runs, takes a second, and every cell depends on the file that it writes.

Reads   the modules of the project that a cell runs; params.yaml, compare/params.yaml, presets/tutorial.txt,
        requirements.txt, compare/requirements.txt
Writes  compare/prepared/code.json
Run     python -m compare.code
"""

import hashlib
import json
import sys

from ruamel.yaml import YAML

from compare.protocols import HERE, PREPARED
from textrnn.artifacts import provenance
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.files import read_text, write_json
from tools import deps

FINGERPRINTS = PREPARED / "code.json"  # of the code as it is now
RECORD = HERE / "code.json"  # in Git: the fingerprints of the code that gave the scores in cells.tsv
SECTIONS = ("clean", "train", "vectorize")  # of params.yaml
FILES = (paths.ROOT / "presets/tutorial.txt", paths.REQUIREMENTS, HERE / "requirements.txt", HERE / "params.yaml")


def current() -> dict[str, str]:
    """Return the SHA-256 of each module, folder of textrnn/, file and section of params.yaml that a cell depends on."""
    places = {paths.shown(path) for script in ("prepare.py", "cell.py") for path in deps.code(HERE / script)}
    settings = YAML(typ="safe", pure=True).load(read_text(paths.PARAMS))
    values = json.dumps([settings[section] for section in SECTIONS], sort_keys=True)
    return (
        {place: provenance.code([place]) for place in places}
        | {paths.shown(path): provenance.checksum(path) for path in FILES}
        | {f"params.yaml: {', '.join(SECTIONS)}": hashlib.sha256(values.encode()).hexdigest()}
    )


def main() -> None:
    """Run the stage."""
    write_json(FINGERPRINTS, current())


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
