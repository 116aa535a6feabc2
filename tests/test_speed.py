"""The benchmarks: the invented stream, the measures and the tables. Real runs of them are in docs/speed."""

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bench import arithmetic, inference, measure, pictures, scale, stages, stream
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.model.config import TrainConfig


def test_a_stream_depends_on_its_seed_and_repeats_the_share_of_messages_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "MODEL", tmp_path)
    (tmp_path / "vocabulary.tsv").write_text("to\t900\nyou\t500\n!\t300\nprize\t2\n")
    first, again, other = (list(islice(stream.messages(seed, 0.07), 2000)) for seed in (1, 1, 2))
    assert first == again != other
    assert all(text.isprintable() and text for text in first)
    assert 1 - len(set(first)) / len(first) == pytest.approx(0.07, abs=0.01)
    assert 10 < np.mean([len(text.split()) for text in first]) < 25


def test_varied_messages_are_distinct_and_differ_from_a_real_one_by_a_word() -> None:
    texts = ["Claim your prize now please", "See you at the lake tomorrow", "   "]
    first, again, other = (list(islice(stream.varied(texts, seed), 200)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) > 190
    for text in first:
        assert any(sum(map(str.__ne__, text.split(), real.split())) == 1 for real in texts)


def test_memory_and_processor_time_include_every_process_that_was_started_and_a_failure_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = measure.resident

    def resident(process: int) -> float:
        megabytes = measured(process)
        if megabytes > 60:
            (tmp_path / "seen").touch()  # what the child waits for, however busy the machine is
        return megabytes

    monkeypatch.setattr(measure, "resident", resident)
    child = "import os, time\nsome = bytearray(60_000_000)\nwhile not os.path.exists('seen'): time.sleep(0.05)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    run = measure.timed((sys.executable, "-c", program), tmp_path)
    assert 60 < run.peak < 300
    assert 0 < run.processor < run.seconds
    with pytest.raises(UserError, match=r"exit code 3: .*\n?.*no tea"):
        measure.timed((sys.executable, "-c", "import sys; print('no tea', file=sys.stderr); sys.exit(3)"), tmp_path)


def test_measures_are_taken_in_turn_and_a_summary_is_the_median_between_the_least_and_the_most() -> None:
    ticks = iter([1.0, 2.0, 3.0, 4.0])
    measures = {"a": lambda: next(ticks), "b": lambda: next(ticks)}
    assert measure.interleaved(measures, 2) == {"a": [1.0, 3.0], "b": [2.0, 4.0]}
    found = measure.summary([3.0, 1.0, 2.0])
    assert found == {"median": 2.0, "low": 1.0, "high": 3.0}
    assert measure.shown(found) == "2.00 (1.00 … 3.00)"
    seconds = {"clean": 0.4, "train": 25.0}
    text = stages.report(stages.collected([({"repro": 30.0, "nothing to do": 1.1, "status": 1.0}, seconds, seconds)]))
    assert "| repro / train | 1.20 (1.20 … 1.20) | 1.25 |" in text
    runs = [measure.Run(seconds, 2 * seconds, 300.0) for seconds in (2.0, 4.0)]
    speeds = {"median": 375_000, "low": 250_000, "high": 500_000}
    assert inference.of(runs, 1_000_000)["messages_per_second"] == speeds


def test_the_committed_pictures_are_those_of_the_committed_results(tmp_path: Path) -> None:
    pictures.draw(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in pictures.FOLDER.glob("*.png")}
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (pictures.FOLDER / path.name).read_bytes(), "run `python -m tools.speed`"


def test_the_multiplications_of_a_step_are_those_of_its_kernels() -> None:
    # Three gates of 64 units that read 64 inputs and 64 units, in both directions.
    assert arithmetic.multiply_adds(params.load("train", TrainConfig)) == 2 * (64 * 3 * 64 + 64 * 3 * 64)


def test_times_by_message_are_shown_as_a_ratio_to_those_of_a_hundred_thousand() -> None:
    one = scale.summary(scale.BASE, [scale.Measured(2.0, 100), scale.Measured(1.0, 120), scale.Measured(9.0, 90)])
    assert (one["seconds"], one["seconds_least"], one["seconds_most"], one["peak_megabytes"]) == (2, 1, 9, 120)
    assert (one["messages_per_second"], one["microseconds_per_message"]) == (50_000, 20)
    other = scale.summary(10 * scale.BASE, [scale.Measured(30.0, 200)])
    last = scale.table({str(scale.BASE): {"clean": one}, str(10 * scale.BASE): {"clean": other}}).splitlines()[-1]
    assert last.split()[:2] == ["1,000,000", "clean"]
    assert last.split()[-2:] == ["1.50", "200"]
