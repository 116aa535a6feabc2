"""A GRU over all time steps of a batch, with its gradient written out.

Keras' layer takes half as long again: its loop multiplies the inputs step by step and each direction by itself,
and TensorFlow differentiates it operation by operation. Here the inputs of all steps are one product, one loop
runs both directions, and the backward loop computes only what must be computed in order. The layers stay Keras'
(their variables and first weights), and so does what they compute: Cho et al. 2014 with the reset gate after the
product, as cuDNN and ONNX have it. `python -m bench.training` measures it.
"""

from typing import Any

from textrnn.model.runtime import tf


def outputs(layers: list[Any], values: Any, mask: Any) -> Any:
    """Return the states after each time step, float32 (batch, time, units of all layers).

    `layers` are one keras.layers.GRU, or two: the second reads from the end. `values` are (batch, time, features).
    A step outside `mask`, bool (batch, time), leaves the state as it was.
    """
    units, numbers = layers[0].units, range(len(layers))
    values = tf.transpose(values, [1, 0, 2])
    present = tf.cast(tf.transpose(mask), values.dtype)[..., None]
    gates, kernels, biases = [], [], []
    for number, layer in enumerate(layers):
        input_bias, recurrent_bias = tf.unstack(tf.convert_to_tensor(layer.cell.bias))
        update_and_reset, candidate = tf.split(recurrent_bias, [2 * units, units])
        bias = input_bias + tf.concat([update_and_reset, tf.zeros_like(candidate)], 0)
        gates.append(_turned(tf.matmul(values, layer.cell.kernel) + bias, number))
        kernels.append(tf.convert_to_tensor(layer.cell.recurrent_kernel))
        biases.append(candidate)
    presence = tf.concat([_turned(present, number) for number in numbers], 1)
    states = _scan(tf.concat(gates, 1), presence, tf.stack(kernels), tf.stack(biases))
    of_layers = [_turned(one, number) for number, one in enumerate(tf.split(states, len(layers), 1))]
    return tf.transpose(tf.concat(of_layers, -1), [1, 0, 2])


def _turned(values: Any, number: int) -> Any:
    """Reverse the time steps (time, …) of the second layer."""
    return tf.reverse(values, [0]) if number else values


@tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
def _scan(gates: Any, present: Any, kernels: Any, biases: Any) -> Any:
    """Return the states (time, rows, units), and the function that computes the gradients.

    `gates` (time, rows, 3 · units) are the inputs' part of update gate, reset gate and candidate; `present` (time,
    rows, 1) is 1, or 0 where the state stays; `kernels` (layers, units, 3 · units) are the recurrent ones, and
    `biases` (layers, units) those of the candidate's recurrent part. The rows are those of the first layer, then
    those of the second.
    """
    layers, units = kernels.shape[0], kernels.shape[1]
    time, rows = tf.shape(gates)[0], tf.shape(gates)[1]
    of_layers = tf.unstack(kernels)
    bias = tf.repeat(biases, rows // layers, axis=0)
    gates, presence, zeros = _in_steps(gates), _in_steps(present), tf.zeros([rows, units])

    def step(number: Any, state: Any, states: Any, kept: Any) -> tuple[Any, ...]:
        inputs, candidate_input = tf.split(gates.read(number), [2 * units, units], 1)
        recurrent, candidate_recurrent = tf.split(_products(state, of_layers), [2 * units, units], 1)
        update, reset = tf.split(tf.sigmoid(inputs + recurrent), 2, 1)
        candidate_recurrent += bias
        candidate = tf.tanh(candidate_input + reset * candidate_recurrent)
        state += presence.read(number) * (1 - update) * (candidate - state)
        kept = kept.write(number, tf.concat([update, reset, candidate, candidate_recurrent], 1))
        return number + 1, state, states.write(number, state), kept

    start = (0, zeros, _steps(time), _steps(time))
    *_, states, kept = _loop(lambda number, *_: number < time, step, start, time)
    states = states.stack()

    def gradients(above: Any) -> tuple[Any, ...]:
        before = tf.concat([zeros[None], states[:-1]], 0)
        transposed = [tf.transpose(kernel) for kernel in of_layers]
        from_above, previous = _in_steps(above), _in_steps(before)

        def step_back(number: Any, of_state: Any, of_gates: Any, of_recurrent: Any) -> tuple[Any, ...]:
            of_state += from_above.read(number)
            update, reset, candidate, candidate_recurrent = tf.split(kept.read(number), 4, 1)
            moved = of_state * presence.read(number) * (1 - update)
            of_candidate = moved * (1 - candidate * candidate)
            of_update = moved * update * (previous.read(number) - candidate)
            of_reset = of_candidate * candidate_recurrent * reset * (1 - reset)
            recurrent = tf.concat([of_update, of_reset, of_candidate * reset], 1)
            inputs = tf.concat([of_update, of_reset, of_candidate], 1)
            of_state += _products(recurrent, transposed) - moved
            return number - 1, of_state, of_gates.write(number, inputs), of_recurrent.write(number, recurrent)

        start = (time - 1, zeros, _steps(time), _steps(time))
        *_, of_gates, of_recurrent = _loop(lambda number, *_: number >= 0, step_back, start, time)
        of_steps = list(zip(tf.split(before, layers, 1), tf.split(of_recurrent.stack(), layers, 1), strict=True))
        of_kernels = [tf.reduce_sum(tf.matmul(one, other, transpose_a=True), 0) for one, other in of_steps]
        of_biases = [tf.split(tf.reduce_sum(other, [0, 1]), 3)[2] for _, other in of_steps]
        return of_gates.stack(), None, tf.stack(of_kernels), tf.stack(of_biases)

    return states, gradients


def _steps(time: Any) -> Any:
    return tf.TensorArray(tf.float32, time, clear_after_read=False)


def _in_steps(array: Any) -> Any:
    return _steps(tf.shape(array)[0]).unstack(array)


def _products(rows: Any, matrices: list[Any]) -> Any:
    """Return each layer's rows times its matrix. Not tf.matmul of them stacked, which takes half as long again."""
    return tf.concat([tf.matmul(*pair) for pair in zip(tf.split(rows, len(matrices)), matrices, strict=True)], 0)


def _loop(more: Any, step: Any, start: tuple[Any, ...], most: Any) -> Any:
    return tf.while_loop(more, step, start, parallel_iterations=1, maximum_iterations=most)
