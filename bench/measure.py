"""How long commands take and how much memory, measured in turn, and how results are printed."""

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil

from textrnn.core.errors import UserError

INTERVAL = 0.25  # seconds between two readings of the memory


class Run(NamedTuple):
    """The cost of one run of a command."""

    seconds: float
    processor: float  # seconds of all processors together
    peak: float  # MB of resident memory of the process and its descendants; shared pages count for each


def timed(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end. Raises UserError if it fails."""
    begin, before = time.perf_counter(), used()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        ended, peaks = threading.Event(), list[float]()

        def watch() -> None:
            peaks.append(resident(process.pid))
            while not ended.wait(INTERVAL):
                peaks.append(resident(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
        process.wait()  # without a timeout: with one, wait polls at intervals of up to 50 ms
        seconds = time.perf_counter() - begin
        ended.set()
        watcher.join()
    if process.returncode:
        raise UserError(f"exit code {process.returncode}: {' '.join(map(str, command))}\n{said[-2000:]}")
    return Run(seconds, used() - before, max(peaks))


def used() -> float:
    """Return the processor seconds of all child processes that have ended."""
    if sys.platform != "linux":
        raise UserError("expected Linux")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def resident(number: int) -> float:
    """Return the MB of resident memory of a process and its descendants."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        first = psutil.Process(number)
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total / 1e6


def interleaved(measures: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Take each measure `repeats` times, in turn, so that other load on the machine affects all alike."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            found[name].append(measure())
            print(f"{name}: {found[name][-1]:.3f}", flush=True)
    return found


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return the median, the least and the most of the values, for a JSON file."""
    return {"median": round(median(values), 4), "low": round(min(values), 4), "high": round(max(values), 4)}


def shown(found: Mapping[str, Any], digits: int = 2) -> str:
    """Return a summary for a cell of a table."""
    return f"{found['median']:,.{digits}f} ({found['low']:,.{digits}f} … {found['high']:,.{digits}f})"
