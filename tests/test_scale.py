"""The benchmark of the data stages: one tiny run, and its table."""

import sys
from pathlib import Path

import pytest

from bench import scale
from textrnn.core.files import read_json


def test_it_measures_the_stages_beside_a_peer_and_compares_the_bytes_with_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "RESULTS", tmp_path / "speed/scale.json")
    monkeypatch.setattr(scale, "PEERS", {"counts": "CountVectorizer alone"})
    monkeypatch.setattr(sys, "argv", ["scale", "--sizes", "300", "--repeats", "1"])
    scale.main()
    results = read_json(scale.RESULTS)["300"]
    assert set(results) == {*scale.STAGES, scale.ALL, "CountVectorizer alone"}
    assert results[scale.ALL]["seconds"] == pytest.approx(
        sum(results[stage]["seconds"] for stage in scale.STAGES), abs=0.02
    )
    assert scale.RESULTS.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "300 messages: the same bytes with one process and with one for each core" in capsys.readouterr().out


def test_times_by_message_are_shown_as_a_ratio_to_those_of_a_hundred_thousand() -> None:
    one = scale.summary(scale.BASE, [scale.Measured(2.0, 100), scale.Measured(1.0, 120), scale.Measured(9.0, 90)])
    assert (one["seconds"], one["seconds_least"], one["seconds_most"], one["peak_megabytes"]) == (2, 1, 9, 120)
    assert (one["messages_per_second"], one["microseconds_per_message"]) == (50_000, 20)
    other = scale.summary(10 * scale.BASE, [scale.Measured(30.0, 200)])
    last = scale.table({str(scale.BASE): {"clean": one}, str(10 * scale.BASE): {"clean": other}}).splitlines()[-1]
    assert last.split()[:2] == ["1,000,000", "clean"]
    assert last.split()[-2:] == ["1.50", "200"]
