"""Fuzz every target, and say how many inputs each had, how fast, and whether one broke a promise.

A target's search ends at its first crash; the input which made it is kept, and its path is told.

Run     python -m fuzz
        python -m fuzz --inputs 50000 --target tokenize
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.targets import TARGETS, Target

FLAGS = ("-max_len=2048", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0")
EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
TRACEBACK = re.compile(r"^ === Uncaught Python exception: ===\n(?:.*\n)+?(?=\n|==)", re.MULTILINE)


def fuzz(name: str, inputs: int, seed: int, kept: Path) -> tuple[int, list[Path], str]:
    """Search with `inputs` inputs, and return how many there were, which crashed (their files), and what was said."""
    with tempfile.TemporaryDirectory() as directory:
        corpus, dictionary, scratch = (Path(directory) / part for part in ("corpus", "dictionary", "scratch"))
        prepare(TARGETS[name], corpus, dictionary)
        scratch.mkdir()  # a process that libFuzzer ends clears nothing up
        command = [sys.executable, "-m", "fuzz.one", name, str(corpus), f"-dict={dictionary}", *FLAGS]
        command += [f"-runs={inputs}", f"-seed={seed + 1}", f"-artifact_prefix={kept / name}-"]  # 0: any seed
        environment = os.environ | {"TMPDIR": str(scratch), "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode("utf-8", errors="replace")
    executed = EXECUTED.search(said)
    crashes = sorted(kept.glob(f"{name}-*"))
    if not executed or bool(done.returncode) != bool(crashes):
        raise RuntimeError(f"fuzz.one {name} ended with {done.returncode}:\n{said}")
    return int(executed[1]), crashes, said


def prepare(target: Target, corpus: Path, dictionary: Path) -> None:
    """Write what the search begins with, as libFuzzer reads it."""
    corpus.mkdir()
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    lines = ("".join(f"\\x{byte:02x}" for byte in piece) for piece in target.pieces)
    dictionary.write_text("".join(f'"{line}"\n' for line in lines), "ascii")


def main() -> int:
    """Fuzz what the command line names, and return 1 if anything crashed."""
    parser = argparse.ArgumentParser(description="Search for inputs that break a promise.")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of all targets together; default: 1000000")
    parser.add_argument("--target", choices=TARGETS, help="fuzz this one alone")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another search; default: 0")
    given = parser.parse_args()
    chosen = [given.target] if given.target else list(TARGETS)
    parts = sum(TARGETS[name].share for name in chosen)
    kept = Path(tempfile.mkdtemp(prefix="fuzz-"))
    crashed = False
    print(f"{'target':<12}{'inputs':>10}{'inputs/s':>10}{'crashes':>9}")
    for name in chosen:
        start = time.perf_counter()
        wanted = -(-given.inputs * TARGETS[name].share // parts)  # rounded up: no fewer in all than asked for
        inputs, crashes, said = fuzz(name, wanted, given.seed, kept)
        print(f"{name:<12}{inputs:>10,}{inputs / (time.perf_counter() - start):>10,.0f}{len(crashes):>9}", flush=True)
        for crash in crashes:
            crashed = True
            raised = TRACEBACK.search(said)
            print(f"{raised[0] if raised else said}python -m fuzz.one {name} {crash}", flush=True)
    if not crashed:
        kept.rmdir()
    return int(crashed)


if __name__ == "__main__":
    sys.exit(main())
