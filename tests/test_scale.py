"""The benchmark of the data stages: real processes on a small corpus, and what is told of them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bench import corpora, scale
from textrnn.core.files import read_json


def test_it_runs_the_stages_beside_their_peers_and_tells_of_all_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "RESULTS", tmp_path / "speed/scale.json")
    monkeypatch.setattr(scale, "PEERS", {"same": "pandas and scikit-learn", "counts": "CountVectorizer alone"})
    for size in ("400", "300"):
        monkeypatch.setattr(sys, "argv", ["scale", "--sizes", size, "--repeats", "1", "--same-most", "300"])
        scale.main()
    results = read_json(scale.RESULTS)
    assert set(results) == {"300", "400"}
    assert set(results["300"]) - set(results["400"]) == {"pandas and scikit-learn"}
    whole = results["400"][scale.ALL]
    assert whole["seconds"] == pytest.approx(sum(results["400"][stage]["seconds"] for stage in scale.STAGES), abs=0.02)
    assert 20 < whole["peak_megabytes"] < 500
    assert scale.RESULTS.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "400 messages: the same bytes with one process and with one for each core" in said
    assert said.count("\n") == 2 + (1 + 5) + (1 + 11)


def test_the_peers_keep_together_what_the_stages_do(tmp_path: Path) -> None:
    place = scale.Place(tmp_path / "place")
    corpora.write_corpus(place.corpus, 3000, seed=1)
    for name in scale.STAGES:
        place.run(f"stages.{name}")
    place.run("bench.peers", "same", str(place.corpus), str(place.peers))
    sides = [place.folder / "data/split" / side for side in ("train", "validation", "test")]
    ours = sum(len(np.unique(np.load(side / "groups.npy"))) for side in sides)
    theirs = np.load(place.peers / "groups.npy")
    assert ours == len(np.unique(theirs)) < len(theirs)
    tokens = sum(len(np.load(side / "tokens.npy")) for side in sides)
    assert np.fromfile(place.peers / "tokens.bin", np.int32).size == tokens


def test_times_by_message_are_told_as_a_ratio_to_those_of_a_hundred_thousand() -> None:
    one = scale.summary(scale.BASE, [scale.Measured(2.0, 100), scale.Measured(1.0, 120), scale.Measured(9.0, 90)])
    assert (one["seconds"], one["seconds_least"], one["seconds_most"], one["peak_megabytes"]) == (2, 1, 9, 120)
    assert (one["messages_per_second"], one["microseconds_per_message"]) == (50_000, 20)
    other = scale.summary(10 * scale.BASE, [scale.Measured(30.0, 200)])
    last = scale.table({str(scale.BASE): {"clean": one}, str(10 * scale.BASE): {"clean": other}}).splitlines()[-1]
    assert last.split()[:2] == ["1,000,000", "clean"]
    assert last.split()[-2:] == ["1.50", "200"]
