"""Write the code that each stage imports into dvc.yaml: DVC sees no imports, and would skip a stage whose code changed.

A stage whose command runs `python -m PACKAGE.MODULE` or `python FILE.py` depends on that script, on the folder of each
package of textrnn/ that it imports, directly or through others, and on each other module of the project that it
imports. Entries of `deps` that are no code, such as data, stay as they are; modules that nothing imports are removed.

Run     python -m tools.deps [FILE ...]   (default: dvc.yaml)
"""

import argparse
import ast
import io
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_text, write_text

COMMAND = re.compile(r"\bpython[\d.]*(?: +-[A-Za-z]+)*? +(?:-m +(?P<module>[^\s;&|]+)|(?P<file>[^\s;&|]+\.py))")


@cache
def imported(path: Path) -> set[Path]:
    """Return the project's files that the import statements in `path` name, those inside functions too.

    Raises UserError if `path` is not valid Python.
    """
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except SyntaxError as error:
        raise UserError(f"{paths.shown(path)}:{error.lineno}: {error.msg}") from None
    found: set[Path] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= _files([alias.name for alias in node.names], paths.ROOT, path.parent)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)]
            # A script that is run as a file finds the modules beside it.
            bases = [path.parents[node.level - 1]] if node.level else [paths.ROOT, path.parent]
            found |= _files(names, *bases)
    return found


def _files(names: list[str], *bases: Path) -> set[Path]:
    """Return the file of each module that lies under one of the folders `bases`: MODULE.py or MODULE/__init__.py."""
    places = [base.joinpath(*name.split(".")) for name in names if name for base in bases]
    files = [file for place in places for file in (place.with_name(f"{place.name}.py"), place / "__init__.py")]
    return {file for file in files if file.is_file()}


def modules(script: Path) -> set[Path]:
    """Return `script` and every module of the project that it imports, directly or through others."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            waiting += imported(path)
    return found


def code(script: Path) -> list[Path]:
    """Return the script, then the folders of textrnn/ and the other modules that it imports."""
    package = paths.ROOT / "textrnn"

    def place(module: Path) -> Path:
        inside = module.is_relative_to(package) and module.parent != package
        return package / module.relative_to(package).parts[0] if inside else module

    return [script, *sorted({place(module) for module in modules(script)} - {script})]


def scripts(stage: str, command: str | list[str], folder: Path) -> Iterator[Path]:
    """Yield the project's scripts that a stage's command runs in `folder`.

    The name of a script may be a template, which only DVC fills in: the deps of such a stage are left to the user.
    Raises UserError if a script is not there.
    """
    for found in COMMAND.finditer(command if isinstance(command, str) else "\n".join(command)):
        module, file = found["module"], found["file"]
        if "${" in (module or file) or (module and not (paths.ROOT / module.split(".")[0]).is_dir()):
            continue  # a template, or somebody else's package, such as `python -m pip`
        path = paths.ROOT / f"{module.replace('.', '/')}.py" if module else (folder / file).resolve()
        if not path.is_file():
            raise UserError(f"stage {stage}: {paths.shown(path)}, which its command runs, does not exist")
        yield path


def is_code(path: Path) -> bool:
    """Return whether a dependency is code of the project: a module, or a folder of textrnn/."""
    return path.suffix == ".py" or path.is_relative_to(paths.ROOT / "textrnn")


def updated(text: str, folder: Path) -> str:
    """Return the text of a dvc.yaml in `folder` with the code that each of its stages imports.

    Where nothing is missing and nothing is listed in vain, that is the text as it was. Raises UserError if the text
    is no dvc.yaml with stages.
    """
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        document = yaml.load(text)
        stages = [(name, stage.get("do", stage)) for name, stage in document["stages"].items()]
        changes = [_update(name, stage, folder) for name, stage in stages]
    except YAMLError as error:
        raise UserError(f"not valid YAML: {' '.join(str(error).split())}") from None
    except (AttributeError, KeyError, TypeError):
        raise UserError("expected `stages:`, each with a `cmd:`") from None
    if not any(changes):
        return text
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _update(name: str, stage: Any, folder: Path) -> bool:
    """Put the code that a stage imports at the head of its `deps`. Return whether that changed them."""
    start = folder / stage.get("wdir", "")
    wanted: dict[str, None] = {}
    for script in scripts(name, stage["cmd"], start):
        wanted |= dict.fromkeys(Path(os.path.relpath(path, start)).as_posix() for path in code(script))
    deps = stage.get("deps", [])
    listed = [place for place, entry in enumerate(deps) if is_code((start / entry).resolve())]
    if not wanted or sorted(deps[place] for place in listed) == sorted(wanted):
        return False
    if "deps" not in stage:
        stage.insert(list(stage).index("cmd") + 1, "deps", deps)
    for place in reversed(listed):
        del deps[place]
    for place, entry in enumerate(wanted):
        deps.insert(place, entry)
    return True


def main() -> None:
    """Update the files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE", default=["dvc.yaml"])
    for name in parser.parse_args().files:
        path = Path(name).resolve()
        if path.parent != paths.ROOT and (path.parent / ".dvc").is_dir():
            raise UserError(f"{name} belongs to another DVC project, {paths.shown(path.parent)}")
        text = read_text(path)
        try:
            new = updated(text, path.parent)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        if new != text:
            write_text(path, new)


if __name__ == "__main__":
    sys.exit(run(main))
