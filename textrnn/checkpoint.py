"""What a killed training needs to go on as if nothing had happened.

DVC deletes a stage's outputs before it runs the stage, so the checkpoint lies outside them, in a
directory that Git ignores. Its fingerprint ties it to one set of parameters, data, code and
package versions: another training never takes it up.
"""

import hashlib
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from textrnn import paths
from textrnn.files import replacing

Arrays = dict[str, NDArray[np.generic]]


class Checkpoint(NamedTuple):
    """The state after some epochs: a history row for each, and every variable, now and when it was best."""

    history: NDArray[np.float64]
    now: Arrays
    best: Arrays


def fingerprint(settings: str, files: list[Path]) -> str:
    """Return a hash of the settings, the bytes of `files`, the project's loaded modules and its packages."""
    digest = hashlib.sha256(settings.encode())
    loaded = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    own = (paths.ROOT / "textrnn", paths.ROOT / "stages")
    code = sorted({Path(name) for name in loaded if name and Path(name).parent in own})
    for path in [*files, *code]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(" ".join(version(name) for name in ("tensorflow", "keras", "numpy")).encode())
    return digest.hexdigest()


def save(path: Path, mark: str, checkpoint: Checkpoint) -> None:
    """Write the checkpoint, tied to the fingerprint `mark`, in place of the last one."""
    arrays = {"mark": np.array(mark), "history": checkpoint.history}
    arrays |= {f"now/{name}": array for name, array in checkpoint.now.items()}
    arrays |= {f"best/{name}": array for name, array in checkpoint.best.items()}
    with replacing(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the names for options


def load(path: Path, mark: str) -> Checkpoint | None:
    """Return the checkpoint at `path`; None when there is none, it is damaged, or of another training."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["mark"]) != mark:
                return None
            return Checkpoint(stored["history"], part(stored, "now/"), part(stored, "best/"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def part(stored: Mapping[str, NDArray[np.generic]], prefix: str) -> Arrays:
    """Return the arrays whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): stored[name] for name in stored if name.startswith(prefix)}
