"""The recurrent network: embeddings, recurrent layers, pooling over time, and a logit for each label."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.model import cudnn, gru
from textrnn.model.config import TrainConfig
from textrnn.model.runtime import keras, tf

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


class Network(keras.Model):  # type: ignore[misc]  # Keras has no types
    """The network that `config` describes. textrnn/model/export.py writes the same computation as an ONNX graph."""

    def __init__(self, config: TrainConfig, vocabulary_size: int, classes: int) -> None:
        """Make the layers. Word id 0 is the unknown word and the padding."""
        super().__init__()
        self.config = config
        self.words = embedding(vocabulary_size, config)
        self.subwords: Any = embedding(config.subword_buckets + 1, config) if config.subword_buckets else None
        # At rate 0 there is no layer: Keras would give it a seed, and other seeds to the layers after it.
        rate = config.embedding_dropout
        self.embedding_dropout: Any = keras.layers.SpatialDropout1D(rate) if rate else None
        self.recurrent = [recurrent_layer(config, number) for number in range(config.layers)]
        self.dropouts = [keras.layers.Dropout(config.dropout) for _ in self.recurrent]
        self.logits = keras.layers.Dense(classes)

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        """Return logits, float32 (batch, classes).

        `batch` holds int32 words (batch, time), lengths (batch) and, with subword buckets, the subwords (tokens,
        features), padded with 0, of the batch's distinct tokens, and places (batch, time): which token stands where.
        One replica's share of a batch also holds whole, the whole batch's size, and first, the number of the share's
        first row in it (textrnn/training/distributed/collective.py).
        """
        values = self.words(batch["words"])
        if self.subwords is not None:
            values += tf.gather(self.sum_of_subwords(batch["subwords"]), batch["places"])
        if training and self.embedding_dropout is not None:
            values = dropped_out(self.embedding_dropout, values, batch)
        mask = tf.sequence_mask(batch["lengths"], tf.shape(batch["words"])[1])
        for layer, dropout in zip(self.recurrent, self.dropouts, strict=True):
            values = self.states(layer, values, mask, batch["lengths"])
            if layer is self.recurrent[-1] and self.config.pooling == "mean_max":
                values = mean_max(values, mask)
            values = dropped_out(dropout, values, batch) if training else values
        return self.logits(values)

    def states(self, layer: Any, values: Any, mask: Any, lengths: Any) -> Any:
        """Return a layer's states (batch, time, …), or the last state of each direction where the layer returns it.

        Without masking, every row of a batch is as long as the batch is wide, and `mask` holds every step.
        """
        if cudnn.usable():
            states, last = cudnn.outputs(self.config.cell, list(directions(layer).values()), values, lengths)
            return states if layer.return_sequences else last
        if self.config.cell != "gru":
            return layer(values, mask=mask if self.config.masking else None)
        states = gru.outputs(list(directions(layer).values()), values, mask)
        if layer.return_sequences:
            return states
        forward, *backward = tf.split(states, len(directions(layer)), -1)
        return tf.concat([forward[:, -1], *(one[:, 0] for one in backward)], -1)

    def sum_of_subwords(self, subwords: Any) -> Any:
        """Return the sum of each token's subword vectors over the root of their number.

        A plain sum would grow with the token's length, and a mean would fade: the root keeps the variance.
        """
        present = tf.cast(subwords > 0, tf.float32)
        count = tf.maximum(tf.reduce_sum(present, axis=-1, keepdims=True), 1.0)
        return tf.reduce_sum(self.subwords(subwords) * present[..., None], axis=-2) / tf.sqrt(count)


def dropped_out(layer: Any, values: Any, batch: dict[str, Any]) -> Any:
    """Apply a layer of dropout. A replica draws the whole batch's mask and uses its own rows of it."""
    if "whole" not in batch or not layer.rate:
        return layer(values, training=True)
    drawn = layer(tf.ones(tf.concat([[batch["whole"]], tf.shape(values)[1:]], 0)), training=True)
    return values * drawn[batch["first"] : batch["first"] + tf.shape(values)[0]]


