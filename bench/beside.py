"""One message and a stream, beside scikit-learn, fastText and, if asked, another checkout of this project, in one run.

scikit-learn's SVM and fastText are those of compare/models.py, fitted on the model's training and validation rows. They
answer by bench/rivals.py. Each contender's time is that of its whole program, and they take turns: messages a second
depend on other load on the machine, messages per processor second and ratios much less.

One stream is of invented messages, the other of test messages with a word changed (bench/stream.py).

Writes  docs/speed/beside.json
Run     PYTHONPATH=FOLDER_OF_FASTTEXT python -m bench.beside [--repeats 5] [--size 100000] [--before CHECKOUT]
"""

import argparse
import pickle
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from bench import stream
from bench.inference import MESSAGE, PREDICT
from bench.measure import Run, interleaved, shown, summary, timed
from compare.models import FASTTEXT, machine
from textrnn.artifacts import ragged
from textrnn.artifacts.messages import read_messages
from textrnn.core import paths, process_pool
from textrnn.core.errors import run
from textrnn.core.files import write_json
from tools.markdown import table

RESULT = paths.ROOT / "docs/speed/beside.json"
OWN = "predict.py"
KINDS = {"test": "test messages", "invented": "invented messages"}


def fit(folder: Path) -> list[str]:
    """Fit the others that are installed, write them to the folder, and return their names."""
    rows = messages_of(paths.TRAIN, paths.VALIDATION)
    labels, texts = [label for label, _ in rows], [text for _, text in rows]
    (folder / "scikit-learn").write_bytes(pickle.dumps(machine().fit(texts, labels)))
    try:
        import fasttext  # noqa: PLC0415
    except ImportError:
        return ["scikit-learn"]
    lines = folder / "lines.txt"
    lines.write_text("".join(f"__label__{label} {text}\n" for label, text in rows), "utf-8")
    fasttext.train_supervised(str(lines), **FASTTEXT).save_model(str(folder / "fastText"))
    return ["scikit-learn", "fastText"]


def messages_of(*parts: Path) -> list[tuple[str, str]]:
    """Return label and text of each row of these parts."""
    messages = read_messages(paths.MESSAGES)
    return [messages[row] for part in parts for row in ragged.load(part).rows.tolist()]


def measured(folder: Path, names: list[str], before: Path | None, repeats: int, size: int) -> dict[str, Any]:
    """Return what one message and a stream of this size take, by contender."""
    own = {OWN: paths.ROOT} | ({f"{OWN} before": before} if before else {})
    files = {kind: folder / kind for kind in ("cold", *KINDS)}
    files["cold"].write_text(f"{MESSAGE}\n", "utf-8")
    stream.write(files["test"], size, stream.varied([text for _, text in messages_of(paths.TEST)], size))
    stream.write(files["invented"], size, stream.messages(size, 0.07))
    predict = (*PREDICT, "--format", "tsv")
    found: dict[str, Any] = {"messages": size, "processors": process_pool.processors()}
    for kind, file in files.items():
        asked = (MESSAGE,) if kind == "cold" else ("--input", file)
        commands = {name: ((*predict, *asked), root) for name, root in own.items()}
        commands |= {name: ((sys.executable, "-m", "bench.rivals", folder / name, file), paths.ROOT) for name in names}
        runs: dict[str, list[Run]] = {name: [] for name in commands}

        def once(name: str) -> float:
            runs[name].append(timed(*commands[name]))  # noqa: B023  # called before the next round
            return runs[name][-1].seconds  # noqa: B023

        interleaved({name: partial(once, name) for name in commands}, repeats)
        found[kind] = {
            name: {
                "seconds": summary([one.seconds for one in several]),
                "processor": summary([one.processor for one in several]),
                "slower": summary([one.seconds / mine.seconds for one, mine in zip(several, runs[OWN], strict=True)]),
            }
            for name, several in runs.items()
        }
    return found


def report(found: dict[str, Any]) -> str:
    """Return a row for each contender."""
    rows = []
    for name, cold in found["cold"].items():
        row = [name]
        for kind in KINDS:
            one = found[kind][name]
            rates = [f"{found['messages'] / one[key]['median']:,.0f}" for key in ("seconds", "processor")]
            row += [*rates, shown(one["slower"])]
        rows.append([*row, shown(cold["seconds"])])
    titles = [title for name in KINDS.values() for title in (f"{name} a second", "a processor's second", "slower by")]
    return table(["", *titles, "one message, cold, seconds"], rows, numbers=True)


def main() -> None:
    """Measure everything, and write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.beside", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="of each measure (default: 5)")
    parser.add_argument("--size", type=int, default=100_000, metavar="N", help="messages (default: 100,000)")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, with its model")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), fit(Path(folder)), given.before, given.repeats, given.size)
    write_json(RESULT, found)
    print(report(found))


if __name__ == "__main__":
    sys.exit(run(main))
