"""A workspace in a temporary directory, where a test runs stages in its own process."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from filelock import FileLock
from ruamel.yaml import YAML

from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.files import read_json, write_array, write_text


def wait_for(happened: Callable[[], object]) -> None:
    """Wait until `happened` returns something true; ten minutes without it mean that it never will."""
    end = time.monotonic() + 600
    while not happened():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# Windows has neither process groups, which a terminal's Ctrl-C goes to, nor pseudo-terminals, FIFOs and limits.
unix_alone = pytest.mark.skipif(sys.platform == "win32", reason="a test of Unix alone")


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """Interrupt a process, the leader of a group, and its children, as a terminal does."""
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGINT)


def ended(process: psutil.Process) -> bool:
    """Return whether a process has ended. A zombie has: it stays where whoever adopted it asks for no exit codes."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def shared(base: Path) -> Path:
    """Return the directory that all processes of pytest share, for the base directory of this one."""
    return base.parent if base.name.startswith("popen-gw") else base


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """Return `path`, a directory that the first process to ask for it makes while the others wait."""
    with FileLock(path.with_name(f"{path.name}.lock")):
        if not path.exists():
            unfinished = path.with_name(f"{path.name}-unfinished")
            make(unfinished)
            unfinished.rename(path)
    return path


def place(patch: pytest.MonkeyPatch, root: Path) -> None:
    """Point every path of the pipeline into `root`."""
    before = paths.ROOT
    for name, path in list(vars(paths).items()):
        if isinstance(path, Path):
            patch.setattr(paths, name, root / path.relative_to(before))


def as_yaml(value: Any) -> str:
    """Return JSON, which is YAML apart from the names of NaN and infinity."""
    return json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")


class Workspace:
    """Files under `root`, laid out as in the repository. The fixture points textrnn.core.paths at it."""

    ORIGINAL = paths.ROOT
    SECTIONS = YAML(typ="safe", pure=True).load(paths.PARAMS)

    def __init__(self, root: Path) -> None:
        self.root = root

    def settings(self, **changes: Any) -> None:
        """Write the repository's params.yaml with `changes`, whose names are `section__key`."""
        sections = {name: dict(section) for name, section in self.SECTIONS.items()}
        for name, value in changes.items():
            section, key = name.split("__")
            sections[section][key] = value
        paths.PARAMS.write_text(as_yaml(sections), "utf-8")

    def corpus(self, raw: bytes | str) -> None:
        """Write the file that download leaves."""
        paths.CORPUS.parent.mkdir(parents=True, exist_ok=True)
        paths.CORPUS.write_bytes(raw if isinstance(raw, bytes) else raw.encode("utf-8"))

    def messages(self, messages: list[tuple[str, str]], **columns: Sequence[float]) -> None:
        """Write the files that clean leaves. A column of the user's that is not given is empty."""
        write_text(paths.MESSAGES, "".join(f"{label}\t{text}\n" for label, text in messages))
        for name, kind in (("part", np.int8), ("group", np.int64), ("time", np.float64)):
            write_array(paths.COLUMNS / f"{name}.npy", np.array(columns.get(name, []), kind))

    def run(self, main: Callable[[], None]) -> None:
        """Run a stage, which must succeed."""
        code, said = self.ran(main)
        assert code == 0, said

    def failure(self, main: Callable[[], None]) -> str:
        """Run a stage, which must fail as a user's mistake does, and return its one message, without notes."""
        code, printed = self.ran(main)
        assert code == 1
        lines = printed.splitlines(keepends=True)
        said = "".join(dropwhile(lambda line: line.startswith("note: "), lines))
        assert said.startswith("error: ")
        assert said.count("\n") == 1, "one line, and no traceback"
        return said

    @staticmethod
    def ran(main: Callable[[], None]) -> tuple[int, str]:
        """Run a stage, and return its exit code, 1 after an error, and what it printed to stderr."""
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            code = run(main)
        assert code in (0, 1), stderr.getvalue()
        return code, stderr.getvalue()

    @staticmethod
    def metrics(stage: str) -> Any:
        """Return what a stage has measured."""
        return read_json(paths.METRICS / f"{stage}.json")

    def files(self) -> set[str]:
        """Return every file in the workspace, by its path from the root."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()}