def mean_max(values: Any, mask: Any) -> Any:
    """Return the mean and the maximum of `values` (batch, time, units) over the steps in `mask`, side by side."""
    present = tf.cast(mask, tf.float32)[..., None]
    mean = tf.reduce_sum(values * present, axis=1) / tf.reduce_sum(present, axis=1)
    most = tf.reduce_max(tf.where(mask[..., None], values, values.dtype.min), axis=1)
    return tf.concat([mean, most], axis=-1)


def embedding(rows: int, config: TrainConfig) -> keras.layers.Embedding:
    """Return an embedding whose vectors begin uniform in ±embedding_range."""
    start = keras.initializers.RandomUniform(-config.embedding_range, config.embedding_range)
    return keras.layers.Embedding(rows, config.embedding_size, embeddings_initializer=start)


def recurrent_layer(config: TrainConfig, number: int) -> keras.layers.Layer:
    """Return layer `number`. The last one returns its last state alone where the pooling is `last`."""
    sequences = number < config.layers - 1 or config.pooling == "mean_max"
    # Keras would take cuDNN untried, where there is a GPU, and fail where the library is missing.
    own_loop = {} if config.cell == "rnn" else {"use_cudnn": False}
    layer = CELLS[config.cell](config.units, return_sequences=sequences, **own_loop)
    layer = keras.layers.Bidirectional(layer) if config.bidirectional else layer
    layer.build((None, None, config.units * len(directions(layer)) if number else config.embedding_size))
    return layer


def directions(layer: Any) -> dict[str, Any]:
    """Return by direction the one or two Keras layers that a recurrent layer consists of."""
    if isinstance(layer, keras.layers.Bidirectional):
        return {"forward": layer.forward_layer, "backward": layer.backward_layer}
    return {"forward": layer}


def build(config: TrainConfig, vocabulary_size: int, classes: int, member: int = 0) -> Network:
    """Return a network with its variables, which Keras makes at the first call, and an ensemble member's first weights.

    We draw those weights that Keras would draw with other last bits on another processor. The recurrent kernels are
    orthogonal, as Keras has them, unless the config gives a range. The output is small, so that the first answers are
    near even odds, as in the tutorial (presets/tutorial.txt).
    """
    network = Network(config, vocabulary_size, classes)
    batch = dict.fromkeys(("words", "subwords", "places"), tf.zeros((1, 1), tf.int32))
    network(batch | {"lengths": tf.ones(1, tf.int32)})
    random, reach = np.random.default_rng([config.seed, member]), config.recurrent_range
    for layer in network.recurrent:
        for one in directions(layer).values():
            kernel = one.cell.recurrent_kernel
            kernel.assign(random.uniform(-reach, reach, kernel.shape) if reach else orthogonal(kernel.shape, random))
    network.logits.kernel.assign(truncated_normal(network.logits.kernel.shape, 0.1, random))
    return network


def orthogonal(shape: tuple[int, int], random: np.random.Generator) -> NDArray[np.float64]:
    """Return a matrix with orthonormal rows or columns, whichever are fewer (Mezzadri 2007).

    Rounded, to hide the last bits of LAPACK, which has other kernels on other processors.
    """
    q, r = np.linalg.qr(random.normal(size=(max(shape), min(shape))))
    q *= np.sign(np.diag(r))
    rounded: NDArray[np.float64] = np.round(q if shape[0] >= shape[1] else q.T, 6)
    return rounded


def truncated_normal(shape: tuple[int, ...], deviation: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return normal values. Those beyond two standard deviations are drawn again."""
    values = random.normal(0, deviation, shape)
    while (far := np.abs(values) > 2 * deviation).any():
        values[far] = random.normal(0, deviation, far.sum())
    return values


def trained_variables(network: Network) -> dict[str, Any]:
    """Return the trained variables by name: words, subwords, `layer0.forward.kernel` and so on, output.kernel."""
    named = {"words": network.words.embeddings}
    if network.subwords is not None:
        named["subwords"] = network.subwords.embeddings
    for number, layer in enumerate(network.recurrent):
        for direction, one in directions(layer).items():
            for kind in ("kernel", "recurrent_kernel", "bias"):
                named[f"layer{number}.{direction}.{kind}"] = getattr(one.cell, kind)
    return named | {"output.kernel": network.logits.kernel, "output.bias": network.logits.bias}
