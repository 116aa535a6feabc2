"""A function call as bytes, which runs when a Dask worker unpickles it, provided the worker has the same code."""

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

PACKAGES = ("numpy", "regex")  # their versions may change what the data stages write


class Call:
    """An object that unpickles to the result of the call."""

    def __init__(self, expected_code: str, call: bytes) -> None:
        self.arguments = expected_code, call

    def __reduce__(self) -> tuple[Callable[[str, bytes], bytes], tuple[str, bytes]]:
        return run, self.arguments


class Pickler(pickle.Pickler):
    """Pickles what `python -m stages.clean` defines under the name stages.clean: on a worker, __main__ is Dask."""

    def reducer_override(self, value: Any) -> Any:
        """Return how to find a function or class of the module that runs as the program."""
        program = getattr(sys.modules["__main__"].__spec__, "name", None)
        if program and isinstance(value, FunctionType | type) and value.__module__ == "__main__":
            return resolve_name, (f"{program}:{value.__qualname__}",)
        return NotImplemented


def pickled(function: Callable[[T], R], item: T) -> bytes:
    """Return the call `function(item)` as bytes."""
    file = io.BytesIO()
    Pickler(file).dump((function, item))
    return pickle.dumps(Call(code(), file.getvalue()))


def run(expected_code: str, call: bytes) -> bytes:
    """Run a call and return its result, or the exception it raised, pickled. Raises UserError if this code differs."""
    if code() != expected_code:
        raise UserError(
            f"expected {platform.node()} to run the code of this checkout, Python {platform.python_version()} and the "
            "packages of requirements.txt, found another version of these: restart its Dask workers from a checkout "
            "of the same commit"
        )
    function, item = pickle.loads(call)  # noqa: S301  # whoever reaches the scheduler may run any code here anyway
    try:
        answer: tuple[Any, BaseException | None] = (function(item), None)
    except Exception as error:  # noqa: BLE001  # `result` raises it again, in the stage's process
        error.add_note(f"on {platform.node()}:\n{traceback.format_exc()}")
        answer = (None, error)
    return pickle.dumps(answer)


def result(answer: bytes) -> Any:
    """Return what the function returned, or raise what it raised."""
    returned, error = pickle.loads(answer)  # noqa: S301
    if error:
        raise error
    return returned


@cache
def code() -> str:
    """Return a hash of this process's code, and the versions of what its results depend on."""
    versions = [platform.python_version(), *(f"{name} {metadata.version(name)}" for name in PACKAGES)]
    return " ".join([provenance.code(("stages", "textrnn")), *versions])
