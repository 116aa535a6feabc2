"""What the pipeline costs apart from training: the start and run of each stage, and what DVC adds.

All measurements take turns in clones of HEAD whose caches are empty apart from the corpus, and are given as a median
with the least and the most: `dvc repro` of everything against `python -m stages.train` in the same clone, a `dvc repro`
with nothing to do against `dvc status`, and how long each stage takes to load its modules.

Writes  docs/speed/stages.json
Run     python -m bench.stages [--repeats 5]   (then python -m tools.speed)
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import sources
from bench.measure import shown, summary, timed
from bench.outputs import of_lock
from bench.place import DVC, REPRO, Place
from bench.reproduce import Origin
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.files import write_json
from textrnn.corpus import sms_spam
from tools.markdown import table

RESULT = paths.ROOT / "docs/speed/stages.json"
REPRO_TARGET, NOTHING_TARGET = 1.25, 1.2

Seconds = dict[str, float]


def measured(origin: Origin, corpus: bytes, work: Path, repeat: int) -> tuple[Seconds, Seconds, Seconds]:
    """Return the seconds of DVC's commands, of each stage alone, and of loading each stage's modules, in one clone."""
    place = prepared(origin, corpus, work / str(repeat))

    def seconds(*command: str) -> float:
        took = timed(command, place.folder, place.environment).seconds
        print(f"{' '.join(command[1:])}: {took:.2f} s", flush=True)
        return took

    commands = {"repro": seconds(*REPRO), "nothing to do": seconds(*DVC, "repro")}
    commands["status"] = seconds(*DVC, "status")
    stages = {stage: seconds(sys.executable, "-m", f"stages.{stage}") for stage in of_lock(origin.lock)}
    loads = {stage: seconds(sys.executable, "-c", f"import stages.{stage}") for stage in stages}
    return commands, stages, loads


def prepared(origin: Origin, corpus: bytes, slot: Path) -> Place:
    """Return a clone whose caches are empty apart from the corpus."""
    kept = slot / "corpora"
    kept.mkdir(parents=True)
    (kept / sms_spam.SHA256).write_bytes(corpus)
    place = Place(origin.repository, origin.commit, slot, "clone")
    place.set(
        {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),  # stages run `python`
            "DVC_SITE_CACHE_DIR": "{slot}/site",
            "DVC_NO_ANALYTICS": "true",
            "TEXTRNN_CACHE": str(kept),
        }
    )
    place.clone()
    return place


def collected(runs: list[tuple[Seconds, Seconds, Seconds]]) -> dict[str, Any]:
    """Return the summaries of all clones, for the JSON file."""
    commands, stages, loads = ([one[part] for one in runs] for part in range(3))
    ratios = [one["repro"] / alone["train"] for one, alone in zip(commands, stages, strict=True)]
    nothing = [one["nothing to do"] / one["status"] for one in commands]
    return {
        "commands": {name: summary([one[name] for one in commands]) for name in commands[0]},
        "stages": {name: summary([one[name] for one in stages]) for name in stages[0]},
        "loads": {name: summary([one[name] for one in loads]) for name in loads[0]},
        "ratios": {"repro / train": summary(ratios), "nothing to do / status": summary(nothing)},
    }


def report(found: dict[str, Any]) -> str:
    """Return the tables that are printed."""
    rows = [[name, shown(found["loads"][name]), shown(values)] for name, values in found["stages"].items()]
    commands = [[name, shown(values)] for name, values in found["commands"].items()]
    targets = {"repro / train": REPRO_TARGET, "nothing to do / status": NOTHING_TARGET}
    ratios = [[name, shown(values), f"{targets[name]:g}"] for name, values in found["ratios"].items()]
    return "\n\n".join(
        [
            table(["stage", "modules loaded, s", "whole, s"], rows),
            table(["dvc", "seconds"], commands),
            table(["ratio", "found", "at most"], ratios),
        ]
    )


def main() -> None:
    """Measure everything, and write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="clones (default: 5)")
    options = parser.parse_args()
    origin, corpus = Origin.head(paths.ROOT), sources.corpus()
    with tempfile.TemporaryDirectory(prefix="stages-") as work:
        runs = [measured(origin, corpus, Path(work), repeat) for repeat in range(options.repeats)]
    found = collected(runs)
    write_json(RESULT, found)
    print(f"\n{report(found)}")


if __name__ == "__main__":
    sys.exit(run(main))
