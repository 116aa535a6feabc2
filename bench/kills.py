"""Whether a killed pipeline recovers: `dvc repro` is killed at random moments in every stage, and run again.

The pipeline is a tiny one in a temporary repository; a local server sends its corpus slowly. Kill k hits stage k mod 7,
at a moment drawn evenly from the time that this stage, and DVC's own work after it, took in an undisturbed run. Then
`dvc repro` must succeed, write the dvc.lock of the undisturbed run byte for byte, and leave no change for Git, no
temporary file and no checkpoint.

Run     python -m bench.kills [--kills 50] [--seed 0]
"""

import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from tests.repository import Repository, as_tsv, invented
from tests.server import Answer, Handler, direct, running
from textrnn.core.errors import UserError

STAGES = ("download", "clean", "vectorize", "split", "train", "evaluate", "plot")
MARK = "Running stage '"  # DVC prints it when a stage begins
DRIP = 0.5  # seconds that the corpus takes to arrive
PATIENCE = 60.0  # seconds in which DVC may say that it is busy


class Undisturbed(NamedTuple):
    """A run of all stages without a kill."""

    lock: str
    seconds: float
    stages: dict[str, float]  # seconds, by stage


class Kill(NamedTuple):
    """A kill and the recovery from it."""

    stage: str
    moment: float  # seconds after the stage began
    seconds: float  # that the recovery took
    busy: int  # how often DVC said that it was busy
    restored: bool  # whether dvc.lock had to be taken from Git
    wrong: list[str]  # what is not as it was; empty if it has recovered


@contextmanager
def committed(folder: Path, **settings: Any) -> Iterator[tuple[Repository, Undisturbed]]:
    """Yield a tiny repository whose pipeline has run once, all committed, while its server runs."""
    corpus = as_tsv(invented()).encode()
    with running() as server:
        source = {"download.source": server.serves("/corpus", dripping(corpus)),
                  "download.sha256": sha256(corpus).hexdigest()}  # fmt: skip
        repository = Repository.tiny(folder, **source | settings)
        undisturbed = run_undisturbed(repository)
        repository.commit("run")
        yield repository, undisturbed


