"""cuDNN's recurrent operation in plain TensorFlow, after its documentation, for machines without a GPU.

It reads the weights from the one vector as cuDNN lays them out: matrices of inputs, then recurrent ones, of the first
direction and of the second, then biases in the same order. Gates stand in cuDNN's order: the GRU's are reset, update,
new; the LSTM's are input, forget, new, output. https://docs.nvidia.com/deeplearning/cudnn (cudnnRNNMode_t).
"""

from typing import Any

import pytest

from textrnn.model import cudnn
from textrnn.model.runtime import tf


def stand_in(**given: Any) -> tuple[Any, ...]:
    """Return states (time, rows, units of all directions), last states (directions, rows, units), and None thrice."""
    values, hidden, memory, lengths = (given[name] for name in ("input", "input_h", "input_c", "sequence_lengths"))
    mode, directions = given["rnn_mode"], {"unidirectional": 1, "bidirectional": 2}[given["direction"]]
    assert given["time_major"]
    assert given["is_training"], "else there is no gradient"
    assert values.shape[1] != 0, "cuDNN refuses a batch without rows"
    tf.debugging.assert_positive(lengths)
    gates, units, sizes = {"gru": 3, "lstm": 4}.get(mode, 1), hidden.shape[2], [values.shape[2], hidden.shape[2]]
    ends = [gates * units * size for size in sizes] * directions
    *matrices, biases = tf.split(given["params"], [*ends, 2 * directions * gates * units])
    weights = [tf.reshape(one, [gates, units, -1]) for one in matrices]
    states, last = [], []
    for number, of_direction in enumerate(tf.unstack(tf.reshape(biases, [directions, 2, gates, units]))):

        def turned(array: Any, number: int = number) -> Any:
            return tf.reverse_sequence(array, lengths, seq_axis=0, batch_axis=1) if number else array

        state, cell, found = hidden[number], memory[number] if mode == "lstm" else None, []
        for step, inputs in enumerate(tf.unstack(turned(values))):
            new, old = (
                tf.unstack(tf.einsum("rf,guf->gru", given_to, matrix) + added[:, None])
                for given_to, matrix, added in zip(
                    (inputs, state), weights[2 * number : 2 * number + 2], tf.unstack(of_direction), strict=True
                )
            )
            present = (step < lengths)[:, None]
            following, kept = following_state(mode, new, old, state, cell)
            state, cell = tf.where(present, following, state), cell if cell is None else tf.where(present, kept, cell)
            found.append(tf.where(present, following, 0.0))
        states.append(turned(tf.stack(found)))
        last.append(state)
    return tf.concat(states, -1), tf.stack(last), None, None, None


def following_state(mode: str, new: list[Any], old: list[Any], hidden: Any, memory: Any) -> tuple[Any, Any]:
    """Return the next state and, of an LSTM, the next memory, from each gate's part of the inputs and of the state."""
    if mode == "rnn_tanh":
        return tf.tanh(new[0] + old[0]), None
    if mode == "gru":
        reset, update = tf.sigmoid(new[0] + old[0]), tf.sigmoid(new[1] + old[1])
        return (1 - update) * tf.tanh(new[2] + reset * old[2]) + update * hidden, None
    enter, forget, candidate, leave = (one + other for one, other in zip(new, old, strict=True))
    kept = tf.sigmoid(forget) * memory + tf.sigmoid(enter) * tf.tanh(candidate)
    return tf.sigmoid(leave) * tf.tanh(kept), kept


def install(patch: pytest.MonkeyPatch) -> None:
    """Let networks use it."""
    patch.setattr(tf.raw_ops, "CudnnRNNV3", stand_in)
    patch.setattr(cudnn, "usable", lambda: True)
