"""An ensemble's members trained side by side: the same bits, and no process left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from textrnn.core import paths

# Invented rows, and an ensemble of three for several epochs, in a process that has not loaded TensorFlow.
PROGRAM = """
import os, sys
from pathlib import Path
import numpy as np
from textrnn.artifacts import ragged
from textrnn.core import paths, process_pool
from textrnn.training import loop, machine, members as ways
from textrnn.training.batches import Collator
from textrnn.core.errors import run
from tests.configs import rows_of, small

how, count, epochs, file = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
loop.CHECKPOINT, paths.MACHINE = file, file.with_name("machine.json")
process_pool.processors = lambda: count
config = small(units=8, embedding_size=8, bidirectional=True, pooling="mean_max", subword_buckets=9, dropout=0.3,
               token_dropout=0.2, subword_dropout=0.2, epochs=epochs, ensemble=3, batch_size=6)
random = np.random.default_rng(0)
labels = [int(label) for label in random.integers(0, 2, 24)]
rows = rows_of([[1 + label, *random.integers(3, 12, random.integers(1, 8))] for label in labels], labels)
words = np.arange(12, dtype=np.int32)
collator = Collator(words, np.stack([words % 9 + 1, words % 4], axis=1).astype(np.int32), 8, True)
fold = np.arange(24) % 3
members = [loop.Member(ragged.take(rows, np.flatnonzero(fold != number)),
                           ragged.take(rows, np.flatnonzero(fold == number)), collator) for number in range(3)]

def main():
    assert "tensorflow" not in sys.modules
    fitted = loop.fit(getattr(ways, how)(config, 12, 2, members), members, config, "mark")
    print(fitted.history.tolist())
    print([sorted((name, array.tobytes().hex()) for name, array in one.items()) for one in fitted.weights])
    print([one.tolist() for one in fitted.logits])

if __name__ == "__main__":
    sys.exit(run(main))
"""


def begun(tmp_path: Path, how: str, count: int, epochs: int = 3) -> subprocess.Popen[str]:
    """Start the program, in a group of its own."""
    (tmp_path / "program.py").write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, tmp_path / "program.py", how, str(count), str(epochs), tmp_path / "checkpoint.npz"],
        cwd=paths.ROOT, env=os.environ | {"PYTHONPATH": str(paths.ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> list[str]:
    """Return the lines of a process which ends well."""
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return out.splitlines()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what a single process beside this one learns."""
    return ended(begun(tmp_path_factory.mktemp("one"), "side_by_side", 1))


@pytest.mark.parametrize("count", [2, 3])
def test_any_number_of_processes_learns_the_same_bits(one: list[str], tmp_path: Path, count: int) -> None:
    assert ended(begun(tmp_path, "side_by_side", count)) == one


def test_a_network_this_small_learns_the_same_bits_in_the_process_itself(one: list[str], tmp_path: Path) -> None:
    assert ended(begun(tmp_path, "one_by_one", 1)) == one


def in_training(process: subprocess.Popen[str], checkpoint: Path) -> list[psutil.Process]:
    """Return the processes which train, once an epoch has been."""
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.05)
    return psutil.Process(process.pid).children()


def test_ctrl_c_ends_all_within_two_seconds_with_one_line_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    process = begun(tmp_path, "side_by_side", 2, epochs=10_000)
    children = in_training(process, tmp_path / "checkpoint.npz")
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=2)
    assert (process.returncode, error) == (130, "error: interrupted\n")
    assert not any(child.is_running() for child in children)
    assert (tmp_path / "checkpoint.npz").exists()


def test_a_process_that_is_killed_ends_the_training_with_one_line(tmp_path: Path) -> None:
    process = begun(tmp_path, "side_by_side", 2, epochs=10_000)
    children = in_training(process, tmp_path / "checkpoint.npz")
    children[0].kill()
    _, error = process.communicate(timeout=5)
    assert process.returncode == 1
    assert error.startswith(
        "error: expected the worker processes to live until all is done, found one ended with exit code -9"
    )
    assert error.count("\n") == 1
    assert not any(child.is_running() for child in children)


def test_processes_whose_parent_is_killed_end_by_themselves(tmp_path: Path) -> None:
    process = begun(tmp_path, "side_by_side", 2, epochs=10_000)
    children = in_training(process, tmp_path / "checkpoint.npz")
    process.kill()
    process.communicate()
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert (len(gone), alive) == (2, [])


def test_a_training_begun_by_two_processes_is_ended_by_three_with_the_same_bits(one: list[str], tmp_path: Path) -> None:
    process = begun(tmp_path, "side_by_side", 2)
    in_training(process, tmp_path / "checkpoint.npz")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert ended(begun(tmp_path, "side_by_side", 3))[-3:] == one[-3:]
