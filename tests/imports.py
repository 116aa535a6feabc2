"""Which files of the project a stage imports, directly or through others."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def project_modules(path: Path) -> set[str]:
    """Return the repository paths of `path` and of every project module behind its imports."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(ROOT).as_posix()
        if name in found:
            continue
        found.add(name)
        waiting += [module for module in imported(path) if module.is_file()]
    return found


def imported(path: Path) -> set[Path]:
    """Return the files that the import statements of `path` name inside the project."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    inside = {name for name in names if name.split(".")[0] in ("textrnn", "stages", "compare")}
    return {ROOT / (name.replace(".", "/") + ".py") for name in inside}
