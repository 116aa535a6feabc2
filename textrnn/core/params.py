"""Settings read from one section of params.yaml: unknown keys, wrong types and bounds are errors."""

import reprlib
from difflib import get_close_matches
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.escape import masked

FOUND = reprlib.Repr()  # of a value in a message: YAML's aliases of aliases could make it endless
FOUND.maxlevel, FOUND.maxlist, FOUND.maxdict = 2, 3, 3
FOUND.maxstring = FOUND.maxother = FOUND.maxlong = 80
PLAINER = {  # than pydantic's words
    "expected ": "",
    "Input should be ": "",
    "String should ": "to ",
    "greater than or equal to ": "at least ",
    "less than or equal to ": "at most ",
    "greater than ": "more than ",
    "a valid integer": "a whole number",
    "a valid string": "a text",
    "a valid boolean": "true or false",
    "a valid number": "a number",
    "to match pattern '^[0-9a-fA-F]{64}$'": "64 hexadecimal digits",
}
Column = Annotated[int, Field(ge=0, lt=16_384)] | Annotated[str, Field(min_length=1)]  # of a table: position or name


class Section(BaseModel):
    """A section of params.yaml, or the keys of one that a stage reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


def load(name: str, kind: type[S], part: bool = False, path: Path | None = None) -> S:
    """Return section `name` of params.yaml as a `kind`; with `part`, only the keys that `kind` has.

    Raises UserError, which names each wrong key, what was expected and what was found.
    """
    path = path or paths.PARAMS
    section = _read(path).get(name)
    if not isinstance(section, dict):
        raise UserError(f"{paths.shown(path)}: expected a section `{name}:` of keys, found {_shown(section)}")
    if part:
        section = {key: value for key, value in section.items() if key in kind.model_fields}
    try:
        return kind.model_validate(section)
    except ValidationError as error:
        by_key = groupby(error.errors(), key=lambda problem: problem["loc"][:1])
        lines = [f"{'.'.join([name, *map(str, key)])}: {_explained(list(problems), kind)}" for key, problems in by_key]
        raise UserError(f"{paths.shown(path)}: " + "; ".join(lines)) from None


def _read(path: Path) -> dict[str, Any]:
    """Parse as YAML 1.2, as DVC itself does: to YAML 1.1, `no` is false and `1e-3` is a string."""
    try:
        value = _parsed(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"expected the parameters in {path}, found no file: restore it from Git") from None
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # the parser raises many kinds, for odd numbers and deep nesting
        raise UserError(f"{paths.shown(path)} is not valid YAML: {' '.join(str(error).split())}") from None
    return value if isinstance(value, dict) else {}


@lru_cache(maxsize=1)
def _parsed(text: str) -> Any:
    """Parse a text once, however many of its sections a stage reads. Nobody may change the result."""
    from ruamel.yaml import YAML  # noqa: PLC0415  # predict.py has sections too, and reads no YAML

    return YAML(typ="safe", pure=True).load(text)


def _explained(problems: list[Any], kind: type[Section]) -> str:
    """Say what is wrong with one key. A key that may be of several types has a problem for each."""
    problem = problems[0]
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(problem["loc"][0]), kind.model_fields, n=1)
        told = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(kind.model_fields)}"
        return f"no such setting, {told}"
    if problem["type"] == "missing":
        return "expected this setting, found none: add it"
    wanted = " or ".join(problem["msg"].removeprefix("Value error, ") for problem in problems)
    for words, plainer in PLAINER.items():
        wanted = wanted.replace(words, plainer)
    found = f", found {_shown(problem['input'])}" if problem["loc"] else ""  # else several keys do not fit together
    return f"expected {wanted}{found}"


def _shown(value: Any) -> str:
    """Return a value as YAML writes it, cut short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    try:
        return FOUND.repr(masked(value) if isinstance(value, str) else value)
    except ValueError:  # Python prints no number of more than 4,300 digits
        return "a huge number"
