"""The recurrent network, compared with what numpy computes from the same weights."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.configs import small
from textrnn.model import gru
from textrnn.model.config import TrainConfig
from textrnn.model.network import Network, build, directions, orthogonal, trained_variables, truncated_normal
from textrnn.model.runtime import deterministic, tf
from textrnn.training.trainer import values

VOCABULARY, CLASSES = 9, 3
WORDS = np.arange(VOCABULARY, dtype=np.int32)

Floats = NDArray[np.float32]


def scrambled(config: TrainConfig, classes: int = CLASSES) -> Network:
    """Return a network whose weights are larger than at the start, its biases too."""
    deterministic(config.seed)
    network = build(config, VOCABULARY, classes)
    random = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign(random.normal(0, 1, variable.shape))
    return network


def weights(network: Network) -> dict[str, Floats]:
    """Return the trained arrays by name."""
    return values(trained_variables(network))


def batch_of(words: list[list[int]], lengths: list[int], subwords: Any = None, places: Any = None) -> dict[str, Any]:
    given = {"words": words, "lengths": lengths}
    given |= {} if subwords is None else {"subwords": subwords, "places": places}
    return {name: tf.constant(value, tf.int32) for name, value in given.items()}


def logits(network: Network, words: list[list[int]], lengths: list[int], training: bool = False) -> Floats:
    result: Floats = network(batch_of(words, lengths), training=training).numpy()
    return result


def simple_rnn(arrays: dict[str, Floats], name: str, steps: Floats) -> Floats:
    """Return the state after each step, (time, units)."""
    kernel, inner, bias = (arrays[f"{name}.{kind}"] for kind in ("kernel", "recurrent_kernel", "bias"))
    states = [np.zeros(inner.shape[0], np.float32)]
    for step in steps:
        states.append(np.tanh(step @ kernel + states[-1] @ inner + bias))
    return np.stack(states[1:])


@pytest.mark.parametrize(
    ("cell", "pooling"), [("rnn", "last"), ("lstm", "mean_max"), ("gru", "last"), ("gru", "mean_max")]
)
def test_padding_does_not_change_the_logits(cell: str, pooling: str) -> None:
    network = scrambled(small(cell=cell, pooling=pooling, bidirectional=True, layers=2))
    alone = logits(network, [[3, 1, 4]], [3])
    padded = logits(network, [[3, 1, 4, 0, 0, 0, 0], [2, 7, 1, 8, 2, 8, 1], [3, 1, 4, 5, 6, 7, 8]], [3, 7, 3])
    np.testing.assert_allclose(padded[[0, 2]], np.repeat(alone, 2, axis=0), atol=1e-6)
    assert np.abs(padded[1] - alone).max() > 0.1


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_without_masking_padding_is_read(cell: str) -> None:
    network = scrambled(small(cell=cell, masking=False))
    short, long = logits(network, [[3, 1, 4]], [3]), logits(network, [[3, 1, 4, 0, 0, 0, 0]], [7])
    assert np.abs(short - long).max() > 0.01


@pytest.mark.parametrize("both", [False, True])
def test_the_written_out_gradient_of_the_gru_is_that_of_keras(both: bool) -> None:
    network = scrambled(small(bidirectional=both, pooling="mean_max"))
    layer = network.cells[0]
    values = tf.constant(np.random.default_rng(0).normal(size=(3, 5, 3)), tf.float32)
    mask, weigh = tf.sequence_mask([5, 2, 3], 5), np.random.default_rng(1).normal(size=(3, 5, 8 if both else 4))
    found = []
    for ours in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(values)
            states = gru.outputs(list(directions(layer).values()), values, mask) if ours else layer(values, mask=mask)
            states *= tf.cast(mask, tf.float32)[..., None]  # what follows a row's last step differs
            loss = tf.reduce_sum(states * tf.constant(weigh, tf.float32))
        found.append([states, *tape.gradient(loss, [values, *layer.trainable_variables])])
    for own, of_keras in zip(*found, strict=True):
        np.testing.assert_allclose(own.numpy(), of_keras.numpy(), atol=1e-5)
    assert all(np.abs(one.numpy()).max() > 0.01 for one in found[0])


def test_layers_stand_on_each_other_and_mean_and_maximum_on_the_last() -> None:
    network = scrambled(small(cell="rnn", bidirectional=True, pooling="mean_max", layers=2))
    arrays = weights(network)
    words = [[3, 1, 4, 0, 0], [5, 2, 6, 5, 3]]
    expected = []
    for row, length in zip(words, (3, 5), strict=True):
        steps = arrays["words"][row[:length]]
        for layer in ("layer0", "layer1"):
            forward = simple_rnn(arrays, f"{layer}.forward", steps)
            backward = simple_rnn(arrays, f"{layer}.backward", steps[::-1])[::-1]
            steps = np.concatenate([forward, backward], axis=1)
        pooled = np.concatenate([steps.mean(axis=0), steps.max(axis=0)])
        expected.append(pooled @ arrays["output.kernel"] + arrays["output.bias"])
    np.testing.assert_allclose(logits(network, words, [3, 5]), expected, atol=1e-5)


def test_the_vectors_of_a_word_and_of_its_subwords_are_added_wherever_it_stands() -> None:
    network = scrambled(small(cell="rnn", subword_buckets=6))
    arrays = weights(network)
    parts = np.stack([np.zeros(3), (arrays["subwords"][2] + arrays["subwords"][5]) / np.sqrt(2), arrays["subwords"][1]])
    words, places = [[3, 0, 4], [5, 5, 5]], [[0, 1, 2], [2, 2, 1]]
    expected = []
    for row, here in zip(words, places, strict=True):
        state = simple_rnn(arrays, "layer0.forward", arrays["words"][row] + parts[here])[-1]
        expected.append(state @ arrays["output.kernel"] + arrays["output.bias"])
    result = network(batch_of(words, [3, 3], [[0, 0], [2, 5], [1, 0]], places)).numpy()
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_embeddings_begin_uniform_within_their_range() -> None:
    reach = 0.5
    deterministic(0)
    network = build(small(embedding_range=reach, embedding_size=20, subword_buckets=100), 101, CLASSES)
    for name in ("words", "subwords"):
        vectors = weights(network)[name]
        assert vectors.shape == (101, 20)
        assert 0.99 * reach < vectors.max() <= reach
        assert -reach <= vectors.min() < -0.99 * reach
        quarters, _ = np.histogram(vectors, bins=4, range=(-reach, reach))
        assert quarters.min() > 0.2 * vectors.size


def test_dropout_falls_after_the_last_layer() -> None:
    network = scrambled(small(pooling="mean_max", dropout=0.25), classes=8)
    network.logits.kernel.assign(np.eye(8))  # so that the logits are what is pooled and dropped
    network.logits.bias.assign(np.zeros(8))
    words, lengths = [[3, 1, 4, 2, 5]] * 300, [5] * 300
    kept = logits(network, words, lengths)
    dropped = logits(network, words, lengths, training=True)
    zero = dropped == 0
    assert 0.2 < zero.mean() < 0.3
    np.testing.assert_allclose(dropped[~zero], (kept / 0.75)[~zero], rtol=1e-5)


def test_dropout_falls_between_layers_and_never_between_time_steps() -> None:
    network = scrambled(small(cell="rnn", layers=2, dropout=0.5), classes=4)
    first = weights(network)
    steps = simple_rnn(first, "layer0.forward", first["words"][[3, 1, 4]])
    second = network.cells[1].cell  # keeps nothing: its last state is that of its last input alone
    second.kernel.assign(np.eye(4))
    second.recurrent_kernel.assign(np.zeros((4, 4)))
    second.bias.assign(np.zeros(4))
    network.logits.kernel.assign(np.eye(4))
    network.logits.bias.assign(np.zeros(4))
    dropped = logits(network, [[3, 1, 4]] * 300, [3] * 300, training=True)
    zero = dropped == 0
    assert 0.7 < zero.mean() < 0.8  # dropped after the first layer, after the second, or after both
    once = np.broadcast_to(np.tanh(steps[-1] / 0.5) / 0.5, dropped.shape)
    np.testing.assert_allclose(dropped[~zero], once[~zero], rtol=1e-4)


def transparent(config: TrainConfig) -> Network:
    """Return a network that shows the mean and the maximum over time of the hyperbolic tangent of its vectors."""
    network = scrambled(config, classes=2 * config.embedding_size)
    cell = network.cells[0].cell
    for variable, value in ((cell.kernel, np.eye(3)), (network.logits.kernel, np.eye(6))):
        variable.assign(value)
    for variable in (cell.recurrent_kernel, cell.bias, network.logits.bias):
        variable.assign(np.zeros(variable.shape))
    return network


@pytest.mark.parametrize("buckets", [0, 6])
def test_dropout_of_the_embedding_drops_a_dimension_in_all_steps_of_a_row(buckets: int) -> None:
    network = transparent(small(
        cell="rnn", units=3, pooling="mean_max", embedding_dropout=0.25, subword_buckets=buckets
    ))  # fmt: skip
    vectors = weights(network)["words"][[3, 1, 4]]
    subwords, places = [[1, 5], [2, 0], [4, 3]], [[0, 1, 2]] * 300
    if buckets:
        vectors = vectors + network.sum_of_subwords(tf.constant(subwords)).numpy()
    steps = np.tanh(vectors / 0.75)
    batch = batch_of([[3, 1, 4]] * 300, [3] * 300, subwords, places)
    dropped = network(batch, training=True).numpy().reshape(300, 2, 3)
    zero = (dropped == 0).all(axis=1)
    assert 0.2 < zero.mean() < 0.3
    assert len({tuple(row) for row in zero.tolist()}) == 8  # in each row of a batch other ones
    kept = np.broadcast_to([steps.mean(axis=0), steps.max(axis=0)], dropped.shape)
    there = np.broadcast_to(~zero[:, None], dropped.shape)
    np.testing.assert_allclose(dropped[there], kept[there], rtol=1e-4)


@pytest.mark.parametrize("changes", [{"layers": 2, "dropout": 0.5}, {"embedding_dropout": 0.5}], ids=str)
def test_nothing_is_dropped_outside_training(changes: dict[str, Any]) -> None:
    network = scrambled(small(**changes))
    first, second = (logits(network, [[3, 1, 4]] * 9, [3] * 9) for _ in range(2))
    assert (first == second).all()
    assert (first != logits(network, [[3, 1, 4]] * 9, [3] * 9, training=True)).any()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_weights_are_all_that_is_trained_each_under_a_name_of_its_own(cell: str) -> None:
    network = scrambled(small(cell=cell, bidirectional=True, layers=2, subword_buckets=5))
    arrays = weights(network)
    assert len(arrays) == len(network.trainable_variables) == 2 + 2 * 2 * 3 + 2
    found = sorted(float(array.sum()) for array in arrays.values())
    assert found == sorted(float(variable.numpy().sum()) for variable in network.trainable_variables)
    assert sum(array.size for array in arrays.values()) == network.count_params()


@pytest.mark.parametrize("shape", [(4, 4), (64, 192), (5, 3)], ids=str)
def test_a_recurrent_kernel_begins_with_orthonormal_rows_or_columns(shape: tuple[int, int]) -> None:
    matrix = orthogonal(shape, np.random.default_rng(0))
    assert matrix.shape == shape
    gram = matrix @ matrix.T if shape[0] <= shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-5)
    assert (matrix == np.round(matrix, 6)).all(), "no bit of LAPACK's last ones is left"


def test_truncated_normal_values_lie_within_two_deviations() -> None:
    deviation = 0.1
    values = truncated_normal((200, 100), deviation, np.random.default_rng(0))
    assert values.shape == (200, 100)
    assert 1.99 * deviation < np.abs(values).max() <= 2 * deviation
    assert abs(values.mean()) < 0.02 * deviation
    assert values.std() == pytest.approx(0.8796 * deviation, rel=0.02)  # of a normal cut at two deviations
