"""A recurrent layer's time steps as one cuDNN operation, for a GPU: both directions, forward and backward.

It computes what Keras' layers and gru.py compute: a GRU with the reset gate after the product, an LSTM or a simple RNN,
with tanh and the logistic function, biases, no dropout between time steps, and rows padded on the right. A loop
launches several kernels for each step; this launches a few for all. TensorFlow's operation never tries algorithms out,
so it gives the same bits each time. cuDNN wants all weights in one vector: those of the inputs and the recurrent ones
of the first direction, then of the second, then the biases in the same order, each gate for itself.
"""

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from textrnn.model import gru
from textrnn.model.runtime import tf

MODES = {"rnn": "rnn_tanh", "lstm": "lstm", "gru": "gru"}
GATES = {"rnn": [0], "lstm": [0, 1, 2, 3], "gru": [1, 0, 2]}  # where Keras keeps each gate, in cuDNN's order
TOLERANCE = 1e-4  # between two orders of a sum of a few products, without TF32


def outputs(cell: str, layers: list[Any], values: Any, lengths: Any) -> tuple[Any, Any]:
    """Return the states after each step, (batch, time, units of all layers), and the last ones, (batch, same).

    `layers` are one or two Keras layers: the second reads from the end. `values` are (batch, time, features), and
    `lengths` int32 (batch). After a row's last step, states are 0.
    """
    rows, replicas = tf.shape(values)[0], tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:  # one may have no row of a batch, which cuDNN refuses
        values, lengths = tf.pad(values, [[0, 1], [0, 0], [0, 0]]), tf.pad(lengths, [[0, 1]], constant_values=1)
    start = tf.zeros([len(layers), tf.shape(values)[0], layers[0].units])
    states, last, *_ = tf.raw_ops.CudnnRNNV3(
        input=tf.transpose(values, [1, 0, 2]),
        input_h=start,
        input_c=start if cell == "lstm" else 0.0,
        params=packed(cell, layers),
        sequence_lengths=lengths,
        rnn_mode=MODES[cell],
        direction="bidirectional" if len(layers) > 1 else "unidirectional",
        is_training=True,
        time_major=True,
    )
    if replicas > 1:
        states, last = states[:, :rows], last[:, :rows]
    return tf.transpose(states, [1, 0, 2]), tf.concat(tf.unstack(last, len(layers)), -1)


def packed(cell: str, layers: list[Any]) -> Any:
    """Return all weights of the layers as cuDNN's vector."""
    kernels, biases = [], []
    for layer in layers:
        for kernel in (layer.cell.kernel, layer.cell.recurrent_kernel):
            kernels += _by_gate(cell, tf.transpose(kernel))
        bias = tf.convert_to_tensor(layer.cell.bias)
        # Only the GRU has two biases, since only it multiplies the recurrent part by a gate.
        for one in tf.unstack(bias) if cell == "gru" else (bias, tf.zeros_like(bias)):
            biases += _by_gate(cell, one)
    return tf.concat([tf.reshape(one, [-1]) for one in kernels + biases], 0)


def _by_gate(cell: str, array: Any) -> list[Any]:
    """Return the part of each gate, in cuDNN's order."""
    parts = tf.split(array, len(GATES[cell]))
    return [parts[gate] for gate in GATES[cell]]


@cache
def usable() -> bool:
    """Return whether this process computes on a GPU whose cuDNN gives the states and gradients of gru.py.

    Where CUDA comes without its cuDNN, or with one that computes something else, the loops are used.
    """
    if not tf.config.get_visible_devices("GPU"):
        return False
    exact = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        with tf.init_scope(), tf.device("GPU:0"):
            return agrees()
    except (tf.errors.OpError, NotImplementedError):
        return False
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(exact)


def agrees() -> bool:
    """Return whether a small bidirectional GRU has the same states and gradients by cuDNN as by the loop."""
    random, units = np.random.default_rng(0), 4
    lengths = tf.constant([5, 1, 3])
    shapes = [(3, 5, 2), *[(2, 3 * units), (units, 3 * units), (2, 3 * units)] * 2]
    given = [tf.constant(random.normal(size=shape), tf.float32) for shape in shapes]

    def states_and_gradients(states_of: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(given)
            names = ("kernel", "recurrent_kernel", "bias")
            cells = [dict(zip(names, weights, strict=True)) for weights in (given[1:4], given[4:])]
            layers = [SimpleNamespace(units=units, cell=SimpleNamespace(**cell)) for cell in cells]
            states = states_of(layers, given[0]) * tf.sequence_mask(lengths, dtype=tf.float32)[..., None]
            total = tf.reduce_sum(states * tf.range(1.0, 2 * units + 1))
        return [states, *tape.gradient(total, given)]

    found = states_and_gradients(lambda layers, values: outputs("gru", layers, values, lengths)[0])
    expected = states_and_gradients(lambda layers, values: gru.outputs(layers, values, tf.sequence_mask(lengths)))
    return all(np.allclose(*pair, atol=TOLERANCE) for pair in zip(found, expected, strict=True))
