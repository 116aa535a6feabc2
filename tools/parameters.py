"""docs/parameters.md, written from what params.yaml says of each setting itself.

Reads   params.yaml, dvc.yaml
Writes  docs/parameters.md
Run     python -m tools.parameters   (after a change of params.yaml)
"""

import re
import sys

from ruamel.yaml import YAML

from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.files import read_text, write_text
from tools.markdown import table

PAGE = paths.ROOT / "docs/parameters.md"
SETTING = re.compile(r" +(\w+): +(.+?) +# (.+)")
HEAD = """# Parameters

Every setting of the pipeline: a section of [params.yaml](../params.yaml) for each stage. Written from that file by
`python -m tools.parameters`. A wrong key, type or bound is an error that names the key, what was expected and what was
found. To change one: edit params.yaml and `dvc repro`, or `dvc exp run -S train.epochs=8` and the like.
"""


def page(params: str, pipeline: str) -> str:
    """Return the page for the texts of params.yaml and dvc.yaml."""
    stages = YAML(typ="safe", pure=True).load(pipeline)["stages"]
    parts = [HEAD]
    for section in re.split(r"^(?=\w+:\n)", params, flags=re.MULTILINE)[1:]:
        name, *lines = section.rstrip("\n").split("\n")
        stage = name.rstrip(":")
        rows = [setting(line) for line in lines]
        parts.append(f"## {stage}\n\n{stages[stage]['desc']}.\n\n{table(['setting', 'default', 'meaning'], rows)}\n")
    return "\n".join(parts)


def setting(line: str) -> list[str]:
    """Return name, default and meaning of a line of params.yaml. Raises ValueError where one of them is missing."""
    found = SETTING.fullmatch(line)
    if not found:
        raise ValueError(f"expected `key: value  # meaning` in params.yaml, found {line!r}")
    name, default, meaning = (part.strip().replace("|", "\\|") for part in found.groups())
    return [f"`{name}`", f"`{default}`", meaning]


def main() -> None:
    """Write the page anew."""
    write_text(PAGE, page(read_text(paths.PARAMS), read_text(paths.ROOT / "dvc.yaml")))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
