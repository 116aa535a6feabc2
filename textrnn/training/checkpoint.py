"""What a killed training needs to go on as if nothing had happened.

DVC deletes a stage's outputs before it runs the stage, so the checkpoint lies outside them, in a
directory that Git ignores. Its fingerprint ties it to one set of parameters, data, code and
package versions: another training never takes it up.
"""

import hashlib
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import provenance
from textrnn.core import paths
from textrnn.core.files import replacing

SEAL = hashlib.sha256().digest_size  # bytes: whose checkpoint it is, then the checksum of all

Arrays = dict[str, NDArray[Any]]


class Checkpoint(NamedTuple):
    """The state after some epochs: a history row for each, and every variable, now and when it was best."""

    history: NDArray[np.float64]
    now: Arrays
    best: Arrays


def fingerprint(settings: str, files: list[Path]) -> str:
    """Return a hash of the settings, the bytes of `files`, the project's loaded modules and its packages."""
    digest = hashlib.sha256(settings.encode())
    for path in files:
        digest.update(bytes.fromhex(provenance.checksum(path)))
    digest.update(repr((provenance.code(), provenance.packages())).encode())
    return digest.hexdigest()


def save(path: Path, mark: str, checkpoint: Checkpoint) -> None:
    """Write the checkpoint, sealed with the fingerprint `mark`, in place of the last one."""
    content = packed(checkpoint)
    with replacing(path) as file:
        owner = hashlib.sha256(mark.encode()).digest()
        # A ZIP has no checksum of its directory.
        file.write(owner + hashlib.sha256(owner + content).digest() + content)


def load(path: Path, mark: str) -> Checkpoint | None:
    """Return the checkpoint at `path`; None when there is none, or it cannot be used, which is told."""

    def refuse(why: str) -> None:
        print(f"checkpoint not used: {why} ({paths.shown(path)})", file=sys.stderr, flush=True)

    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        refuse(str(error))
        return None
    owner, seal, content = stored[:SEAL], stored[SEAL : 2 * SEAL], stored[2 * SEAL :]
    if seal != hashlib.sha256(owner + content).digest():
        refuse("it is damaged")
        return None
    if owner != hashlib.sha256(mark.encode()).digest():
        refuse("it is of another training: other parameters, data, code or packages")
        return None
    return unpacked(content)


def packed(checkpoint: Checkpoint) -> bytes:
    """Return the checkpoint as bytes."""
    arrays: Arrays = {"history": checkpoint.history}
    arrays |= {f"now/{name}": array for name, array in checkpoint.now.items()}
    arrays |= {f"best/{name}": array for name, array in checkpoint.best.items()}
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # its stub takes the names for options
    return content.getvalue()


def unpacked(content: bytes) -> Checkpoint:
    """Return what `packed` made bytes of."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Checkpoint(arrays["history"], part(arrays, "now/"), part(arrays, "best/"))


def part(stored: Mapping[str, NDArray[np.generic]], prefix: str) -> Arrays:
    """Return the arrays whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): stored[name] for name in stored if name.startswith(prefix)}
