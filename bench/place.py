"""A folder for one run of the pipeline, with an empty cache and its own state, in which commands run."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from textrnn.core.errors import UserError

DVC = (sys.executable, "-m", "dvc")
REPRO = (*DVC, "repro", "--force")  # without --force, a clone skips every stage that the committed dvc.lock names


class Place:
    """A copy of one commit of the repository `origin`, in `folder`. Its caches and state lie in `slot`."""

    def __init__(self, origin: Path, commit: str, slot: Path, folder: str) -> None:
        self.origin, self.commit, self.slot, self.folder = origin, commit, slot, slot / folder
        self.environment = dict(os.environ)

    def set(self, changes: Mapping[str, str | None]) -> None:
        """Set environment variables, or unset where None; `{slot}` is replaced with the slot's path."""
        for name, value in changes.items():
            self.environment.pop(name, None)
            if value is not None:
                self.environment[name] = value.replace("{slot}", str(self.slot))

    def run(self, *command: str, where: Path | None = None) -> str:
        """Run a command, and return what it prints. Raises UserError, with the end of the output, if it fails."""
        done = subprocess.run(
            command, cwd=where or self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            raise UserError(f"exit code {done.returncode}: {' '.join(command)}\n{last_lines(done.stdout)}")
        return done.stdout

    def clone(self) -> None:
        """Clone the repository at its commit."""
        self.clone_of(self.origin, self.folder)

    def clone_of(self, repository: Path, folder: Path) -> None:
        """Clone this repository at the commit."""
        self.run("git", "clone", "--quiet", str(repository), str(folder), where=self.slot)
        self.run("git", "reset", "--quiet", "--hard", self.commit, where=folder)

    def clone_of_clone(self) -> None:
        """Clone a clone of the repository."""
        first = self.slot / "first"
        self.clone_of(self.origin, first)
        self.clone_of(first, self.folder)

    def archive(self) -> None:
        """Unpack the commit's files without Git, like a downloaded archive."""
        packed = self.slot / "archive.tar"
        self.run("git", "archive", "--output", str(packed), self.commit, where=self.origin)
        self.folder.mkdir()
        self.run("tar", "--extract", "--file", str(packed))
        self.run(*DVC, "config", "--local", "core.no_scm", "true")


def last_lines(said: str) -> str:
    """Return the end of what was printed."""
    return "\n".join(said.strip().splitlines()[-12:])
