"""TensorFlow computes the same bits whatever the user's environment and processor are."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from textrnn.core import paths
from textrnn.model.runtime import deterministic, tf

CHOSEN = {"ONEDNN_MAX_CPU_ISA": "AVX2", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}
USERS = {"ONEDNN_MAX_CPU_ISA": "SSE41", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "jax"}
# TensorFlow reads the environment while it loads: the variables are printed as its first module is looked for.
PROGRAM = f"""
import os, sys
class Watch:
    def find_spec(self, name, *_):
        if name == "tensorflow": print(*(os.environ.get(key) for key in {list(CHOSEN)}))
sys.meta_path.insert(0, Watch())
from textrnn.model.runtime import keras
print(keras.backend.backend(), keras.config.floatx(), keras.config.epsilon())
"""


def test_no_setting_of_the_user_chooses_how_tensorflow_computes(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"floatx": "float64", "epsilon": 0.001, "backend": "jax"}')
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=paths.ROOT, env=os.environ | USERS | {"KERAS_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [" ".join(CHOSEN.values()), "tensorflow float32 1e-07"]
    assert done.stderr == ""


def test_a_compiled_quotient_by_a_root_is_rounded_as_ieee_754_has_it() -> None:
    deterministic(0)
    random = np.random.default_rng(0)
    x = random.normal(0, 1, 100_000).astype(np.float32)
    y = (random.random(100_000) * 10.0 ** random.integers(-6, 6, 100_000)).astype(np.float32)
    found = tf.function(lambda x, y: x / tf.sqrt(y))(tf.constant(x), tf.constant(y)).numpy()
    assert found.tobytes() == (x / np.sqrt(y)).tobytes()  # and not x times an estimate of 1 / √y


def test_an_operation_that_would_not_repeat_is_refused() -> None:
    deterministic(0)
    tf.random.set_seed(None)
    with pytest.raises(RuntimeError, match="determinism is enabled"):
        tf.random.normal([4])
    deterministic(0)


# A member of an ensemble is trained on one thread, a network alone on two.


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the sizes of caches are looked for in the memory of x86-64 processes on Linux",
)
def test_the_sizes_of_the_processors_caches_change_no_bit_of_the_default_network() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.caches"], cwd=paths.ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    products, networks = (line.split() for line in done.stdout.splitlines())
    assert len(set(products)) == len(products) == 2, "the sizes are those that Eigen reads"
    assert len(set(networks)) == 1
    assert len(networks) == 2
