"""Time and memory of the data stages without Dask, and on clusters of one, two and four workers, some of them killed.

The cluster is a scheduler that has none of this code, and workers of one thread each, all on this machine: more workers
than cores are no faster. All runs must write the same bytes. Time is from the start of a stage's process to its end.
Processor time and memory are those of the stage's process alone; without Dask, its worker processes are included. A
worker's memory is the peak of its resident set.

Writes  docs/speed/dask.json
Run     python -m bench.dask_cluster [--sizes 300000 1000000]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.corpora import write_corpus
from bench.scale import STAGES, Place
from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_json, write_json
from textrnn.partitions.execute import SCHEDULER

RESULTS = paths.ROOT / "docs/speed/dask.json"
LOCAL = "without Dask"
WORKERS = {"1 worker": 1, "2 workers": 2, "4 workers": 4}
KILLED = "4 workers, one of them killed in each stage"
BUSY = 0.1  # seconds of a worker's processor time in a stage, after which it is killed


@contextmanager
def cluster(folder: Path, *codes: Path | None, **settings: str) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a cluster with a worker for each checkout. A worker for None has no code at all.

    Yields the scheduler's address, and the processes: the scheduler, then the workers.
    """
    known = folder / "scheduler.json"
    known.unlink(missing_ok=True)
    with ExitStack() as stack:

        def start(kind: str, code: Path | None, *options: str) -> subprocess.Popen[bytes]:
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | settings
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", kind, "--no-dashboard", *options],
                cwd=folder, env=environment | ({"PYTHONPATH": str(code)} if code else {}),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        scheduler = start("scheduler", None, "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(known))
        while not (address := address_in(known)):
            if scheduler.poll() is not None:
                raise UserError("the Dask scheduler ended at once: pip install -r requirements-dev.txt")
            time.sleep(0.05)
        workers = [start("worker", code, "--no-nanny", "--nthreads", "1", address) for code in codes]
        wait_for_workers(address, len(workers))
        yield address, [scheduler, *workers]


def address_in(scheduler_file: Path) -> str | None:
    """Return the address in a scheduler's file, or None while the file is missing or half written."""
    try:
        return str(read_json(scheduler_file)["address"])
    except (UserError, ValueError):
        return None


def wait_for_workers(address: str, count: int) -> None:
    """Wait until so many workers have reached the scheduler."""
    import distributed  # noqa: PLC0415  # a development requirement

    with distributed.Client(address, set_as_default=False, timeout=600) as client:
        client.wait_for_workers(count) if count else None


def peak(process: subprocess.Popen[bytes]) -> int:
    """Return the most bytes that a running process has had in memory."""
    lines = Path(f"/proc/{process.pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def kill_at_work(process: subprocess.Popen[bytes]) -> None:
    """Kill a process once it has used BUSY seconds of processor time from now on."""
    seen = psutil.Process(process.pid)
    before = seen.cpu_times().user
    while seen.cpu_times().user < before + BUSY:
        time.sleep(0.02)
    process.kill()


def measured(place: Place, before: Callable[[], None]) -> dict[str, Any]:
    """Run the stages, and call `before` before each."""
    found: dict[str, Any] = {}
    for stage in STAGES:
        before()
        one = place.run(f"stages.{stage}")
        found[stage] = {
            "seconds": round(one.seconds, 2),
            "processor_seconds": round(one.processor_seconds, 2),
            "megabytes": round(one.megabytes),
        }
    return found


def on_cluster(place: Place, workers: int, killed: bool) -> dict[str, Any]:
    """Run the stages on a cluster."""
    with cluster(place.folder, *[place.folder] * workers) as (address, (_, *processes)):
        os.environ[SCHEDULER] = address
        killers = [threading.Thread(target=kill_at_work, args=(process,)) for process in processes]
        coming = iter(killers)
        try:
            found = measured(place, (lambda: next(coming).start()) if killed else lambda: None)
        finally:
            del os.environ[SCHEDULER]
        left = [process for process in processes if process.poll() is None]
        expected = workers - len(STAGES) if killed else workers
        if len(left) != expected:
            raise UserError(f"expected {expected} workers left, found {len(left)}")
        return found | {"most_megabytes_of_a_worker": round(max(map(peak, left)) / 1e6)}


def compared(size: int) -> dict[str, Any]:
    """Measure everything on one corpus. Raises UserError if the bytes differ."""
    with tempfile.TemporaryDirectory(prefix="dask-") as folder:
        place = Place(Path(folder) / "place")
        write_corpus(place.corpus, size, seed=0)
        found = {LOCAL: measured(place, lambda: None)}
        expected = place.outputs()
        for name, workers in (WORKERS | {KILLED: WORKERS["4 workers"]}).items():
            found[name] = on_cluster(place, workers, killed=name == KILLED)
            if place.outputs() != expected:
                raise UserError(f"expected the same bytes of {size:,} messages with {name}, found others")
            print(f"{size:,} messages, {name}: the same bytes as {LOCAL}, {expected[:8]}: {found[name]}", flush=True)
        return found | {"sha256": expected}


def main() -> None:
    """Measure the sizes on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.dask_cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[300_000, 1_000_000], metavar="N")
    options = parser.parse_args()
    results = read_json(RESULTS) if RESULTS.exists() else {}
    for size in options.sizes:
        results[str(size)] = compared(size)
        write_json(RESULTS, results)


if __name__ == "__main__":
    sys.exit(run(main))