def dripping(content: bytes) -> Answer:
    """Answer 200 with `content`, spread over DRIP seconds."""

    def answer(handler: Handler) -> None:
        handler.begin(200, {"Content_Length": len(content)})
        for start in range(0, len(content), 1 + len(content) // 50):
            handler.wfile.write(content[start : start + 1 + len(content) // 50])
            if handler.server.closing.wait(DRIP / 50):
                return

    return answer


def run_undisturbed(repository: Repository) -> Undisturbed:
    """Run the whole pipeline, and return how long each stage took, with DVC's own work after it."""
    begun: dict[str, float] = {}
    start = time.monotonic()
    with started(repository, "repro") as process:
        said = []
        for line in process.stdout or ():
            said.append(line)
            if line.startswith(MARK):
                begun[line.split("'")[1]] = time.monotonic()
    end = time.monotonic()
    assert process.returncode == 0, "".join(said)
    ends = [*list(begun.values())[1:], end]
    durations = {stage: until - since for (stage, since), until in zip(begun.items(), ends, strict=True)}
    return Undisturbed(repository.lock(), end - start, durations)


def started(repository: Repository, *arguments: str) -> subprocess.Popen[str]:
    """Start DVC as the leader of a process group, with all output in one pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=repository.folder, env=repository.environment(**direct(), PYTHONUNBUFFERED="1"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def interrupted(repository: Repository, stage: str, moment: float) -> bool:
    """Make the stage run, and kill the whole process group `moment` seconds after it began.

    Return whether DVC was still running then. When this returns, the whole group is gone.
    """
    if sys.platform != "linux":
        raise UserError("expected Linux")
    forget(repository, stage)
    if stage == "download":
        shutil.rmtree(repository.state / "corpus", ignore_errors=True)
    with started(repository, "repro", "--force", "--single-item", stage) as process:
        assert process.stdout
        if not any(line.startswith(MARK) for line in process.stdout):
            return False
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.stdout.read()  # ends when every process of the group is gone
            return True
    return False


def forget(repository: Repository, stage: str) -> None:
    """Remove the stage's outputs from DVC's cache; else a recovery would find them there and run nothing."""
    cache = repository.folder / ".dvc/cache"
    shutil.rmtree(cache / "runs", ignore_errors=True)
    stages = YAML(typ="safe").load(repository.lock())["stages"]
    hashes = {name: {out["md5"] for out in made["outs"]} for name, made in stages.items()}
    others = set().union(*(made for name, made in hashes.items() if name != stage))  # their stages would run again too
    for found in hashes[stage] - others:
        (cache / "files/md5" / found[:2] / found[2:]).unlink(missing_ok=True)


def recovery(repository: Repository, undisturbed: Undisturbed) -> tuple[float, int, bool, list[str]]:
    """Run `dvc repro` until it succeeds, as a user would. Return the last four fields of a Kill."""
    busy, restored, start = 0, False, time.monotonic()
    while True:
        with started(repository, "repro") as process:
            said = process.stdout.read() if process.stdout else ""
        seconds = time.monotonic() - start
        if process.returncode and "busy" in said and seconds < PATIENCE:
            busy += 1  # the killed process still has an entry
            time.sleep(0.2)
        elif process.returncode and not restored and repository.lock() != undisturbed.lock:
            restored = True  # DVC was killed while writing it
            repository.git("checkout", "--quiet", "dvc.lock")
        else:
            failed = [f"dvc repro failed: {said[-500:]}"] if process.returncode else []
            return seconds, busy, restored, failed + leftovers(repository, undisturbed)


def leftovers(repository: Repository, undisturbed: Undisturbed) -> list[str]:
    """Return the traces that the kill left. There should be none."""
    found = [] if repository.lock() == undisturbed.lock else ["another dvc.lock"]
    found += [f"git status: {line}" for line in repository.git("status", "--porcelain").splitlines()]
    return found + [f"left over: {path}" for path in litter(repository)]


def litter(repository: Repository) -> list[Path]:
    """Return the temporary files and checkpoints that are left, apart from those in DVC's own folder."""
    own = {repository.folder / ".dvc", repository.folder / ".git"}
    folders = [path for path in [*repository.folder.iterdir(), repository.state] if path not in own]
    files = [file for folder in folders for file in (folder, *folder.rglob("*"))]
    return [file for file in files if file.suffix == ".tmp" or file.parent.name == ".checkpoints"]


def kill(repository: Repository, undisturbed: Undisturbed, stage: str, draw: random.Random) -> Kill:
    """Kill DVC in this stage at a random moment, and see whether the pipeline recovers."""
    while True:
        moment = draw.uniform(0, undisturbed.stages[stage])
        if interrupted(repository, stage, moment):  # else the stage was quicker this time
            return Kill(stage, moment, *recovery(repository, undisturbed))


def table(kills: list[Kill], undisturbed: Undisturbed) -> str:
    """Return a line for each stage: its kills, how many recovered, and the median time that it took."""
    lines = [f"{'stage':<10} {'kills':>5} {'recovered':>9} {'median recovery':>15} {'its own time':>12}"]
    for stage in STAGES:
        own = [one for one in kills if one.stage == stage]
        if own:
            whole, median = sum(not one.wrong for one in own), statistics.median(one.seconds for one in own)
            lines.append(f"{stage:<10} {len(own):>5} {whole:>9} {median:>13.1f} s {undisturbed.stages[stage]:>10.1f} s")
    busy, restored = sum(one.busy for one in kills), sum(one.restored for one in kills)
    return "\n".join([
        *lines,
        f"a run from nothing: {undisturbed.seconds:.1f} s",
        f"DVC said that it was busy: {busy} times; `git checkout dvc.lock` was needed: {restored} times",
    ])  # fmt: skip


def main() -> int:
    """Kill, recover, and print how it went."""
    parser = argparse.ArgumentParser(description="Kill dvc repro at random moments, and see whether it recovers.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw = random.Random(given.seed)  # noqa: S311
    kills: list[Kill] = []
    with tempfile.TemporaryDirectory() as folder, committed(Path(folder) / "killed") as (repository, undisturbed):
        for number in range(given.kills):
            kills.append(kill(repository, undisturbed, STAGES[number % len(STAGES)], draw))
            one = kills[-1]
            said = "; ".join(one.wrong) or "recovered"
            print(f"{number + 1}: {one.stage} after {one.moment:.2f} s: {said} in {one.seconds:.1f} s", flush=True)
            if one.wrong:  # so that the next kill meets the same state as the first
                shutil.rmtree(repository.folder / ".checkpoints", ignore_errors=True)
                repository.git("checkout", "--quiet", ".")
                repository.dvc("repro", "--force", **direct())
                for path in litter(repository):
                    path.unlink()
    recovered = sum(not one.wrong for one in kills)
    print(table(kills, undisturbed))
    print(f"{recovered} of {len(kills)} recovered")
    return 0 if recovered == len(kills) else 1


if __name__ == "__main__":
    sys.exit(main())
