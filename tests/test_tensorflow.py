"""TensorFlow computes the same bits whatever the user's environment and processor are."""

import os
import platform
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from textrnn.core import paths
from textrnn.model.network import orthogonal, truncated_normal
from textrnn.model.runtime import deterministic, keras, tf

CHOSEN = {"ONEDNN_MAX_CPU_ISA": "AVX2", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}
USERS = {"ONEDNN_MAX_CPU_ISA": "SSE41", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "jax"}


def test_what_chooses_kernels_is_set_before_tensorflow_loads_whatever_the_user_says() -> None:
    # While TensorFlow loads it reads the environment: what it saw is what stood there as its first module ran.
    program = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'tensorflow': print(*(os.environ.get(key) for key in {list(CHOSEN)}))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "from textrnn.model.runtime import keras\n"
        f"print(*(os.environ[key] for key in {list(CHOSEN)}), keras.backend.backend())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=paths.ROOT, env=os.environ | USERS, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    chosen = " ".join(CHOSEN.values())
    assert done.stdout.splitlines() == [chosen, f"{chosen} tensorflow"]
    assert done.stderr == ""


@pytest.fixture(scope="module")
def values() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x = random.normal(0, 1, 100_000).astype(np.float32)
    return x, (random.random(100_000) * 10.0 ** random.integers(-6, 6, 100_000)).astype(np.float32)


@pytest.mark.parametrize("shape", [(100_000,), (100, 1000), (7, 3)], ids=str)
def test_a_compiled_quotient_by_a_root_is_rounded_as_ieee_754_has_it(
    shape: tuple[int, ...], values: tuple[Any, Any]
) -> None:
    deterministic(0)
    quotient = tf.function(lambda x, y: x / tf.sqrt(y))
    x, y = (array[: int(np.prod(shape))].reshape(shape) for array in values)
    found = quotient(tf.constant(x), tf.constant(y)).numpy()
    assert found.tobytes() == (x / np.sqrt(y)).tobytes()  # and not x times an estimate of 1 / √y


def test_a_seed_decides_what_is_drawn() -> None:
    drawn = []
    for seed in (0, 0, 1):
        deterministic(seed)
        drawn.append([keras.random.normal([4]).numpy().tolist(), tf.random.normal([4]).numpy().tolist(),
                      np.random.normal(size=4).tolist()])  # fmt: skip
    assert drawn[0] == drawn[1]
    assert all(one != other for one, other in zip(drawn[0], drawn[2], strict=True))


def test_an_operation_that_would_not_repeat_is_refused() -> None:
    deterministic(0)
    tf.random.set_seed(None)
    with pytest.raises(RuntimeError, match="determinism is enabled"):
        tf.random.normal([4])
    deterministic(0)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (64, 64), (64, 192), (5, 3)], ids=str)
def test_a_recurrent_kernel_begins_with_orthonormal_rows_or_columns(shape: tuple[int, int]) -> None:
    matrix = orthogonal(shape, np.random.default_rng(0))
    assert matrix.shape == shape
    gram = matrix @ matrix.T if shape[0] <= shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-5)
    assert (matrix == np.round(matrix, 6)).all(), "no bit of LAPACK's last ones is left"


def test_orthogonal_matrices_of_one_size_lie_in_all_directions() -> None:
    random = np.random.default_rng(0)
    entries = np.stack([orthogonal((3, 3), random) for _ in range(2000)])
    np.testing.assert_allclose(entries.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose((entries**2).mean(axis=0), 1 / 3, atol=0.03)


@pytest.mark.parametrize("deviation", [0.1, 2.0])
def test_truncated_normal_values_lie_within_two_deviations(deviation: float) -> None:
    values = truncated_normal((200, 100), deviation, np.random.default_rng(0))
    assert values.shape == (200, 100)
    assert 1.99 * deviation < np.abs(values).max() <= 2 * deviation
    assert abs(values.mean()) < 0.02 * deviation
    assert values.std() == pytest.approx(0.8796 * deviation, rel=0.02)  # of a normal cut at two deviations


@pytest.mark.parametrize("draw", [lambda random: orthogonal((4, 8), random),
                                  lambda random: truncated_normal((4, 8), 0.1, random)])  # fmt: skip
def test_first_weights_are_those_of_their_seed(draw: Any) -> None:
    first, again, other = (draw(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


# A member of an ensemble is trained on one thread, a network alone on two.
@pytest.mark.parametrize(("threads", "cell"), [(1, "gru"), (2, "gru"), (2, "lstm")])
def test_a_network_learns_the_same_bits_whatever_the_sizes_of_the_processors_caches(threads: int, cell: str) -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the sizes of caches are looked for in the memory of x86-64 processes on Linux")
    done = subprocess.run(
        [sys.executable, "-m", "tests.caches", str(threads), cell], cwd=paths.ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    of_product, of_network = (line.split() for line in done.stdout.splitlines())
    assert len(of_network) == 4
    assert set(of_network) == {of_network[0]}
    if threads == 1:
        assert len(set(of_product)) > 1, "else the sizes were not those that Eigen reads"
