"""What a killed training needs to go on as if nothing had happened.

DVC deletes a stage's outputs before it runs the stage, so the checkpoint lies outside them, in a
directory that Git ignores. Its fingerprint ties it to one set of parameters, data, code and
package versions: another training never takes it up.
"""

import hashlib
import io
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

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
    """Write the checkpoint, sealed with the fingerprint `mark`, in place of the last one."""
    arrays: Arrays = {"history": checkpoint.history}
    arrays |= {f"now/{name}": array for name, array in checkpoint.now.items()}
    arrays |= {f"best/{name}": array for name, array in checkpoint.best.items()}
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # its stub takes the names for options
    with replacing(path) as file:
        file.write(seal(mark, content.getvalue()) + content.getvalue())


def load(path: Path, mark: str) -> Checkpoint | None:
    """Return the checkpoint at `path`; None when there is none, it is damaged, or of another training."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    content = stored[hashlib.sha256().digest_size :]
    if stored != seal(mark, content) + content:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Checkpoint(arrays["history"], part(arrays, "now/"), part(arrays, "best/"))


def seal(mark: str, content: bytes) -> bytes:
    """Return what stands before the content of a checkpoint: a ZIP has no checksum of its directory."""
    return hashlib.sha256(mark.encode() + content).digest()


def part(stored: Mapping[str, NDArray[np.generic]], prefix: str) -> Arrays:
    """Return the arrays whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): stored[name] for name in stored if name.startswith(prefix)}
