"""The checkpoint from which a killed training resumes as if nothing had happened.

DVC deletes a stage's outputs before it runs the stage, so the checkpoint lies outside them, in a
directory that Git ignores. Its fingerprint ties it to one set of parameters, data, code and
package versions: another training never uses it.
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

SEAL = hashlib.sha256().digest_size  # bytes before the content, of its hash

Arrays = dict[str, NDArray[Any]]


class Checkpoint(NamedTuple):
    """The state after some epochs: a history row for each, and every variable, now and at the best epoch."""

    history: NDArray[np.float64]
    now: Arrays
    best: Arrays


def fingerprint(settings: str, files: list[Path]) -> str:
    """Return a hash of the settings, the bytes of `files`, the code of the stage train and its packages."""
    digest = hashlib.sha256(settings.encode())
    for path in files:
        digest.update(bytes.fromhex(provenance.checksum(path)))
    digest.update(repr((provenance.code(), provenance.packages())).encode())
    return digest.hexdigest()


def save(path: Path, fingerprint: str, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at `path`."""
    content = packed(checkpoint, fingerprint)
    with replacing(path) as file:
        file.write(hashlib.sha256(content).digest() + content)  # a ZIP has no checksum of its directory


def load(path: Path, fingerprint: str) -> Checkpoint | None:
    """Return the checkpoint at `path`. Return None if there is none, or, with a line on stderr, if it is unusable."""
    try:
        stored = path.read_bytes()
        if stored[:SEAL] != hashlib.sha256(stored[SEAL:]).digest():
            raise ValueError("it is damaged")
        saved_by, checkpoint = unpacked(stored[SEAL:])
        if saved_by != fingerprint:
            raise ValueError("it is of another training: other parameters, data, code or packages")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        print(f"checkpoint not used: {error} ({paths.shown(path)})", file=sys.stderr, flush=True)
        return None
    return checkpoint


def packed(checkpoint: Checkpoint, fingerprint: str) -> bytes:
    """Return the checkpoint as the bytes of a NumPy archive."""
    arrays: Arrays = {"fingerprint": np.array(fingerprint), "history": checkpoint.history}
    arrays |= {f"now/{name}": array for name, array in checkpoint.now.items()}
    arrays |= {f"best/{name}": array for name, array in checkpoint.best.items()}
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # its stub takes the names for options
    return content.getvalue()


def unpacked(content: bytes) -> tuple[str, Checkpoint]:
    """Return the fingerprint and the checkpoint that `packed` made bytes of."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        checkpoint = Checkpoint(arrays["history"], part(arrays, "now/"), part(arrays, "best/"))
        return str(arrays["fingerprint"]), checkpoint


def part(stored: Mapping[str, NDArray[np.generic]], prefix: str) -> Arrays:
    """Return the arrays whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): stored[name] for name in stored if name.startswith(prefix)}
