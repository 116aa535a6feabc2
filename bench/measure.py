"""How long commands take and how much memory, several of them in turn, and what of that is told."""

import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import matplotlib as mpl
import psutil
from matplotlib.figure import Figure

from textrnn.core.errors import UserError
from textrnn.report import charts

LOOK = 0.25  # seconds between two looks at the memory


class Run(NamedTuple):
    """What one run of a command took."""

    seconds: float
    processor: float  # seconds of all processors together
    peak: float  # MB of resident memory of the process and all that it started, shared pages counted for each


def timed(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end. Raises UserError when it fails."""
    begin, before = time.perf_counter(), used()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        ended, peaks = threading.Event(), [0.0]

        def watch() -> None:
            while not ended.wait(LOOK):
                peaks.append(resident(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
        process.wait()  # without a limit: with one it would look at intervals of up to 50 ms
        seconds = time.perf_counter() - begin
        ended.set()
        watcher.join()
    if process.returncode:
        raise UserError(f"exit code {process.returncode}: {' '.join(map(str, command))}\n{said[-2000:]}")
    return Run(seconds, used() - before, max(peaks))


def used() -> float:
    """Return the processor seconds of all processes which this one and its children have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def resident(number: int) -> float:
    """Return the MB of resident memory of a process and of all that it started."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        first = psutil.Process(number)
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total / 1e6


def interleaved(measures: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Return so many values of each measure, taken in turn, so that what else the machine does meets all alike."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            found[name].append(measure())
            print(f"{name}: {found[name][-1]:.3f}", flush=True)
    return found


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return the median and the ends of the values, as a JSON file has them."""
    return {"median": round(median(values), 4), "low": round(min(values), 4), "high": round(max(values), 4)}


def reach(values: Iterable[Mapping[str, float]]) -> list[list[float]]:
    """Return how far the least and the most lie from the medians, as Matplotlib's error bars want it."""
    ends = [(one["median"] - one["low"], one["high"] - one["median"]) for one in values]
    return [list(side) for side in zip(*ends, strict=True)]


def shown(found: Mapping[str, Any], digits: int = 2) -> str:
    """Return a summary as a table has it."""
    return f"{found['median']:,.{digits}f} ({found['low']:,.{digits}f} … {found['high']:,.{digits}f})"


@contextmanager
def drawn(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Give an empty figure of so many inches, and write it as PNG once the block has drawn on it."""
    mpl.rcdefaults()  # a user's matplotlibrc would change the bytes
    with mpl.rc_context(charts.STYLE):
        figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
        yield figure
        charts.save(path, figure)
