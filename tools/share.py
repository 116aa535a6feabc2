"""Push the outputs of this clone and every run in its run cache, so that other clones need not repeat them.

`dvc push --run-cache` sends a record of each run, but only the files that dvc.lock names now, and no metrics, since Git
has those. DVC restores a stage from such a record only if it has all files of the run, so this pushes them too.

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
    """Return the hash of each file that a run of this clone wrote and that the cache still holds."""
    found: set[Any] = set()
    for note in Path(repo.stage_cache.cache_dir).glob("*/*/*"):
        try:
            used = repo.stage_cache.get_used_objs([(note.parent.name, note.name)])
        except CollectCacheError:
            continue  # the list of a folder's files was removed from the cache: this run cannot be restored
        found.update(*used.values())
    return {file for file in found if repo.cache.local.exists(file.value)}


def main() -> None:
    """Push to the remote that the command line names, or to the default one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("remote", nargs="?", metavar="REMOTE")
    remote = parser.parse_args().remote
    push = [sys.executable, "-m", "dvc", "push", "--run-cache", *(["--remote", remote] if remote else [])]
    if subprocess.run(push, check=False).returncode:
        raise UserError("`dvc push --run-cache` failed, with the error above")
    with Repo() as repo:
        try:
            failed = repo.cloud.push(files_of_runs(repo), remote=remote).failed
        except DvcException as error:
            raise UserError(str(error)) from error
    if failed:
        raise UserError(f"{len(failed)} files could not be pushed: run `python -m tools.share` again")


if __name__ == "__main__":
    sys.exit(run(main))
