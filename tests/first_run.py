"""The tiny pipeline, run once for all tests which only look at what came out, or go on from there."""

import fcntl
from pathlib import Path

from tests.repository import Repository

STAGES = ["download", "clean", "vectorize", "split", "train", "evaluate", "plot"]


def stages_run(output: str) -> list[str]:
    """Return the stages which DVC says it ran."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def first_run(folder: Path) -> Repository:
    """Return a repository in `folder` whose pipeline has run, all committed. One process runs it, the others wait."""
    made = Repository(folder / "run", folder / "run-state")
    with (folder / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.folder.exists():
            running = Repository.tiny(folder / "running")
            assert stages_run(running.dvc("repro")) == STAGES
            running.commit("run")
            running.folder.rename(made.folder)
    return made
