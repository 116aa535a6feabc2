"""How fast `textrnn serve` answers on loopback, beside the same messages through `predict.py --input`.

Clients in this process ask one request after the other, each on a connection of its own, for some seconds. They share
the processors with the server, as would a program on the same machine. The contenders take turns; the time of a request
is from its first byte sent to its last byte received, and its 99th percentile is that of all in a turn. Texts a second
depend on other load on the machine; texts per second of the server's processor do not.

Reads   model/
Writes  docs/speed/serving.json
Run     python -m bench.serving [--repeats 3]   (then python -m tools.speed)
"""

import argparse
import asyncio
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench import stream
from bench.inference import PREDICT
from bench.measure import shown, summary, timed
from bench.served import Address, Server, asking, served
from textrnn.core import paths, process_pool
from textrnn.core.errors import run
from textrnn.core.files import write_json

RESULT = paths.ROOT / "docs/speed/serving.json"
SECONDS = 5.0  # of a turn
STREAM = 20_000  # messages of the stream, and those that clients draw from
CONTENDERS = {"1 client": (1, 1), "16 clients": (16, 1), "64 clients": (64, 1), "4 clients, 100 texts each": (4, 100)}
Turn = dict[str, float]


async def client(address: Address, requests: list[bytes], end: float) -> list[float]:
    """Ask until the end, and return the seconds that each request took."""
    reader, writer = await asyncio.open_connection(*address)
    took: list[float] = []
    while (begin := time.perf_counter()) < end:
        writer.write(requests[len(took) % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode())
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
        took.append(time.perf_counter() - begin)
    writer.close()
    return took


async def turn(server: Server, texts: list[str], clients: int, each: int) -> Turn:
    """Let some clients ask, each for so many texts at once, and return how fast they were answered."""
    process = psutil.Process(server.process.pid)
    requests = [asking(texts[start : start + each]) for start in range(0, len(texts) - each + 1, each)]
    shares = [requests[number::clients] for number in range(clients)]
    begin, used = time.perf_counter(), sum(process.cpu_times()[:2])
    found = await asyncio.gather(*(client(server.address, share, begin + SECONDS) for share in shares))
    seconds, took = time.perf_counter() - begin, np.concatenate(found)
    return {
        "requests_per_second": len(took) / seconds,
        "texts_per_second": len(took) * each / seconds,
        "texts_per_processor_second": len(took) * each / (sum(process.cpu_times()[:2]) - used),
        "p99_milliseconds": 1000 * float(np.quantile(took, 0.99)),
    }


def measured(repeats: int) -> dict[str, list[Turn]]:
    """Return the turns of each contender and of the stream."""
    found: dict[str, list[Turn]] = {name: [] for name in (*CONTENDERS, "stream")}
    texts = list(islice(stream.messages(0, stream.REPEATED), STREAM))
    with tempfile.TemporaryDirectory() as folder, served(paths.MODEL) as server:
        file = Path(folder) / "messages"
        file.write_text("\n".join(texts) + "\n", "utf-8")
        for _ in range(repeats):
            for name, (clients, each) in CONTENDERS.items():
                found[name].append(asyncio.run(turn(server, texts, clients, each)))
            took = timed((*PREDICT, "--format", "tsv", "--input", file), paths.ROOT)
            found["stream"].append(
                {"texts_per_second": STREAM / took.seconds, "texts_per_processor_second": STREAM / took.processor}
            )
            print({name: turns[-1] for name, turns in found.items()}, flush=True)
    return found


def main() -> None:
    """Measure, and write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="of each contender (default: 3)")
    turns = measured(parser.parse_args().repeats)
    found: dict[str, Any] = {
        name: {key: summary([one[key] for one in several]) for key in several[0]} for name, several in turns.items()
    }
    write_json(RESULT, {"contenders": found, "processors": process_pool.processors()})
    for name, values in found.items():
        print(name, {key: shown(value, 1) for key, value in values.items()})


if __name__ == "__main__":
    sys.exit(run(main))
