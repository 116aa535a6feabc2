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

HASH = hashlib.sha256().digest_size  # bytes: a file is the hash of the rest, that of the fingerprint, and an archive

STATES = ("now", "best")

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
    content = hashlib.sha256(fingerprint.encode()).digest() + packed(checkpoint)
    with replacing(path) as file:
        file.write(hashlib.sha256(content).digest() + content)  # a ZIP has no checksum of its directory


def load(path: Path, fingerprint: str) -> Checkpoint | None:
    """Return the checkpoint at `path`. Return None if there is none, or, with a line on stderr, if it is unusable."""
    try:
        stored = path.read_bytes()
        if stored[:HASH] != hashlib.sha256(stored[HASH:]).digest():
            raise ValueError("it is damaged")
        if stored[HASH : 2 * HASH] != hashlib.sha256(fingerprint.encode()).digest():
            raise ValueError("it is of another training: other parameters, data, code or packages")
        return unpacked(stored[2 * HASH :])
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        print(f"checkpoint not used: {error} ({paths.shown(path)})", file=sys.stderr, flush=True)
    return None


def packed(checkpoint: Checkpoint) -> bytes:
    """Return the checkpoint as the bytes of a NumPy archive."""
    now, best = ({f"{kind}/{name}": array for name, array in getattr(checkpoint, kind).items()} for kind in STATES)
    content = io.BytesIO()
    np.savez(content, history=checkpoint.history, **now, **best)
    return content.getvalue()


def unpacked(content: bytes) -> Checkpoint:
    """Return the checkpoint that `packed` made bytes of."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Checkpoint(arrays["history"], *(part(arrays, f"{kind}/") for kind in STATES))


def part(stored: Mapping[str, NDArray[np.generic]], prefix: str) -> Arrays:
    """Return the arrays whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): stored[name] for name in stored if name.startswith(prefix)}
