"""The locks agree, hold every package that is asked for, and name no address; predict.py needs no more than its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from textrnn.core.paths import ROOT

FOLDERS = (".", ".github", "bench", "compare")
INPUTS, LOCKS = (
    {path.relative_to(ROOT).as_posix(): path for folder in FOLDERS for path in sorted(ROOT.glob(f"{folder}/{pattern}"))}
    for pattern in ("requirements*.in", "requirements*.txt")
)
NAME = r"[a-z][a-z0-9-]*"


@cache
def locked(lock: str) -> dict[str, set[str]]:
    """Return each package of a lock with its versions and their hashes, without the systems that they are for."""
    found: dict[str, set[str]] = {}
    for entry in re.findall(rf"(?m)^{NAME}==(?:.*\\\n)*.*", LOCKS[lock].read_text("utf-8")):
        found.setdefault(entry.partition("==")[0], set()).add(re.sub(r"(?m) (;.*|\\)$", "", entry))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_of_all_packages_no_address_and_what_the_main_lock_has(lock: str) -> None:
    text, packages = LOCKS[lock].read_text("utf-8"), locked(lock)
    assert "://" not in text
    assert text.startswith("--only-binary :all:\n"), "else pip may run a package's setup.py"
    assert packages
    for name, entries in packages.items():
        assert all("--hash=sha256:" in entry for entry in entries), name
        assert entries == locked("requirements.txt").get(name, entries), name


@pytest.mark.parametrize("asked", INPUTS)
def test_a_lock_has_every_package_that_is_asked_for(asked: str) -> None:
    lines = INPUTS[asked].read_text("utf-8")
    names = set(re.findall(rf"(?m)^{NAME}", lines))
    assert names
    assert names <= locked(asked.replace(".in", ".txt")).keys()


def test_the_lock_with_the_small_tensorflow_differs_in_nothing_else() -> None:
    small, whole = dict(locked("requirements-cpu.txt")), dict(locked("requirements.txt"))
    ((of_small, *_),) = [re.findall(r"==(\S+)", entry) for entry in small.pop("tensorflow-cpu")]
    ((of_whole, *_),) = [re.findall(r"==(\S+)", entry) for entry in whole.pop("tensorflow")]
    assert (of_small, small) == (of_whole, whole)


def linked(folder: Path, *locks: str) -> Path:
    """Return the folder, filled with links to the files of the packages that these locks have, and to no others."""
    return links(folder, {package for lock in locks for package in locked(lock)})


def links(folder: Path, packages: Iterable[str]) -> Path:
    """Return the folder, filled with links to the files of these packages."""
    for name in packages:
        with suppress(PackageNotFoundError):  # of another system
            files = distribution(name).files or []
            for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
                (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the packages of requirements-predict.txt."""
    return linked(tmp_path_factory.mktemp("packages"), "requirements-predict.txt")


TEXTS = [f"WIN a free café voucher {number}, call 00000 12345" for number in range(5000)]
ACCENTS = "text;n\n" + "".join(f"{text};1\n" for text in TEXTS[:40])
COMMANDS = {  # arguments, and standard input
    "messages": (TEXTS[:2], ""),
    "explained": (["--explain", *TEXTS[:2]], ""),
    "a stream for several processes": (["--input", "-"], "\n".join(TEXTS)),
    "Windows-1252, semicolons": (["--input", "accents.csv"], ""),
    "emoji in a table": (["--format", "table", "call 👩‍👩‍👧 now"], ""),
}


@pytest.mark.parametrize(("arguments", "given"), COMMANDS.values(), ids=COMMANDS)
def test_predict_needs_the_packages_of_its_lock_alone_and_no_weights(
    model_copy: Path, packages: Path, tmp_path: Path, arguments: list[str], given: str
) -> None:
    (tmp_path / "accents.csv").write_text(ACCENTS, "cp1252")

    def answers(*options: str, **environment: str) -> str:
        command = [sys.executable, *options, str(ROOT / "predict.py"), "--model", str(model_copy), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ | environment, input=given, text=True, encoding="utf-8",
            capture_output=True, check=True,
        ).stdout  # fmt: skip

    expected = answers()
    assert expected
    assert answers("-S", PYTHONPATH=str(packages)) == expected
