"""The training loop of one network: steps, predictions, and its state as arrays.

Not Keras' `fit`, which neither resumes exactly, nor mixes rows anew each epoch under a seed, nor runs
on several workers.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.batches import Batch, Encoder, Noise, by_length, shuffled
from textrnn.network import build
from textrnn.ragged import Rows
from textrnn.recipe import Recipe
from textrnn.tensorflow import keras, tf

PREDICTION_BATCH = 256
WARM_UP = 0.1  # share of all steps
OPTIMIZERS = {"rmsprop": keras.optimizers.RMSprop, "adamw": keras.optimizers.AdamW}


class Trainer:
    """A network, its optimizer, and the compiled steps over them."""

    def __init__(self, recipe: Recipe, vocabulary_size: int, classes: int) -> None:
        """Make all variables under the current distribution strategy."""
        self.recipe, self.vocabulary_size, self.classes = recipe, vocabulary_size, classes
        self.noise = Noise(recipe.token_dropout, recipe.word_dropout, recipe.subword_dropout)
        self.strategy = tf.distribute.get_strategy()
        with self.strategy.scope():
            self.network = build(recipe, vocabulary_size, classes)
            self.optimizer = built_optimizer(recipe, self.network.trainable_variables)
        # Without a signature, each new length of a batch would compile the step again.
        names = {"words": 2, "lengths": 1, "labels": 1} | (
            {"subwords": 2, "places": 2} if recipe.subword_buckets else {}
        )
        signature = {name: tf.TensorSpec([None] * rank, tf.int32) for name, rank in names.items()}
        self.step = tf.function(self._step, input_signature=[signature], autograph=False)
        self.logits = tf.function(self._logits, input_signature=[signature], autograph=False)

    def _step(self, batch: dict[str, Any]) -> Any:
        """Take one step on all replicas, and return the sums of the losses and of the right answers."""
        total = tf.cast(tf.size(batch["labels"]), tf.float32)
        sums = self.strategy.run(self._replica_step, args=(batch, total))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)

    def _replica_step(self, batch: dict[str, Any], total: Any) -> Any:
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.network(batch, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits)
            loss = tf.reduce_sum(losses) / total
        # Dense: the norm of an embedding's sparse gradient would count a repeated row more than once.
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]
        if self.recipe.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.recipe.clip_norm)
        self.optimizer.apply(gradients, variables)
        right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), batch["labels"])
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(tf.cast(right, tf.float32))])

    def _logits(self, batch: dict[str, Any]) -> Any:
        return self.network(batch, training=False)

    def epoch(
        self, rows: Rows, encoder: Encoder, number: int, seed: tuple[int, ...], alive: Any
    ) -> tuple[float, float]:
        """Train on every row once, in an order that `seed` decides; return mean loss and accuracy.

        Both are measured while the weights change and with dropout on, as is usual. `number` counts the
        epochs from 1, and `alive` is called before each step.
        """
        lengths = encoder.lengths(rows)
        sums = np.zeros(2)
        batches = shuffled(lengths, self.recipe.batch_size, seed)
        random = np.random.default_rng((*seed, 1))  # not the stream that mixes the rows
        for place, chosen in enumerate(batches):
            alive()
            if self.recipe.schedule == "cosine":
                done = (number - 1 + (place + 0.5) / len(batches)) / self.recipe.epochs
                self.optimizer.learning_rate.assign(self.recipe.learning_rate * cosine(done))
            sums += self.step(tensors(encoder.batch(rows, chosen, lengths, self.noise, random))).numpy()
        loss, accuracy = sums / len(rows.rows)
        return float(loss), float(accuracy)

    def predict(self, rows: Rows, encoder: Encoder) -> NDArray[np.float64]:
        """Return (rows, classes) logits, in the order of the rows."""
        lengths = encoder.lengths(rows)
        logits = np.zeros((len(rows.rows), self.network.logits.units))
        for chosen in by_length(lengths, PREDICTION_BATCH):
            logits[chosen] = self.logits(tensors(encoder.batch(rows, chosen, lengths))).numpy()
        return logits

    def beginning(self, member: int) -> dict[str, NDArray[np.generic]]:
        """Return the state in which that member of an ensemble begins. To be asked before any training.

        The members share the compiled steps: compiling takes as long as an epoch.
        """
        other = build(self.recipe, self.vocabulary_size, self.classes, member) if member else self.network
        variables = [*other.variables, *self.optimizer.variables]
        return {str(number): variable.numpy() for number, variable in enumerate(variables)}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return every variable: of the network, its dropout's random generators, and the optimizer."""
        return {str(number): variable.numpy() for number, variable in enumerate(self._variables())}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Put back what `state` returned."""
        for number, variable in enumerate(self._variables()):
            variable.assign(state[str(number)])

    def _variables(self) -> list[Any]:
        return [*self.network.variables, *self.optimizer.variables]


def built_optimizer(recipe: Recipe, variables: list[Any]) -> Any:
    """Return the optimizer that the recipe names, with its own variables made.

    RMSprop's mean of squared gradients begins at one, as in TensorFlow 1, for which the tutorial was
    written. From zero, as in Keras, its first steps are many times larger (measured: the tutorial then
    ends some two points of accuracy higher).
    """
    optimizer = OPTIMIZERS[recipe.optimizer](recipe.learning_rate)
    optimizer.build(variables)
    if recipe.optimizer == "rmsprop":
        for variable in optimizer.variables:
            if variable.path.endswith("velocity"):
                variable.assign(tf.ones_like(variable))
    return optimizer


def cosine(done: float) -> float:
    """Return the share of the learning rate after a share `done` of all steps.

    It rises in a straight line for WARM_UP of the steps, and falls as half a cosine to zero
    (Loshchilov and Hutter 2017, without restarts).
    """
    if done < WARM_UP:
        return done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of (rows, classes) logits: TensorFlow's own differ in the last bits by processor."""
    odds: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def tensors(batch: Batch) -> dict[str, Any]:
    """Return the batch as tensors."""
    return {name: tf.constant(array) for name, array in batch.items()}


def log_loss(probabilities: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """Return the mean cross entropy in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.maximum(chosen, np.finfo(np.float32).tiny))))
