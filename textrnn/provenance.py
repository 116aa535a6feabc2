"""What a model was made of, and the checksums of its parts: model/model.json, and whether parts belong together."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from textrnn import paths
from textrnn.errors import UserError
from textrnn.files import read_json, write_json
from textrnn.params import Section

# Those whose arithmetic is in a model's bytes.
PACKAGES = ("keras", "numpy", "onnx", "scikit-learn", "scipy", "tensorflow")
RECORD = "model.json"
CODE = Path(__file__).parents[1]


def checksum(path: Path) -> str:
    """Return the SHA-256 of the file at `path`, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def modules(script: Path) -> list[Path]:
    """Return the project's modules which a script imports, directly or through others, itself among them, in order."""
    finder = ModuleFinder([str(CODE)])  # no path to packages: they are not looked into
    finder.run_script(str(script))
    names = (getattr(module, "__file__", None) for module in finder.modules.values())
    return sorted(Path(name) for name in names if name)


def code() -> str:
    """Return a hash of the stage train with all that it imports: of the modules' names and bytes."""
    files = modules(CODE / "stages/train.py")
    lines = "".join(f"{path.parent.name}/{path.name} {checksum(path)}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def packages() -> dict[str, str]:
    """Return the version of each of PACKAGES that is installed."""
    return {name: version(name) for name in PACKAGES}


def write(
    directory: Path, corpus: Path, parameters: Mapping[str, Section], inputs: list[Path], parts: tuple[str, ...]
) -> None:
    """Write the record of the model in `directory`, whose files `parts` are there already."""
    write_json(
        directory / RECORD,
        {
            "code": code(),
            "corpus": checksum(corpus),
            "inputs": {paths.shown(path): checksum(path) for path in inputs},
            "packages": packages(),
            "params": {name: section.model_dump() for name, section in parameters.items()},
            "parts": {name: checksum(directory / name) for name in parts},
        },
    )


def check_parts(directory: Path, parts: tuple[str, ...]) -> None:
    """Raise UserError when one of these files is not the one that the model in `directory` was made with."""
    record = _checksums(directory)
    for name in parts:
        if record.get(name) != checksum(directory / name):
            raise UserError(
                f"expected the files of one model in {directory}, found {name} of another one ({RECORD} has the "
                "checksum of each): run `dvc repro`, or copy the whole directory"
            )


def _checksums(directory: Path) -> dict[str, Any]:
    with whole(directory / RECORD) as path:
        found = read_json(path)
    record = found.get("parts") if isinstance(found, dict) else None
    return record if isinstance(record, dict) else {}


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Raise UserError when the block finds in `path` something else than the stages write."""
    try:
        yield path
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise UserError(f"expected {path} as `dvc repro` writes it, found it damaged: {wrong}") from None
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, no table
        raise UserError(f"expected {path} as `dvc repro` writes it, found it damaged: {error}") from None
