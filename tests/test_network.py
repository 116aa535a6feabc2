"""The Keras network: it computes what NumPy computes, drops what it should, and begins as configured."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import reference
from tests.configs import small
from textrnn.model.config import TrainConfig
from textrnn.model.network import Network, build, orthogonal, trained_variables, truncated_normal
from textrnn.model.runtime import deterministic, tf

ROWS = 300


def network_with(config: TrainConfig, weights: dict[str, Any], classes: int = reference.CLASSES) -> Network:
    """Return a network with these weights instead of its first ones."""
    deterministic(config.seed)
    network = build(config, reference.VOCABULARY, classes)
    variables = trained_variables(network)
    assert variables.keys() == weights.keys()
    for name, variable in variables.items():
        variable.assign(weights[name])
    return network


def tensors(batch: dict[str, NDArray[np.int32]]) -> dict[str, Any]:
    return {name: tf.constant(array) for name, array in batch.items()}


# SimpleRNN and LSTM are Keras' own layers and share every line of ours; the GRU's loop is written out in gru.py.
@pytest.mark.parametrize("name", ["gru 0", "gru 1", "gru 2", "gru 3", "lstm 0", "lstm 1", "rnn 2", "rnn 3"])
def test_the_network_computes_what_numpy_computes(name: str) -> None:
    config = reference.CONFIGS[name]
    weights = reference.random_weights(config)
    network = network_with(config, weights)
    assert len(network.trainable_variables) == len(weights)
    found = network(tensors(reference.batch_for(config))).numpy()
    np.testing.assert_allclose(found, reference.logits(config, weights), atol=1e-5)


class Shown(NamedTuple):
    """The pooled states (rows, pooled size) of many rows of the same three words, outside training and in it."""

    weights: dict[str, NDArray[np.float32]]
    kept: NDArray[np.float32]
    dropped: NDArray[np.float32]


def shown(config: TrainConfig) -> Shown:
    """Compute them with random weights, and an output layer that shows the pooled states as they are."""
    size = config.units * (2 if config.pooling == "mean_max" else 1)
    weights = reference.random_weights(config, classes=size)
    weights |= {"output.kernel": np.eye(size, dtype=np.float32), "output.bias": np.zeros(size, np.float32)}
    batch = {"words": np.array([[3, 1, 4]] * ROWS, np.int32), "lengths": np.full(ROWS, 3, np.int32)}
    batch |= {"subwords": reference.SUBWORDS, "places": batch["words"]} if config.subword_buckets else {}
    network = network_with(config, weights, size)
    kept, dropped = (network(tensors(batch), training=training).numpy() for training in (False, True))
    np.testing.assert_allclose(kept, np.broadcast_to(kept[0], kept.shape), atol=1e-6)  # nothing is dropped here
    return Shown(weights, kept, dropped)


@pytest.mark.parametrize(("cell", "pooling"), [("lstm", "last"), ("gru", "mean_max")])
def test_dropout_falls_on_the_pooled_states_and_not_between_time_steps(cell: str, pooling: str) -> None:
    _, kept, dropped = shown(small(cell=cell, pooling=pooling, dropout=0.25))
    zero = dropped == 0
    assert 0.2 < zero.mean() < 0.3
    np.testing.assert_allclose(dropped[~zero], (kept / 0.75)[~zero], rtol=1e-5)


def test_each_time_step_between_two_layers_has_its_own_dropout() -> None:
    dropped = build(small(layers=2, dropout=0.5), 9, 2).dropouts[0](tf.ones((1, 50, 4)), training=True).numpy()
    assert len({tuple(step) for step in dropped[0].tolist()}) > 8  # of the 16 that four units allow


def test_dropout_of_the_embedding_drops_a_dimension_from_all_steps_of_a_row() -> None:
    config = small(cell="rnn", units=3, pooling="mean_max", embedding_dropout=0.25, subword_buckets=reference.BUCKETS)
    weights, _, dropped = shown(config)
    arrays = {name: array.astype(np.float64) for name, array in weights.items()}
    sums = arrays["subwords"][reference.SUBWORDS[[3, 1, 4]]].sum(axis=1) / np.sqrt(2)  # of two subwords each
    vectors, patterns = arrays["words"][[3, 1, 4]] + sums, np.array(list(np.ndindex(2, 2, 2)))
    expected = np.stack([reference.pool(config, arrays, vectors * pattern / 0.75) for pattern in patterns])
    distances = np.abs(dropped[:, None] - expected).max(axis=2)
    assert distances.min(axis=1).max() < 1e-5, "each row lacks whole dimensions, and nothing else"
    kinds = patterns[distances.argmin(axis=1)]
    assert 0.2 < (kinds == 0).mean() < 0.3
    assert len(np.unique(kinds, axis=0)) == 8, "the rows of a batch lack different ones"


def test_embeddings_begin_uniform_within_their_range() -> None:
    deterministic(0)
    network = build(small(embedding_range=0.5, embedding_size=20, subword_buckets=100), 101, 2)
    for name in ("words", "subwords"):
        vectors = trained_variables(network)[name].numpy()
        assert vectors.shape == (101, 20)
        assert 0.49 < vectors.max() <= 0.5
        quarters, _ = np.histogram(vectors, bins=4, range=(-0.5, 0.5))
        assert quarters.sum() == vectors.size
        assert quarters.min() > 0.2 * vectors.size


@pytest.mark.parametrize("shape", [(64, 192), (5, 3)], ids=str)
def test_a_recurrent_kernel_begins_with_orthonormal_rows_or_columns(shape: tuple[int, int]) -> None:
    matrix = orthogonal(shape, np.random.default_rng(0))
    assert matrix.shape == shape
    gram = matrix @ matrix.T if shape[0] <= shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-5)
    assert (matrix == np.round(matrix, 6)).all(), "LAPACK's last bits are rounded away"


def test_orthogonal_matrices_point_in_all_directions() -> None:
    random = np.random.default_rng(0)
    entries = np.stack([orthogonal((3, 3), random) for _ in range(2000)])
    np.testing.assert_allclose(entries.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose((entries**2).mean(axis=0), 1 / 3, atol=0.03)


def test_truncated_normal_values_lie_within_two_deviations() -> None:
    values = truncated_normal((200, 100), 0.1, np.random.default_rng(0))
    assert 0.199 < np.abs(values).max() <= 0.2
    assert abs(values.mean()) < 0.002
    assert values.std() == pytest.approx(0.08796, rel=0.02)  # of a normal distribution cut at two deviations


def test_an_operation_that_would_not_repeat_is_refused() -> None:
    deterministic(0)
    tf.random.set_seed(None)
    with pytest.raises(RuntimeError, match="determinism is enabled"):
        tf.random.normal([4])


@pytest.mark.parametrize("shape", [(100_000,), (7, 3)], ids=str)
def test_a_compiled_quotient_by_a_root_is_rounded_as_ieee_754_demands(shape: tuple[int, ...]) -> None:
    deterministic(0)
    random = np.random.default_rng(0)
    x = random.normal(size=shape).astype(np.float32)
    y = (random.random(shape) * 10.0 ** random.integers(-6, 6, shape)).astype(np.float32)
    found = tf.function(lambda x, y: x / tf.sqrt(y))(tf.constant(x), tf.constant(y)).numpy()
    assert found.tobytes() == (x / np.sqrt(y)).tobytes(), "not x times an estimate of 1 / √y"
