"""Write the tables and pictures of docs/speed and docs/scale.md from what the benchmarks measured.

Reads   docs/speed/*.json, metrics/*.json, params.yaml
Writes  docs/speed/README.md, docs/speed/*.png, docs/scale.md
Run     python -m tools.speed   (after a benchmark)
"""

import sys
from collections.abc import Callable
from typing import Any

from bench import beside, pictures, preparation
from bench.measure import shown
from bench.scale import ALL, BASE, PEERS
from bench.serving import STREAM
from textrnn.core import params, paths
from textrnn.core.errors import run
from textrnn.core.files import read_json, read_text, write_text
from textrnn.model.config import TrainConfig
from tools.markdown import table, written
from tools.readme import metrics

PAGES = [pictures.FOLDER / "README.md", paths.ROOT / "docs/scale.md"]


def found(name: str) -> dict[str, Any]:
    """Return what a benchmark wrote."""
    values: dict[str, Any] = read_json(pictures.FOLDER / f"{name}.json")
    return values


def training() -> str:
    """Return a row for each contender."""
    paces = sorted(found("training").items(), key=lambda item: -item[1]["tokens_per_second"]["median"])
    rows = [[name, shown(one["tokens_per_second"], 0), shown(one["textrnn_is_faster_by"])] for name, one in paces]
    return table(["", "tokens a second", "textrnn is faster by"], rows, numbers=True)


def pipeline() -> str:
    """Return the seconds of DVC's commands, compared with the stage train."""
    values = found("stages")
    rows = [
        ["`dvc repro`, running everything", shown(values["commands"]["repro"])],
        ["`python -m stages.train` alone", shown(values["stages"]["train"])],
        ["`dvc repro`, with nothing to do", shown(values["commands"]["nothing to do"])],
        ["`dvc status`", shown(values["commands"]["status"])],
    ]
    return table(["", "seconds"], rows, numbers=True)


def cold() -> str:
    """Return a row for each way to answer one message."""
    values = found("inference")["cold"]
    return table(["", "seconds"], [[name, shown(one)] for name, one in values.items()], numbers=True)


def streams() -> str:
    """Return a row for each stream."""
    values = found("inference")
    keys = ("messages_per_second", "peak_megabytes")
    rows = [
        [f"{int(size):,}, {kind}", *(shown(measured[key], 0) for key in keys)]
        for kind, sizes in values["streams"].items()
        for size, measured in sorted(sizes.items(), key=lambda item: int(item[0]))
    ]
    header = ["messages", "messages a second", "peak memory, MB"]
    return table(header, rows, numbers=True)


def serving() -> str:
    """Return a row for each kind of client, and the same messages as a stream."""
    values = found("serving")["contenders"]
    keys = {"requests_per_second": 0, "texts_per_second": 0, "texts_per_processor_second": 0, "p99_milliseconds": 1}
    names = {"stream": f"{STREAM:,} messages, `predict.py --input`"}
    rows = [
        [names.get(name, name), *(shown(one[key], digits) if key in one else "" for key, digits in keys.items())]
        for name, one in sorted(values.items(), key=lambda item: item[1]["texts_per_second"]["median"])
    ]
    header = ["", "requests a second", "texts a second", "texts a second of a processor", "p99, milliseconds"]
    return table(header, rows, numbers=True)


def scale() -> str:
    """Return a row for each size of corpus: the stages and their peers."""
    values = found("scale")
    rows = []
    for size, contenders in sorted(values.items(), key=lambda item: int(item[0])):
        own = contenders[ALL]
        base = own["microseconds_per_message"] / values[str(BASE)][ALL]["microseconds_per_message"]
        row = [f"{int(size):,}", f"{own['seconds']:.1f}", f"{base:.2f}", f"{own['peak_megabytes']:,.0f}"]
        for name in PEERS.values():
            peer = contenders.get(name)
            row.append(f"{peer['seconds']:.1f} ({peer['peak_megabytes']:,.0f} MB)" if peer else "")
        if measured := "own_processor_seconds" in own:
            row += [f"{own['own_processor_seconds'] / own['processor_seconds']:.0%}", f"{own['own_megabytes']:,.0f}"]
        rows.append([*row, f"{own['runs']:.0f}"])
    header = ["messages", "seconds", "time a message, relative to 100,000 messages", "MB", *PEERS.values()]
    more = ["processor time in the stages' own processes", "their MB"] if measured else []
    return table([*header, *more, "runs"], rows, numbers=True)


def cost() -> str:
    """Return the cost of each stage for a million messages like those of the default corpus."""
    messages, measured, split = 1_000_000, found("scale")["1000000"], metrics("split")
    config, tokens = params.load("train", TrainConfig), metrics("vectorize")["tokens"] / metrics("clean")["kept"]
    learnt = 1 - split["test"] / metrics("clean")["kept"]
    epochs = metrics("train")["epochs"]
    rounds = config.ensemble - 1 + config.cascade  # each member leaves out its fold, and a cascade's network none
    read = messages * learnt * tokens * epochs * rounds
    pace, pace_of_one = (
        found("training")[name]["tokens_per_second"]["median"] for name in ("textrnn", "textrnn, one thread")
    )
    answers = found("inference")["streams"]["test messages"]["1000000"]["messages_per_second"]["median"]
    rows = [
        [name, f"{measured[name]['seconds']:,.0f}", f"{measured[name]['peak_megabytes']:,.0f}"]
        for name in ("clean", "vectorize", "split")
    ]
    rows.append([f"train: {config.ensemble + config.cascade} networks, {epochs} epochs", f"{read / pace:,.0f}", ""])
    rows.append(["train: one network, one epoch", f"{messages * learnt * tokens / pace_of_one:,.0f}", ""])
    rows.append(["evaluate: predictions for the test rows", f"{messages * (1 - learnt) / answers:,.0f}", ""])
    rows.append(["predict.py", f"{messages / answers:,.0f}", ""])
    return table(["a million messages", "seconds", "MB"], rows, numbers=True)


BLOCKS: dict[str, Callable[[], str]] = {
    "training": training,
    "pipeline": pipeline,
    "cold": cold,
    "streams": streams,
    "beside": lambda: beside.report(found("beside")),
    "serving": serving,
    "scale": scale,
    "preparation": lambda: preparation.report(found("preparation")),
    "cost": cost,
}


def main() -> None:
    """Write the pages and the pictures."""
    for page in PAGES:
        write_text(page, written(read_text(page), BLOCKS))
    pictures.draw(pictures.FOLDER)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
