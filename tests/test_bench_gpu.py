"""bench/gpu.py runs to its end on a machine without a GPU, at a tiny size, so that it works where there is one."""

import argparse
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench import gpu
from tests.models import TWO, trained
from textrnn.core.errors import UserError


def test_everything_is_measured_and_the_lack_of_a_gpu_is_said(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def here(*arguments: str) -> dict[str, Any]:
        return gpu.machine() if arguments == ("--machine",) else gpu.contend(arguments[1], "--small" in arguments)

    run = gpu.trained
    once = cache(lambda place: run(place, "cpu"))
    monkeypatch.setattr(gpu, "in_process", here)  # TensorFlow is loaded here already
    monkeypatch.setattr(gpu, "trained", lambda place, _: once(place))
    folder = trained(tmp_path_factory.getbasetemp(), TWO)
    found = gpu.measured(argparse.Namespace(folder=folder, repeats=1, small=True))
    said = capsys.readouterr().out
    assert "no GPU: TensorFlow finds none here" in said
    assert "train, TEXTRNN_DEVICE=cpu: " in said
    assert [one["device"] for one in found["train"]] == ["cpu", "auto"]
    assert {"textrnn", "textrnn, loop", "Keras"} <= set(found["milliseconds"]["3 x 4 x 5"])
    assert (found["gpus"], found["cudnn"], found["difference"], found["same_weights"]) == ([], False, 0, None)
    assert "| 3 x 4 x 5 | " in gpu.report(found)


def test_the_report_compares_with_what_is_to_be_reached() -> None:
    took = {"median": 5.0, "low": 4.0, "high": 6.0}
    train = [{"device": device, "seconds": 30.0 - len(device)} for device in ("cpu", "auto", "gpu", "gpu")]
    steps = {gpu.TARGET.name: {"textrnn": took, "PyTorch": took | {"median": 4.0}}}
    found = {"gpus": ["H100"], "cudnn": True, "difference": 1e-6, "same_weights": True, "train": train}
    text = gpu.report(found | {"milliseconds": steps})
    assert "two trainings on the GPU have the same weights: True" in text
    assert "default on the GPU: 27.0 s, to reach: 20 s" in text
    assert "512 x 512 x 40: 1.25 times PyTorch's, to reach: 1.3" in text


def test_a_training_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected the stage train to end well on cpu, found "):
        gpu.trained(tmp_path, "cpu")
