"""The recurrent network: embeddings, recurrent layers, pooling over time, and a logit for each label."""

from typing import Any

from textrnn.recipe import Recipe
from textrnn.tensorflow import keras, tf

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


class Network(keras.Model):  # type: ignore[misc]  # Keras has no types
    """A network as `recipe` has it. textrnn/export.py writes the same computation as an ONNX graph."""

    def __init__(self, recipe: Recipe, vocabulary_size: int, classes: int) -> None:
        """Make the layers. Word id 0 is the unknown word and the padding."""
        super().__init__()
        self.recipe = recipe
        self.words = embedding(vocabulary_size, recipe)
        self.subwords: Any = embedding(recipe.subword_buckets + 1, recipe) if recipe.subword_buckets else None
        self.cells = [recurrent(recipe, last=number == recipe.layers - 1) for number in range(recipe.layers)]
        self.dropouts = [keras.layers.Dropout(recipe.dropout) for _ in self.cells]  # after each cell's layer
        # Small: a first answer near even odds, as in the tutorial (presets/tutorial.txt).
        start = keras.initializers.TruncatedNormal(stddev=0.1)
        self.logits = keras.layers.Dense(classes, kernel_initializer=start)

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        """Return logits, float32 (batch, classes).

        `batch` holds int32 words (batch, time), lengths (batch) and, where the recipe has subword
        buckets, subwords (batch, time, features) padded with 0.
        """
        values = self.words(batch["words"])
        if self.subwords is not None:
            values += self.sum_of_subwords(batch["subwords"])
        mask = tf.sequence_mask(batch["lengths"], tf.shape(batch["words"])[1])
        for cell, dropout in zip(self.cells, self.dropouts, strict=True):
            values = cell(values, mask=mask if self.recipe.masking else None)
            if cell is self.cells[-1] and self.recipe.pooling == "mean_max":
                values = mean_max(values, mask)
            values = dropout(values, training=training)
        return self.logits(values)

    def sum_of_subwords(self, subwords: Any) -> Any:
        """Return the sum of a token's subword vectors over the root of their number.

        A sum would grow with the token's length, and a mean would fade: the root keeps the variance.
        """
        present = tf.cast(subwords > 0, tf.float32)
        count = tf.maximum(tf.reduce_sum(present, axis=-1, keepdims=True), 1.0)
        return tf.reduce_sum(self.subwords(subwords) * present[..., None], axis=-2) / tf.sqrt(count)


def embedding(rows: int, recipe: Recipe) -> keras.layers.Embedding:
    """Return an embedding whose vectors begin uniform in ±embedding_range."""
    start = keras.initializers.RandomUniform(-recipe.embedding_range, recipe.embedding_range)
    return keras.layers.Embedding(rows, recipe.embedding_size, embeddings_initializer=start)


def recurrent(recipe: Recipe, last: bool) -> keras.layers.Layer:
    """Return one recurrent layer. The last one gives its final state alone if that is what is pooled."""
    sequences = not last or recipe.pooling == "mean_max"
    layer = CELLS[recipe.cell](recipe.units, return_sequences=sequences)
    return keras.layers.Bidirectional(layer) if recipe.bidirectional else layer


def mean_max(values: Any, mask: Any) -> Any:
    """Return mean and maximum of `values` (batch, time, units) over the steps in `mask`, side by side."""
    present = tf.cast(mask, tf.float32)[..., None]
    mean = tf.reduce_sum(values * present, axis=1) / tf.reduce_sum(present, axis=1)
    most = tf.reduce_max(tf.where(mask[..., None], values, values.dtype.min), axis=1)
    return tf.concat([mean, most], axis=-1)


def build(recipe: Recipe, vocabulary_size: int, classes: int) -> Network:
    """Return a network whose variables exist: Keras makes them at the first call."""
    network = Network(recipe, vocabulary_size, classes)
    network({
        "words": tf.zeros((1, 1), tf.int32),
        "lengths": tf.ones(1, tf.int32),
        "subwords": tf.zeros((1, 1, 1), tf.int32),
    })  # fmt: skip
    return network


def weights(network: Network) -> dict[str, Any]:
    """Return the trained arrays by name: words, subwords, `layer0.forward.kernel` and so on, output.kernel."""
    named = {"words": network.words.embeddings}
    if network.subwords is not None:
        named["subwords"] = network.subwords.embeddings
    for number, layer in enumerate(network.cells):
        both = {"forward": layer.forward_layer, "backward": layer.backward_layer} if network.recipe.bidirectional else {
            "forward": layer
        }  # fmt: skip
        for direction, one in both.items():
            for kind in ("kernel", "recurrent_kernel", "bias"):
                named[f"layer{number}.{direction}.{kind}"] = getattr(one.cell, kind)
    named |= {"output.kernel": network.logits.kernel, "output.bias": network.logits.bias}
    return {name: variable.numpy() for name, variable in named.items()}
