"""The wheel in a virtual environment of its own: its commands, its API, its types, and what it depends on."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest

from bench.served import address_of, ask, asking, request
from tests.repository import Repository
from tests.test_requirements import linked, links, locked
from textrnn import __version__
from textrnn.core.paths import ROOT

PIP = [sys.executable, "-m", "pip"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# As on a user's machine: nothing of this environment but Python.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy of the repository without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = Repository.tiny(folder / "repository").folder
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([*build, "--wheel-dir", folder, copy], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of commands of an environment with the wheel and the packages of requirements-serve.txt."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=sys.platform != "win32")
    commands = folder / ("Scripts" if sys.platform == "win32" else "bin")
    install: list[str | Path] = [*PIP, "--python", folder, "install", "--no-deps", "--no-index", "--quiet", wheel]
    subprocess.run(install, check=True)
    ask_python: list[str | Path] = [commands / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(ask_python, capture_output=True, text=True, check=True).stdout.strip()
    linked(Path(packages), "requirements-serve.txt")
    return commands


def typed(folder: Path, *command: str | Path, code: int = 0, **environment: str) -> str:
    """Return what a command prints in a folder, whose exit code must be this; after an error its one line."""
    variables = ENVIRONMENT | environment
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def with_dependencies(packages: set[str]) -> set[str]:
    """Return packages, and all that they need, as they are installed here."""
    found, waiting = set[str](), list(packages)
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            with suppress(PackageNotFoundError):  # of another system
                waiting += names([one.lower() for one in distribution(name).requires or [] if "extra ==" not in one])
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^a-z0-9-]", name)[0] for name in requirements}


def test_the_wheel_holds_the_rooms_what_they_read_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = set(archive.namelist())
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "textrnn").rglob("*") if path.is_file()}
    code = {name for name in code if "__pycache__" not in name}
    assert {name for name in found if ".dist-info/" not in name} == code
    assert "textrnn/py.typed" in code


def test_the_version_the_licence_and_the_dependencies_are_those_of_the_repository(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    (about,) = distributions(path=[str(tmp_path)])
    assert about.version == __version__
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert about.metadata["License-Expression"] == "MIT"
    assert about.metadata["Requires-Python"] == "<3.14,>=3.11"
    asked = {name: (ROOT / f"requirements{name}.in").read_text("utf-8") for name in ("", "-predict", "-serve")}
    of = {name: set(re.findall(r"(?m)^[a-z][a-z0-9-]*", text)) for name, text in asked.items()}
    assert names(PROJECT["dependencies"]) == of["-predict"]
    extras = PROJECT["optional-dependencies"]
    assert names(extras["serve"]) == of["-serve"]
    assert names(extras["adopt"]) | names(extras["drift"]) <= of[""]
    assert set(about.metadata.get_all("Provides-Extra") or []) == {"serve", "adopt", "drift"}


def test_its_commands_answer_from_any_folder_as_predict_py_does(
    installed: Path, trained_model: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained_model, tmp_path / "model")
    messages = ["URGENT! Collect your soup", "mum says it"]
    expected = typed(ROOT, sys.executable, "predict.py", "--model", trained_model, *messages)
    assert typed(tmp_path, installed / "textrnn", "predict", *messages) == expected
    assert typed(tmp_path, installed / "python", "-m", "textrnn", "predict", *messages) == expected
    (tmp_path / "many").write_text("".join(f"{message}\n" * 3000 for message in messages), "utf-8")
    several = typed(tmp_path, installed / "textrnn", "predict", "--input", "many").splitlines()
    assert several == [line for line in expected.splitlines() for _ in range(3000)], "by several processes, too"
    assert typed(tmp_path, installed / "textrnn", "--version") == f"textrnn {__version__}\n"
    said = typed(tmp_path, installed / "textrnn", "predict", code=2)
    assert 'error: expected messages, or --input with one file: textrnn predict "' in said
    assert "error: expected a command, found 'predit'" in typed(tmp_path, installed / "textrnn", "predit", code=2)
    helped = typed(tmp_path, installed / "textrnn")
    for command in re.findall(r"^  (\w+)", helped, re.MULTILINE):
        usage = typed(ROOT, installed / "textrnn", command, "--help") if command != "adopt" else ""
        assert usage.startswith(f"usage: textrnn {command} ") or command == "adopt"


def test_drift_needs_the_package_that_writes_its_page_and_names_the_extra(
    installed: Path, trained_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "messages.txt").write_text("mum says it\n" * 30, "utf-8")
    command: list[str | Path] = [installed / "textrnn", "drift", "--model", trained_model, "messages.txt"]
    assert "install textrnn with its extra `drift`" in typed(tmp_path, *command, code=1)


def test_it_serves(installed: Path, trained_model: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [installed / "textrnn", "serve", "--port", "0", trained_model]
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        address = address_of(process)
        assert ask(address, asking(["mum says soup"])).json["answers"][0]["label"] == "ham"
        assert ask(address, request("GET", "/openapi.json")).json["info"]["title"] == "textrnn"
        process.terminate()
    assert process.returncode == 0 or sys.platform == "win32"


def test_it_adopts_in_a_clone_with_its_extra_and_says_elsewhere_where(installed: Path, tmp_path: Path) -> None:
    clone = Repository.tiny(tmp_path / "clone").folder
    (clone / "my.csv").write_text("".join(f"{'ab'[n % 2]},this is message {n}\n" for n in range(60)), "utf-8")
    said = typed(tmp_path, installed / "textrnn", "adopt", "my.csv", code=1)
    assert said.startswith("error: expected a clone of textrnn's repository, ")
    assert f"found no params.yaml in {tmp_path}: clone the repository, and run textrnn adopt in its folder\n" in said
    (extra := tmp_path / "extra").mkdir()
    packages = with_dependencies(names(PROJECT["optional-dependencies"]["adopt"]))
    links(extra, packages - locked("requirements-serve.txt").keys())
    typed(clone, installed / "textrnn", "adopt", "my.csv", PYTHONPATH=str(extra))
    assert "source: my.csv" in (clone / "params.yaml").read_text("utf-8")


def test_without_the_packages_of_an_extra_it_names_them(installed: Path, trained_model: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    (lacking / "uvicorn.py").write_text("raise ModuleNotFoundError('no uvicorn', name='uvicorn')\n", "utf-8")
    said = typed(tmp_path, installed / "textrnn", "serve", trained_model, code=1, PYTHONPATH=str(lacking))
    assert said.startswith("error: expected the packages of requirements-serve.txt, found no uvicorn in ")
