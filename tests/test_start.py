"""How a command begins where something is missing: packages, a newer Python, the package of a script, Git."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import STAGES, Repository
from textrnn.core import paths

SCRIPTS = [*(f"stages/{stage}.py" for stage in STAGES), "tools/adopt.py"]
COMMANDS = [
    ("predict.py", "hello"),
    ("-m", "textrnn", "predict", "hi"),
    ("-m", "stages.clean"),
    ("-m", "stages.train"),
    ("-m", "tools.adopt", "my.csv"),
]


def error(*command: str) -> str:
    """Run a command that must fail as a user's mistake does, and return its one line."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_of_a_package_says_how_to_run_it(script: str) -> None:
    command = "python -m " + script.removesuffix(".py").replace("/", ".")
    said = f"error: {script} is part of a package: run `{command}`\n"
    assert error(sys.executable, script) == said
    assert error(sys.executable, "-S", script) == said, "without packages, too"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_package_is_named_with_the_command_that_installs_it(command: tuple[str, ...]) -> None:
    said = error(sys.executable, "-S", *command)
    assert said.startswith("error: expected the packages of requirements.txt, found no ")
    assert ". .venv/bin/activate" in said
    assert "pip install -r requirements.txt" in said


def test_a_module_that_is_missing_in_a_package_is_a_bug_with_a_traceback() -> None:
    for module in ("textrnn.nothing", "numpy.nothing", "_lzma.nothing"):
        code = f"import textrnn.core.errors as errors; errors.end_in_one_line(); import {module}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("Traceback")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_older_python_is_told_which_one_is_needed(command: tuple[str, ...]) -> None:
    run = f"run_module({command[1]!r}" if command[0] == "-m" else f"run_path({command[0]!r}"
    code = f"import runpy, sys; sys.version_info = (3, 10, 12); runpy.{run}, run_name='__main__')"
    said = error(sys.executable, "-c", code)
    assert said.startswith("error: expected Python 3.11 or later, found 3.")
    assert "python3.11 -m venv .venv" in said


@pytest.mark.parametrize(
    "name", ["predict.py", *SCRIPTS, "stages/__init__.py", "tools/__init__.py", "textrnn/__init__.py"]
)
def test_what_an_older_python_reads_before_it_is_told_it_understands(name: str) -> None:
    ast.parse((paths.ROOT / name).read_text("utf-8"), feature_version=(3, 8))


def test_an_archive_without_git_runs_as_a_clone_does(tmp_path: Path) -> None:
    """GitHub makes its ZIP with `git archive`, which fills in the line of .dvc/config that switches Git off."""
    clone, archive = Repository.tiny(tmp_path / "clone"), Repository(tmp_path / "archive")
    archive.folder.mkdir()
    clone.git("archive", "--output", "../archive.tar", "HEAD")
    archive.run("tar", "--extract", "--file", "../archive.tar")
    quiet = ["core.analytics=false", "core.check_update=false", "core.site_cache_dir=.dvc_site"]
    assert sorted(clone.dvc("config", "--project", "--list").splitlines()) == quiet
    without = sorted([*quiet, "core.no_scm=true"])
    assert sorted(archive.dvc("config", "--project", "--list").splitlines()) == without
    archive.dvc("repro", "clean")
    assert (archive.folder / "data/clean/messages.tsv").exists()
