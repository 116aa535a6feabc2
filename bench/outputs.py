"""The hashes of what a run of the pipeline wrote, and where they differ from those in a dvc.lock."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Hashes = dict[str, dict[str, str]]  # of each stage: the path of an output, and its hash


def of_lock(lock: bytes) -> Hashes:
    """Return the hashes in a dvc.lock."""
    stages: dict[str, Any] = YAML(typ="safe", pure=True).load(lock)["stages"]
    return {name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in stages.items()}


def of_files(folder: Path, listed: Hashes) -> Hashes:
    """Return the hashes of the listed outputs in `folder`, computed without DVC."""
    return {stage: {path: hashed(folder / path) for path in outs} for stage, outs in listed.items()}


def hashed(path: Path) -> str:
    """Return the MD5 of a file or, as DVC computes it, of the list of a directory's files and their MD5s."""
    if path.is_dir():
        files = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())
        listing = [{"md5": hashed(file), "relpath": name} for name, file in files]
        return f"{md5(json.dumps(listing).encode())}.dir"
    return md5(path.read_bytes()) if path.exists() else "missing"


def md5(content: bytes) -> str:
    """Return the MD5 of bytes, which DVC uses as their name; it protects nothing."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def differing(committed: bytes, written: bytes, files: Hashes) -> list[str]:
    """Return the outputs for which the written dvc.lock or the files differ from the committed dvc.lock."""
    expected = of_lock(committed)
    found = {"dvc.lock": of_lock(written), "the file": files}
    differ = [
        f"{path} ({where})"
        for stage, outs in expected.items()
        for path, md5sum in outs.items()
        for where, hashes in found.items()
        if hashes.get(stage, {}).get(path) != md5sum
    ]
    return differ or (["dvc.lock (not its outputs)"] if written != committed else [])
