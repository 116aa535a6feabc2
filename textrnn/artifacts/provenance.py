"""model/model.json: what a model was made from, and the checksums of its files, which show if they belong together."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import opened, read_json, write_json

PACKAGES = ("keras", "numpy", "onnx", "scikit-learn", "scipy", "tensorflow")  # their arithmetic is in a model's bytes
RECORD = "model.json"
MOST_BYTES = 1 << 31  # of a file of a model: an ONNX file is a protobuf message, which takes no more
CODE = Path(__file__).parents[2]
# The code of the stage train, as `python -m tools.deps` writes it into dvc.yaml.
TRAIN = ("stages/train.py", "textrnn/artifacts", "textrnn/core", "textrnn/model", "textrnn/text", "textrnn/training")


def checksum(path: Path) -> str:
    """Return the SHA-256 of the file at `path`, in hexadecimal."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code(places: Sequence[str] = TRAIN) -> str:
    """Return a hash of the project's modules at `places`, files and folders: of their names and bytes."""
    found = (file for place in places for pattern in (place, f"{place}/**/*.py") for file in CODE.glob(pattern))
    files = sorted(file for file in found if file.suffix == ".py")
    lines = [f"{file.relative_to(CODE).as_posix()} {checksum(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def packages() -> dict[str, str]:
    """Return the version of each of PACKAGES that is installed. tensorflow-cpu computes the bits of tensorflow."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # predict.py would load it in vain

    try:
        return version(name)
    except PackageNotFoundError:
        if name != "tensorflow":
            raise
        return version("tensorflow-cpu")


def write(
    directory: Path, corpus: Path, parameters: Mapping[str, Mapping[str, Any]], inputs: list[Path],
    parts: tuple[str, ...], more_packages: Mapping[str, str],
) -> None:  # fmt: skip
    """Write the record of the model in `directory`, whose files `parts` are there already."""
    record = {
        "code": code(),
        "corpus": checksum(corpus),
        "inputs": {paths.shown(path): checksum(path) for path in inputs},
        "packages": packages() | dict(more_packages),
        "params": {name: dict(section) for name, section in parameters.items()},
        "parts": {name: checksum(directory / name) for name in parts},
    }
    write_json(directory / RECORD, record)


def check_parts(directory: Path, parts: tuple[str, ...]) -> None:
    """Raise UserError when one of these files is not the one that the model in `directory` was made with."""
    with whole(directory / RECORD) as path:
        record = read_json(path)
        checksums = record.get("parts") if isinstance(record, dict) else None
    for name in parts:
        if not isinstance(checksums, dict) or checksums.get(name) != checksum(directory / name):
            raise UserError(
                f"expected the files of one model in {directory}, found {name} of another one ({RECORD} has the "
                "checksum of each): run `dvc repro`, or copy the whole directory"
            )


def check_packages(directory: Path, installed: Mapping[str, str]) -> None:
    """Raise UserError when one of these packages has another version than when the model in `directory` was made."""
    with whole(directory / RECORD) as path:
        record = read_json(path)
        versions = record.get("packages") if isinstance(record, dict) else None
    for name, found in installed.items():
        expected = versions.get(name) if isinstance(versions, dict) else None
        if expected != found:
            raise UserError(
                f"expected {name} {expected}, with which the model in {directory} was made, found {found}: "
                f"pip install {name}=={expected}"
            )


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Raise UserError when the block finds that `path` is not as a stage wrote it: ValueError, wrong settings."""
    try:
        yield path
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, no table
        raise UserError(f"expected {path} as `dvc repro` writes it, found it damaged: {error}") from None
