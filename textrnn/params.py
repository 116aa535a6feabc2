"""Settings read from one section of params.yaml: unknown keys, wrong types and bounds are errors."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from textrnn import paths
from textrnn.errors import UserError


class Section(BaseModel):
    """A section of params.yaml, or the part of one that a stage reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


def load(name: str, kind: type[S], part: bool = False, path: Path | None = None) -> S:
    """Return section `name` of params.yaml as a `kind`; with `part`, only the keys that `kind` has.

    Raises UserError which names each wrong key, what was expected and what was found.
    """
    path = path or paths.PARAMS
    section = _read(path).get(name)
    if not isinstance(section, dict):
        raise UserError(f"{paths.shown(path)}: expected a section `{name}:` of keys, found {section!r}")
    if part:
        section = {key: value for key, value in section.items() if key in kind.model_fields}
    try:
        return kind.model_validate(section)
    except ValidationError as error:
        by_key = groupby(error.errors(), key=lambda problem: problem["loc"][:1])
        lines = [_explained(".".join([name, *map(str, key)]), list(problems), kind) for key, problems in by_key]
        raise UserError(f"{paths.shown(path)}: " + "; ".join(lines)) from None


def _read(path: Path) -> dict[str, Any]:
    """Parse as YAML 1.2, as DVC itself does: to YAML 1.1, `no` is false and `1e-3` is a string."""
    try:
        value = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"expected the parameters in {path}, found no file: restore it from Git") from None
    except (YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a date or number that is none
        raise UserError(f"{paths.shown(path)} is not valid YAML: {' '.join(str(error).split())}") from None
    return value if isinstance(value, dict) else {}


def _explained(key: str, problems: Sequence[Any], kind: type[Section]) -> str:
    """Return what is wrong with one key. A key that may be of several types has a problem for each."""
    problem = problems[0]
    if problem["type"] == "extra_forbidden":
        return f"{key}: no such setting, expected one of {', '.join(kind.model_fields)}"
    if problem["type"] == "missing":
        return f"{key}: expected this setting, found none: add it"
    wanted = " or ".join(problem["msg"].removeprefix("Value error, ") for problem in problems)
    wanted = wanted.replace("Input should be ", "").replace("String should ", "to ").removeprefix("expected ")
    if not problem["loc"]:  # of several keys together
        return f"{key}: expected {wanted}"
    return f"{key}: expected {wanted}, found {problem['input']!r}"
