"""Run the whole pipeline under one circumstance after another, and compare every output with the committed one.

Each run is in a fresh clone of HEAD with an empty cache. Uncommitted changes play no part.

Writes  docs/reproducibility.md, between its markers, once every circumstance has been run
Run     python -m bench.reproduce [--only NAME …] [--jobs N] [--list]   (about a minute for each on two cores)
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from bench import sources
from bench.circumstances import CIRCUMSTANCES, Circumstance
from bench.outputs import Hashes, differing, of_files, of_lock
from bench.place import Place, last_lines
from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_text, write_text
from textrnn.corpus import sms_spam
from tools.hashes import PAGE
from tools.markdown import written

NAMES = [circumstance.name for circumstance in CIRCUMSTANCES]


class Origin(NamedTuple):
    """What is cloned: a commit of a repository, and the dvc.lock in it."""

    repository: Path
    commit: str
    lock: bytes

    @classmethod
    def head(cls, repository: Path) -> "Origin":
        """Return the HEAD of a repository; it may move on while the rows run."""
        commit = git(repository, "rev-parse", "HEAD").decode().strip()
        return cls(repository, commit, git(repository, "show", f"{commit}:dvc.lock"))


class Outcome(NamedTuple):
    """How a run under one circumstance ended."""

    circumstance: Circumstance
    seconds: float
    files: Hashes
    differ: list[str]  # outputs that are not the committed ones
    failure: str = ""  # what was printed last, if there are no outputs to compare

    @property
    def equal(self) -> bool:
        """Whether every output is the committed one."""
        return not self.differ and not self.failure


def git(repository: Path, *arguments: str) -> bytes:
    """Return what git prints."""
    return subprocess.run(["git", *arguments], cwd=repository, stdout=subprocess.PIPE, check=True).stdout  # noqa: S607


def reproduce(circumstance: Circumstance, origin: Origin, work: Path, corpus: bytes) -> Outcome:
    """Run all stages under the circumstance in a folder of `work`, and remove it if all outputs are equal."""
    begin = time.monotonic()
    slot = work / circumstance.name
    place = Place(origin.repository, origin.commit, slot, circumstance.folder)
    try:
        said = run_in(place, circumstance, corpus)
        missing = [stage for stage in of_lock(origin.lock) if f"Running stage '{stage}'" not in said]
        if missing or circumstance.says not in said:
            raise UserError(f"the run did not print: {', '.join(missing) or circumstance.says}\n{last_lines(said)}")
        files = of_files(place.folder, of_lock(origin.lock))
        differ = differing(origin.lock, (place.folder / "dvc.lock").read_bytes(), files)
    except (UserError, OSError) as error:
        return Outcome(circumstance, time.monotonic() - begin, {}, [], str(error))
    if not differ:
        shutil.rmtree(slot)
    return Outcome(circumstance, time.monotonic() - begin, files, differ)


def run_in(place: Place, circumstance: Circumstance, corpus: bytes) -> str:
    """Make the place, run all stages there, and return what was printed."""
    slot = place.slot
    empty, kept = slot / "empty", slot / "corpora"
    empty.mkdir(parents=True)
    kept.mkdir()
    # No row inherits a variable that another row sets.
    place.set({name: None for each in CIRCUMSTANCES for name in each.environment if name != "HOME"})
    place.set(
        {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),  # stages run `python`
            "DVC_SITE_CACHE_DIR": "{slot}/site",
            "DVC_NO_ANALYTICS": "true",
            "TEXTRNN_CACHE": str(kept),
            **{f"GIT_{role}_NAME": "bench" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": "bench@example.org" for role in ("AUTHOR", "COMMITTER")},
        }
    )
    with ExitStack() as stack:
        if circumstance.source:
            place.set(stack.enter_context(sources.only(circumstance.source, corpus, empty)))
        else:
            (kept / sms_spam.SHA256).write_bytes(corpus)
        place.set(circumstance.environment)
        circumstance.prepare(slot)
        circumstance.make(place)
        return circumstance.run(place)


def outcomes(circumstances: list[Circumstance], origin: Origin, work: Path, jobs: int) -> Iterator[Outcome]:
    """Run `jobs` circumstances at a time, each in its own process, and yield each outcome as it ends."""
    corpus = sources.corpus()
    # A process each, since a row may change its umask, cores and rights. Forking a process with threads is unsafe.
    with ProcessPoolExecutor(jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in as_completed(pool.submit(reproduce, each, origin, work, corpus) for each in circumstances):
            yield done.result()


def line(outcome: Outcome, work: Path) -> str:
    """Return the line that is printed when a row has ended."""
    if outcome.equal:
        return f"{outcome.circumstance.name}: equal, {outcome.seconds:.0f} s"
    how = f"failed: {outcome.failure}" if outcome.failure else f"differs: {', '.join(outcome.differ)}"
    return f"{outcome.circumstance.name}: {how}\n    in {work / outcome.circumstance.name}, {outcome.seconds:.0f} s"


def report(ended: list[Outcome], origin: Origin) -> str:
    """Return the block of docs/reproducibility.md: what each circumstance sets, and what differed under it."""
    count = sum(map(len, of_lock(origin.lock).values()))
    lines = [f"At commit {origin.commit[:7]}, with {count} outputs: {verdict(ended)}.\n"]
    for outcome in ended:
        how = "" if outcome.equal else f": **{'failed' if outcome.failure else ', '.join(outcome.differ)}**"
        lines.append(f"- {outcome.circumstance.name}: {outcome.circumstance.sets}{how}")
    return "\n".join(lines)


def verdict(ended: list[Outcome]) -> str:
    """Return the last line."""
    return f"{sum(outcome.equal for outcome in ended)} of {len(ended)} circumstances equal"


def main() -> None:
    """Run the chosen rows. Raises UserError if one is not equal."""
    parser = argparse.ArgumentParser(prog="python -m bench.reproduce", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help="these rows, see --list"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="rows to run at a time (default: 1)")
    parser.add_argument("--list", action="store_true", help="list the circumstances and run none")
    options = parser.parse_args()
    chosen = [each for each in CIRCUMSTANCES if each.name in options.only]
    if options.list:
        print("\n".join(f"{each.name:20} {each.sets}" for each in chosen))
        return
    origin = Origin.head(paths.ROOT)
    work = Path(tempfile.mkdtemp(prefix="reproduce-"))
    ended: list[Outcome] = []
    for outcome in outcomes(chosen, origin, work, options.jobs):
        print(line(outcome, work), flush=True)
        ended.append(outcome)
    ended.sort(key=lambda outcome: NAMES.index(outcome.circumstance.name))
    if len(chosen) == len(CIRCUMSTANCES):
        write_text(PAGE, written(read_text(PAGE), {"circumstances": lambda: report(ended, origin)}))
    print(verdict(ended))
    if not all(outcome.equal for outcome in ended):
        raise UserError(f"some outputs differ: they are in {work}")
    work.rmdir()


if __name__ == "__main__":
    sys.exit(run(main))
