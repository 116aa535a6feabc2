"""Push what came out, and every run of this clone with its files, so that no other clone need repeat any of them.

`dvc push --run-cache` sends a note on each run, but files of the present dvc.lock only, and no metrics, since Git keeps
those. To restore a stage from its note, all its files are wanted: this sends them too.

Reads   .dvc/cache
Writes  the DVC remote
Run     python -m tools.share [REMOTE]   (then, in another clone, `dvc pull --run-cache` and `dvc repro --pull`)
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from dvc.exceptions import CollectCacheError, DvcException
from dvc.repo import Repo

from textrnn.core.errors import UserError, run


def files_of_runs(repo: Any) -> set[Any]:
    """Return the hash of each file that a run of this clone has written and the cache still holds."""
    found: set[Any] = set()
    for note in Path(repo.stage_cache.cache_dir).glob("*/*/*"):
        try:
            used = repo.stage_cache.get_used_objs([(note.parent.name, note.name)])
        except CollectCacheError:
            continue  # a folder whose list of files was removed from the cache: nothing restores this run
        found.update(*used.values())
    return {file for file in found if repo.cache.local.exists(file.value)}


def main() -> None:
    """Push to the remote that the command line names, or to the default one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("remote", nargs="?", metavar="REMOTE")
    remote = parser.parse_args().remote
    push = [sys.executable, "-m", "dvc", "push", "--run-cache", *(["--remote", remote] if remote else [])]
    if subprocess.run(push, check=False).returncode:
        raise UserError("expected `dvc push --run-cache` to work, found the error above")
    with Repo() as repo:
        try:
            failed = repo.cloud.push(files_of_runs(repo), remote=remote).failed
        except DvcException as error:
            raise UserError(str(error)) from error
    if failed:
        raise UserError(f"expected to push the files of every run, found {len(failed)} that failed: run it again")


if __name__ == "__main__":
    sys.exit(run(main))
