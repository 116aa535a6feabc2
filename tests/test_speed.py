"""bench.inference and bench.stages: the invented stream, what is measured, and what is told of it."""

import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import arithmetic, inference, measure, stages, stream
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.model.config import TrainConfig


@pytest.fixture
def vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model know a few words."""
    monkeypatch.setattr(paths, "MODEL", tmp_path)
    (tmp_path / "vocabulary.tsv").write_text("to\t900\nyou\t500\n!\t300\nprize\t2\n")


@pytest.mark.usefixtures("vocabulary")
def test_a_stream_is_the_same_for_a_seed_and_another_for_another_one() -> None:
    first, again, other = (list(islice(stream.messages(seed, 0.07), 500)) for seed in (1, 1, 2))
    assert first == again != other
    assert all(text.isprintable() and text for text in first)


@pytest.mark.usefixtures("vocabulary")
def test_the_share_of_repeated_messages_is_as_asked_for() -> None:
    for repeated in (0.0, 0.07):
        texts = list(islice(stream.messages(0, repeated), 5000))
        assert 1 - len(set(texts)) / len(texts) == pytest.approx(repeated, abs=0.01)
        assert 10 < np.mean([len(text.split()) for text in texts]) < 25


@pytest.mark.usefixtures("vocabulary")
def test_a_written_stream_has_a_line_for_each_message(tmp_path: Path) -> None:
    stream.write(tmp_path / "stream", 300, seed=3, repeated=0.0)
    assert (tmp_path / "stream").read_text("utf-8").splitlines() == list(islice(stream.messages(3, 0.0), 300))


def test_time_and_memory_are_those_of_the_process_and_all_that_it_started(tmp_path: Path) -> None:
    child = "import time; some = bytearray(60_000_000); time.sleep(0.4)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    took = measure.timed((sys.executable, "-c", program), tmp_path)
    assert 0.4 < took.seconds < 20
    assert 60 < took.peak < 300
    assert 0 < took.processor < took.seconds


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"exit code 3: .*\n?.*no tea"):
        measure.timed((sys.executable, "-c", "import sys; print('no tea', file=sys.stderr); sys.exit(3)"), tmp_path)


def test_measures_are_taken_in_turn() -> None:
    order: list[str] = []

    def measured(name: str) -> Callable[[], float]:
        def value() -> float:
            order.append(name)
            return float(len(order))

        return value

    found = measure.interleaved({name: measured(name) for name in "ab"}, 2)
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_a_summary_is_the_median_between_the_least_and_the_most() -> None:
    found = measure.summary([3.0, 1.0, 2.0])
    assert found == {"median": 2.0, "low": 1.0, "high": 3.0}
    assert measure.shown(found) == "2.00 (1.00 … 3.00)"
    assert measure.reach([found, found | {"high": 5.0}]) == [[1.0, 1.0], [1.0, 3.0]]


def test_the_multiplications_of_a_step_are_those_of_its_kernels() -> None:
    # Three gates of 64 units, which read 64 inputs and 64 units, in both directions.
    assert arithmetic.multiply_adds(params.load("train", TrainConfig)) == 2 * (64 * 3 * 64 + 64 * 3 * 64)


def test_the_speed_of_products_is_that_of_one_processor() -> None:
    begin = time.process_time()
    assert arithmetic.sgemm(64) > 1e6
    assert time.process_time() - begin < 5


ONE = {"median": 2.0, "low": 1.0, "high": 3.0}


def of_inference() -> dict[str, Any]:
    runs = [measure.Run(seconds, 2 * seconds, 300.0) for seconds in (2.0, 4.0)]
    sizes = {str(size): inference.of(runs, size) for size in inference.SIZES}
    return {
        "arithmetic": {"tokens_per_message": 19.0},
        "cold": dict.fromkeys((*inference.COLD, "TensorFlow / predict.py"), ONE),
        "streams": dict.fromkeys(inference.STREAMS, sizes),
    }


def of_stages() -> dict[str, Any]:
    commands = {"repro": 30.0, "nothing to do": 1.1, "status": 1.0}
    seconds = {"clean": 0.4, "train": 25.0}
    return stages.collected([(commands, seconds, seconds)] * 2)


def test_ratios_are_those_of_each_clone() -> None:
    found = of_stages()
    assert found["ratios"]["repro / train"]["median"] == pytest.approx(1.2)
    assert found["ratios"]["nothing to do / status"]["median"] == pytest.approx(1.1)


def test_the_tables_have_a_line_for_each_measure() -> None:
    told = inference.report(of_inference())
    speeds = "375,000 (250,000 … 500,000) | 187,500 (125,000 … 250,000)"
    assert f"| 7 % repeated | 1,000,000 | {speeds} | 300 (300 … 300) |" in told
    assert "| TensorFlow | 2.00 (1.00 … 3.00) |" in told
    told = stages.report(of_stages())
    assert "| clean | 0.40 (0.40 … 0.40) | 0.40 (0.40 … 0.40) |" in told
    assert "| repro / train | 1.20 (1.20 … 1.20) | 1.25 |" in told


def test_the_pictures_have_the_same_bytes_on_each_run(tmp_path: Path) -> None:
    for name, draw, found in (
        ("inference", inference.picture, of_inference()),
        ("stages", stages.picture, of_stages()),
    ):
        draw(tmp_path / f"{name}.png", found)
        first = (tmp_path / f"{name}.png").read_bytes()
        draw(tmp_path / f"{name}.png", found)
        assert (tmp_path / f"{name}.png").read_bytes() == first
        assert first.startswith(b"\x89PNG")
