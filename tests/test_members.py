"""An ensemble's members trained side by side: stopped by Ctrl-C, resumed elsewhere, and always the same bits."""

import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.ensembles import learned
from tests.workspace import ended, press_ctrl_c, unix_alone, wait_for
from textrnn.core import paths
from textrnn.training import checkpoint, loop, trainer
from textrnn.training.members import one_by_one

# None of these may change a bit.
STRANGE = {
    "PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo", "TF_NUM_INTRAOP_THREADS": "4",
    "ONEDNN_MAX_CPU_ISA": "SSE41", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "jax",
}  # fmt: skip


@unix_alone
def test_a_training_stopped_by_ctrl_c_and_resumed_in_another_process_ends_in_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras.json").write_text('{"floatx": "float64", "epsilon": 0.001}')
    file = tmp_path / "checkpoint.npz"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ensembles", file], cwd=paths.ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | STRANGE | {"KERAS_HOME": str(tmp_path)}, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    while not file.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children()
    assert len(workers) >= 2
    press_ctrl_c(process)
    _, stderr = process.communicate()
    assert (process.returncode, stderr) == (130, "error: interrupted\n")
    wait_for(lambda: all(map(ended, workers)))

    stopped = checkpoint.load(file, "fingerprint")
    assert stopped is not None
    for owner, name in ((loop, "CHECKPOINT"), (paths, "MACHINE")):
        monkeypatch.setattr(owner, name, None)  # `learned` sets them: put them back afterwards
    monkeypatch.setattr(trainer, "Trainer", cache(trainer.Trainer))  # compiled once
    epochs = len(stopped.history) + 2
    assert learned(one_by_one, file, epochs) == learned(one_by_one, tmp_path / "other.npz", epochs)


def test_a_wrong_answer_of_no_probability_has_a_finite_loss() -> None:
    result = loop.EpochResult(0.5, 1.0, {loop.LOGITS: np.array([[900.0, 0.0], [0.0, 0.0]])})
    assert loop.measured([result], np.array([1, 1], np.int16)) == pytest.approx([0.5, 1, 44, 0], abs=0.1)


CHILD = """
import time
from textrnn.core.process_pool import stop_with_dvc
stop_with_dvc()
print("ready", flush=True)
time.sleep(9999)
"""
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def test_a_training_ends_with_the_dvc_that_started_it() -> None:
    dvc = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=paths.ROOT, env=os.environ | {"DVC_STAGE": "train"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert dvc.stdout is not None
    assert dvc.stdout.readline() == "ready\n"
    (training,) = psutil.Process(dvc.pid).children()
    dvc.kill()
    _, stderr = dvc.communicate()  # until the training has closed them too
    assert stderr == "error: dvc has ended, so training stopped; run `dvc repro` to resume\n"
    wait_for(lambda: ended(training))
