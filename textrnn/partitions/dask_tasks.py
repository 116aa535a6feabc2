"""A call as bytes: it is made where they are unpickled, by the same code or not at all."""

import io
import pickle
import platform
import sys
import traceback
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pkgutil import resolve_name
from types import FunctionType
from typing import Any, TypeVar

from textrnn.artifacts import provenance
from textrnn.core.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

PACKAGES = ("numpy", "regex")  # whose versions may change what the data stages write


class Call:
    """What has become the call's result when it is unpickled."""

    def __init__(self, expected: str, pickled: bytes) -> None:
        self.given = expected, pickled

    def __reduce__(self) -> tuple[Callable[[str, bytes], bytes], tuple[str, bytes]]:
        return made, self.given


class Pickler(pickle.Pickler):
    """Pickles the functions and classes of the module which runs as a program under the name that others import."""

    def reducer_override(self, value: Any) -> Any:
        """Return where to find such a function or class."""
        program = getattr(sys.modules["__main__"].__spec__, "name", None)
        if program and isinstance(value, FunctionType | type) and value.__module__ == "__main__":
            return resolve_name, (f"{program}:{value.__qualname__}",)
        return NotImplemented


def pickled(function: Callable[[T], R], item: T) -> bytes:
    """Return a call as bytes."""
    file = io.BytesIO()
    Pickler(file).dump((function, item))
    return pickle.dumps(Call(code(), file.getvalue()))


def made(expected: str, call: bytes) -> bytes:
    """Return the result, or what the function raised, pickled. Raises UserError where the code is another."""
    if code() != expected:
        raise UserError(
            f"expected {platform.node()} to run the code of this checkout, Python {platform.python_version()} and the "
            "packages of requirements.txt, found another of these: start its Dask workers again, from a checkout of "
            "the same commit"
        )
    function, item = pickle.loads(call)  # noqa: S301  # who sends it may run any code here
    try:
        answer: tuple[Any, BaseException | None] = (function(item), None)
    except Exception as error:  # noqa: BLE001  # it is raised again, where the result is wanted
        error.add_note(f"on {platform.node()}:\n{traceback.format_exc()}")
        answer = (None, error)
    return pickle.dumps(answer)


def result(answer: bytes) -> Any:
    """Return what the function returned. Raises what it raised."""
    found, error = pickle.loads(answer)  # noqa: S301
    if error:
        raise error
    return found


@cache
def code() -> str:
    """Return a hash of the code that this process runs, with the versions of what its results depend on."""
    versions = [platform.python_version(), *(f"{name} {metadata.version(name)}" for name in PACKAGES)]
    return " ".join([provenance.code(("stages", "textrnn")), *versions])
