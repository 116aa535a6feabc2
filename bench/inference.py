"""How fast predict.py is: one message from a cold start, against TensorFlow, and long streams, with their memory.

The measurements take turns, and are given as a median with the least and the most. A stream is a file of invented
messages (bench/stream.py); its time is that of `python predict.py --input FILE --format tsv`, start included; the
longest runs once. Messages a second depend on other load on the machine; messages per processor second do not.

Writes  docs/speed/inference.json
Run     python -m bench.inference [--repeats 5]   (then python -m tools.speed)
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import stream
from bench.measure import Run, interleaved, shown, summary, timed
from textrnn.core import paths, process_pool
from textrnn.core.errors import run
from textrnn.core.files import write_json
from tools.markdown import table

RESULT = paths.ROOT / "docs/speed/inference.json"
MESSAGE = "URGENT! You have won a 1 week FREE membership, call 09061701461 to claim"
PREDICT = (sys.executable, "predict.py")
COLD = {
    "predict.py": (*PREDICT, MESSAGE),
    "TensorFlow": (sys.executable, "-m", "bench.keras_answer", MESSAGE),
}
SIZES = (10_000, 100_000, 1_000_000)
ONCE = 1_000_000  # messages: a stream this long is measured once
STREAMS = {"7 % repeated": (0.07, SIZES), "all distinct": (0.0, SIZES[:2])}


def cold(repeats: int) -> dict[str, Any]:
    """Return the seconds from the start of a process to its end, for one message."""
    measures = {name: lambda command=command: timed(command, paths.ROOT).seconds for name, command in COLD.items()}
    found = interleaved(measures, repeats)
    ratios = [other / own for own, other in zip(found["predict.py"], found["TensorFlow"], strict=True)]
    return {name: summary(values) for name, values in found.items()} | {"TensorFlow / predict.py": summary(ratios)}


def streams(repeats: int) -> dict[str, Any]:
    """Return the speed and the peak memory of each kind and size of stream."""
    each = [(kind, size) for kind, (_, sizes) in STREAMS.items() for size in sizes]
    runs: dict[tuple[str, int], list[Run]] = {one: [] for one in each}
    with tempfile.TemporaryDirectory() as folder:
        for kind, size in each:
            stream.write(Path(folder) / f"{kind} {size}", size, stream.messages(size, STREAMS[kind][0]))
        for repeat in range(repeats):
            for kind, size in each:
                if repeat and size >= ONCE:
                    continue
                took = timed((*PREDICT, "--format", "tsv", "--input", Path(folder) / f"{kind} {size}"), paths.ROOT)
                runs[kind, size].append(took)
                print(f"{kind}, {size:,}: {size / took.seconds:,.0f}/s, {took.peak:,.0f} MB", flush=True)
    return {kind: {str(size): of(runs[kind, size], size) for size in sizes} for kind, (_, sizes) in STREAMS.items()}


def of(runs: list[Run], size: int) -> dict[str, dict[str, float]]:
    """Return the summaries of the runs on one stream."""
    return {
        "messages_per_second": summary([size / run.seconds for run in runs]),
        "messages_per_processor_second": summary([size / run.processor for run in runs]),
        "peak_megabytes": summary([run.peak for run in runs]),
    }


def report(found: dict[str, Any]) -> str:
    """Return the tables that are printed."""
    starts = [[name, shown(values)] for name, values in found["cold"].items()]
    rows = [
        [kind, f"{int(size):,}", *(shown(values, 0) for values in one.values())]
        for kind, sizes in found["streams"].items()
        for size, one in sizes.items()
    ]
    return "\n\n".join(
        [
            table(["one message, cold", "seconds"], starts),
            table(["stream", "messages", "a second", "a second of a processor", "peak memory, MB"], rows),
        ]
    )


def main() -> None:
    """Measure everything, and write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.inference", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="of each measure (default: 5)")
    options = parser.parse_args()
    found: dict[str, Any] = {"cold": cold(options.repeats), "streams": streams(options.repeats)}
    found["processors"] = process_pool.processors()
    write_json(RESULT, found)
    print(f"\n{report(found)}")


if __name__ == "__main__":
    sys.exit(run(main))
