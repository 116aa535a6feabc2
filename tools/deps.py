"""Write the code that each stage imports into dvc.yaml: DVC sees no imports, and would skip a stage whose code changed.

A stage whose command is `python -m PACKAGE.MODULE` or `python FILE.py` depends on that file, on the folder of each
package of textrnn/ that it imports, directly or through others, and on any other module of the project behind its
imports. The further entries of its `deps`, such as data, stay as they are.

Run     python -m tools.deps [FILE ...]   (default: dvc.yaml)
"""

import ast
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_text, write_text

PACKAGE = paths.ROOT / "textrnn"
COMMAND = re.compile(r"\bpython3? (?:-m (?P<module>[\w.]+)|(?P<file>[\w./-]+\.py))")


def imported(path: Path) -> set[Path]:
    """Return the project's files that the import statements in `path` name, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = {paths.ROOT / f"{name.replace('.', '/')}.py" for name in names}
    return {file for file in files if file.is_file()}


def modules(script: Path) -> set[Path]:
    """Return `script` and every module of the project behind its imports."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            waiting += imported(path)
    return found


def room(module: Path) -> Path:
    """Return the folder of a module's package in textrnn/, or the module itself if it lies elsewhere."""
    inside = module.is_relative_to(PACKAGE) and module.parent != PACKAGE
    return PACKAGE / module.relative_to(PACKAGE).parts[0] if inside else module


def code(script: Path) -> list[Path]:
    """Return what a stage that runs `script` depends on of the project's code: the script first."""
    return [script, *sorted({room(module) for module in modules(script)} - {script})]


def script_of(command: str) -> Path | None:
    """Return the project's file that a stage's command runs; None if it runs none."""
    found = COMMAND.search(command)
    name = f"{found['module'].replace('.', '/')}.py" if found and found["module"] else found and found["file"]
    return paths.ROOT / name if name and (paths.ROOT / name).is_file() else None


def is_code(path: Path) -> bool:
    """Return whether a dependency is code of the project: a module, or a folder of textrnn/."""
    return path.suffix == ".py" or path.is_relative_to(PACKAGE)


def updated(text: str, folder: Path) -> str:
    """Return the text of a dvc.yaml in `folder` with the code that each of its stages imports."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(text)
    for stage in document["stages"].values():
        start = folder / stage.get("wdir", "")
        if script := script_of(_one(stage["cmd"])):
            deps = stage.setdefault("deps", [])
            for number in reversed(range(len(deps))):
                if is_code((start / deps[number]).resolve()):
                    del deps[number]
            for number, path in enumerate(code(script)):
                deps.insert(number, Path(os.path.relpath(path, start)).as_posix())
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _one(command: Any) -> str:
    return command if isinstance(command, str) else " && ".join(command)


def main() -> None:
    """Update the files that the command line names."""
    for name in sys.argv[1:] or ["dvc.yaml"]:
        path = Path(name).resolve()
        text = read_text(path)
        new = updated(text, path.parent)
        if "stages" not in YAML(typ="safe", pure=True).load(text):
            raise UserError(f"{name}: expected a dvc.yaml with stages, found none")
        if new != text:
            write_text(path, new)


if __name__ == "__main__":
    sys.exit(run(main))
