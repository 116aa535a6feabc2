"""TensorFlow computes the same bits whatever the processor, the environment and the user's settings are."""

import os
import platform
import subprocess
import sys

import pytest

from textrnn.core import paths

USERS = {"ONEDNN_MAX_CPU_ISA": "SSE41", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "jax"}
LINUX = (sys.platform, platform.machine()) == ("linux", "x86_64")
# A module finder sees the environment as it is when TensorFlow's first module is looked for.
PROGRAM = f"""
import os, sys
class Watch:
    def find_spec(self, name, *_):
        if name == "tensorflow": print(*(os.environ[key] for key in {list(USERS)}))
sys.meta_path.insert(0, Watch())
from textrnn.model.runtime import keras
print(keras.backend.backend(), keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
import importlib
from tensorflow.python.eager import context
from textrnn.model import runtime
config, found = runtime.tf.config, runtime.tf.config.list_physical_devices
config.list_physical_devices = lambda kind=None: ["GPU 0", "GPU 1"] if kind == "GPU" else found(kind)
config.experimental.set_memory_growth = lambda gpu, grows: print(gpu, grows, context.context()._initialized, end=" ")
config.set_visible_devices = lambda gpus, kind: print(gpus, kind, context.context()._initialized, end=" ")
importlib.reload(runtime)
runtime.compute_on([1])
runtime.compute_on([])
print()
config.list_physical_devices = found
if {LINUX}:
    from tests import caches
    caches.main("gru")
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what a process prints whose user has set everything otherwise. It loads TensorFlow for all tests here."""
    home = tmp_path_factory.mktemp("keras")
    (home / "keras.json").write_text(
        '{"floatx": "float64", "epsilon": 0.001, "backend": "jax", "image_data_format": "channels_first"}'
    )
    environment = os.environ | USERS | {"KERAS_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_kernels_are_chosen_before_tensorflow_loads_whatever_the_user_has_set(lines: list[str]) -> None:
    assert lines[:2] == ["AVX2 0 tensorflow", "tensorflow float32 1e-07 channels_last"]


def test_a_gpus_memory_grows_and_other_gpus_are_hidden_before_the_first_operation(lines: list[str]) -> None:
    assert lines[2] == "GPU 0 True False GPU 1 True False ['GPU 1'] GPU False [] GPU False "


@pytest.mark.skipif(not LINUX, reason="finds the sizes in the memory of x86-64 processes on Linux alone")
def test_a_network_learns_the_same_bits_whatever_the_processors_caches_are(lines: list[str]) -> None:
    of_product, of_network = (line.split() for line in lines[3:])
    assert len(set(of_product)) > 1, "a long product shows that Eigen reads these sizes"
    assert len(of_network) == 3
    assert len(set(of_network)) == 1
