"""Time and memory of clean, vectorize and split from five thousand to ten million messages, and of scikit-learn.

The corpora are invented (bench.corpora). Each stage runs as a process in its own workspace, as `dvc repro` runs it, and
all contenders take turns. Time is from a process's start to its end. Memory is the peak of the process and its workers
together, with shared memory counted once (proportional set size, sampled ten times a second). The stage's own
process alone has its processor time, its peak memory, and of this what no file on disk holds (anonymous memory).

Writes  docs/speed/scale.json
Run     python -m bench.scale [--sizes 5000 30000 100000 1000000 10000000] [--repeats 5] [--same-most N]
        (then python -m tools.speed)
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.corpora import write_corpus
from bench.measure import used
from textrnn.artifacts import provenance
from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_json, write_json

STAGES = ("clean", "vectorize", "split")
PEERS = {
    "same": "pandas and scikit-learn", "less": "the same without near-duplicates", "counts": "CountVectorizer alone",
}  # fmt: skip
ALL = "clean, vectorize and split"
RESULTS = paths.ROOT / "docs/speed/scale.json"
BASE = 100_000  # messages, with which times by message are compared
SAME = "the largest size at which pandas and scikit-learn do all the work: their time grows with its square"


class Measured(NamedTuple):
    """One run of one contender."""

    seconds: float
    megabytes: float
    processor_seconds: float = 0  # of all processes
    own_processor_seconds: float = 0  # of the process without its workers
    own_megabytes: float = 0
    own_anonymous_megabytes: float = 0


class Place:
    """A workspace: the stages' code, the parameters, and a corpus."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus = folder / "data/raw/corpus"
        self.peers = folder / "peers"
        self.peers.mkdir(parents=True)
        for name in ("stages", "textrnn", "bench"):
            shutil.copytree(paths.ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(paths.PARAMS, folder)

    def run(self, *module: str) -> Measured:
        """Run a module to its end. Raises UserError if it fails."""
        start, before = time.perf_counter(), used()
        peak, own = 0, [0.0, 0.0, 0.0]
        process = psutil.Popen([sys.executable, "-m", *module], cwd=self.folder)
        while process.poll() is None:
            peak = max(peak, memory(process))
            own = list(map(max, own, of_process(process)))
            time.sleep(0.01 if time.perf_counter() - start < 2 else 0.1)
        if process.returncode:
            raise UserError(f"expected exit code 0 of python -m {' '.join(module)}, found {process.returncode}")
        return Measured(time.perf_counter() - start, peak / 1e6, used() - before, *own)

    def outputs(self) -> str:
        """Return a hash of all files that the stages have written."""
        folders = [self.folder / name for name in ("data/clean", "data/vectors", "data/split", "metrics")]
        files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
        sums = [f"{path.relative_to(self.folder)} {provenance.checksum(path)}" for path in files]
        return sha256("\n".join(sums).encode()).hexdigest()


def memory(process: psutil.Process) -> int:
    """Return the bytes of memory of a process and its children, with shared memory counted once."""
    if sys.platform != "linux":
        raise UserError("expected Linux")
    total = 0
    for one in [process, *children(process)]:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:  # it has ended
            continue
    return total


def of_process(process: psutil.Process) -> tuple[float, float, float]:
    """Return the processor seconds of a process alone, its peak memory in MB, and its anonymous memory."""
    try:
        times, lines = process.cpu_times(), Path(f"/proc/{process.pid}/status").read_text("utf-8").splitlines()
    except (psutil.Error, OSError):  # it has ended
        return 0, 0, 0
    kilobytes = {
        name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "kB" in value
    }
    return times.user + times.system, kilobytes.get("VmHWM", 0) / 1e3, kilobytes.get("RssAnon", 0) / 1e3


def children(process: psutil.Process) -> list[psutil.Process]:
    """Return the children of a process, and their children."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def measured(place: Place, repeats: int, peers: Sequence[str]) -> dict[str, list[Measured]]:
    """Run the contenders in turn, `repeats` times each."""
    found: dict[str, list[Measured]] = {}
    for _ in range(repeats):
        of_stages = [place.run(f"stages.{stage}") for stage in STAGES]
        columns = zip(Measured._fields, zip(*of_stages, strict=True), strict=True)
        whole = Measured(*(max(column) if "megabytes" in name else sum(column) for name, column in columns))
        for name, one in zip((*STAGES, ALL), (*of_stages, whole), strict=True):
            found.setdefault(name, []).append(one)
        for peer in peers:
            one = place.run("bench.peers", peer, str(place.corpus), str(place.peers))
            found.setdefault(PEERS[peer], []).append(one)
    return found


def equal_with_one_process(place: Place) -> bool:
    """Return whether the stages write the same bytes on one core, where they start no workers."""
    if sys.platform != "linux":
        raise UserError("expected Linux")
    expected = place.outputs()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(cores)])
    try:
        for stage in STAGES:
            place.run(f"stages.{stage}")
    finally:
        os.sched_setaffinity(0, cores)
    return place.outputs() == expected


def summary(size: int, runs: Sequence[Measured]) -> dict[str, float]:
    """Return the results of one contender at one size."""
    seconds, every = (
        sorted(one.seconds for one in runs),
        dict(zip(Measured._fields, zip(*runs, strict=True), strict=True)),
    )
    middle = statistics.median(seconds)
    return {
        "seconds": round(middle, 2),
        "seconds_least": round(seconds[0], 2),
        "seconds_most": round(seconds[-1], 2),
        "messages_per_second": round(size / middle),
        "microseconds_per_message": round(1e6 * middle / size, 2),
        "peak_megabytes": round(max(one.megabytes for one in runs)),
        **{name: round(statistics.median(every[name]), 2) for name in Measured._fields if "processor" in name},
        **{name: round(max(every[name])) for name in Measured._fields if name.startswith("own") and "mega" in name},
        "runs": len(runs),
    }


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the results as text, a line for each size and contender."""
    lines = [f"{'messages':>10}  {'':26} {'seconds':>24} {'messages/s':>10} {'µs each':>8} {'of 100 k':>8} {'MB':>6}"]
    for size, contenders in results.items():
        for name, row in contenders.items():
            base = results.get(str(BASE), {}).get(name)
            ratio = f"{row['microseconds_per_message'] / base['microseconds_per_message']:.2f}" if base else ""
            spread = f"{row['seconds']:.2f} ({row['seconds_least']:.2f} … {row['seconds_most']:.2f})"
            lines.append(
                f"{int(size):>10,}  {name:26} {spread:>24} {row['messages_per_second']:>10,.0f} "
                f"{row['microseconds_per_message']:>8.2f} {ratio:>8} {row['peak_megabytes']:>6.0f}"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure the sizes on the command line, and report all that have been measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[5000, 30_000, 100_000, 1_000_000, 10_000_000], metavar="N"
    )
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="runs of each (default: 5)")
    parser.add_argument("--same-most", type=int, default=30_000, metavar="N", help=f"{SAME} (default: 30000)")
    options = parser.parse_args()
    results = read_json(RESULTS) if RESULTS.exists() else {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            place = Place(Path(folder))
            write_corpus(place.corpus, size, seed=0)
            peers = [peer for peer in PEERS if peer != "same" or size <= options.same_most]
            found = measured(place, options.repeats, peers)
            if not equal_with_one_process(place):
                raise UserError(f"expected the same bytes of {size:,} messages with one process, found others")
        results[str(size)] = {name: summary(size, runs) for name, runs in found.items()}
        results = {str(size): results[str(size)] for size in sorted(map(int, results))}
        write_json(RESULTS, results)
        print(f"{size:,} messages: the same bytes with one process and with one for each core", flush=True)
    print(table(results))


if __name__ == "__main__":
    sys.exit(run(main))
