"""The training loop of one network: steps, predictions, and its state as arrays.

Not Keras' `fit`, which neither resumes exactly, nor mixes rows anew each epoch under a seed, nor runs
on several workers.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import Rows, by_length
from textrnn.model.config import TrainConfig
from textrnn.model.network import Network, build, trained
from textrnn.model.runtime import keras, tf
from textrnn.training.batches import Batch, Collator, InputDropout, shuffled
from textrnn.training.checkpoint import Arrays
from textrnn.training.distributed import replicas
from textrnn.training.loop import LOGITS, WEIGHTS, EpochResult, Member

PREDICTION_BATCH = 64
WARM_UP = 0.1  # share of all steps


class Trainer:
    """A network, its optimizer, and the compiled steps over them."""

    def __init__(self, config: TrainConfig, vocabulary_size: int, classes: int) -> None:
        """Make all variables under the current distribution strategy."""
        self.config, self.vocabulary_size, self.classes = config, vocabulary_size, classes
        self.noise = InputDropout(config.token_dropout, config.word_dropout, config.subword_dropout)
        self.strategy = tf.distribute.get_strategy()
        with self.strategy.scope():
            self.network = build(config, vocabulary_size, classes)
            self.optimizer = built_optimizer(config, self.network.trainable_variables)
        # Without a signature, each new length of a batch would compile the step again.
        names = {"words": 2, "lengths": 1, "labels": 1} | (
            {"subwords": 2, "places": 2} if config.subword_buckets else {}
        )
        signature = {name: tf.TensorSpec([None] * rank, tf.int32) for name, rank in names.items()}
        self.step = tf.function(self._step, input_signature=[signature], autograph=False)
        self.logits = tf.function(self._logits, input_signature=[signature], autograph=False)

    def _step(self, batch: dict[str, Any]) -> Any:
        """Take one step on all replicas, and return the sums of the losses and of the right answers."""
        return replicas.one_of(self.strategy.run(self._replica_step, args=(batch,)))

    def _replica_step(self, batch: dict[str, Any]) -> Any:
        variables = self.network.trainable_variables
        total = tf.cast(tf.size(batch["labels"]), tf.float32)
        batch = replicas.part(batch)
        with tf.GradientTape() as tape:
            logits = self.network(batch, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits)
            loss = tf.reduce_sum(losses) / total
        right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), batch["labels"])
        sums = tf.stack([tf.reduce_sum(losses), tf.reduce_sum(tf.cast(right, tf.float32))])
        # Dense: the norm of an embedding's sparse gradient would count a repeated row more than once.
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]
        sums, *gradients = replicas.summed([sums, *gradients])
        if self.config.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.config.clip_norm)
        self.optimizer.apply(gradients, variables)
        return sums

    def _logits(self, batch: dict[str, Any]) -> Any:
        return replicas.one_of(self.strategy.run(self._replica_logits, args=(batch,)))

    def _replica_logits(self, batch: dict[str, Any]) -> Any:
        part = replicas.part(batch)
        return replicas.joined(self.network(part, training=False), part)

    def epoch(
        self, rows: Rows, collator: Collator, number: int, seed: tuple[int, ...], alive: Any
    ) -> tuple[float, float]:
        """Train on every row once, in an order that `seed` decides; return mean loss and accuracy.

        Both are measured while the weights change and with dropout on, as is usual. `number` counts the
        epochs from 1, and `alive` is called before each step.
        """
        lengths = collator.lengths(rows)
        sums = np.zeros(2)
        batches = shuffled(lengths, self.config.batch_size, seed)
        random = np.random.default_rng((*seed, 1))  # not the stream that mixes the rows
        for place, chosen in enumerate(batches):
            alive()
            if self.config.schedule == "cosine":
                done = (number - 1 + (place + 0.5) / len(batches)) / self.config.epochs
                self.optimizer.learning_rate.assign(self.config.learning_rate * cosine(done))
            sums += self.step(tensors(collator.batch(rows, chosen, lengths, self.noise, random))).numpy()
        loss, accuracy = sums / len(rows.rows)
        return float(loss), float(accuracy)

    def predict(self, rows: Rows, collator: Collator) -> NDArray[np.float64]:
        """Return (rows, classes) logits, in the order of the rows."""
        lengths = collator.lengths(rows)
        logits = np.zeros((len(rows.rows), self.network.logits.units))
        for chosen in by_length(lengths, PREDICTION_BATCH):
            logits[chosen] = self.logits(tensors(collator.batch(rows, chosen, lengths))).numpy()
        return logits

    def turn(self, member: Member, number: int, epoch: int, state: Arrays, alive: Callable[[], None]) -> EpochResult:
        """Train that member of an ensemble for an epoch, from its state, and predict its held-out rows."""
        self.restore(state)
        seed = (self.config.seed, epoch, number)
        loss, accuracy = self.epoch(member.train, member.collator, epoch, seed, alive)
        return EpochResult(loss, accuracy, self.state() | {LOGITS: self.predict(member.held_out, member.collator)})

    def beginning(self, number: int) -> Arrays:
        """Return the state in which that member of an ensemble begins, whatever has been done before.

        The members share the compiled steps: compiling takes as long as an epoch.
        """
        keras.utils.set_random_seed(seed_of(self.config.seed, number))
        network = build(self.config, self.vocabulary_size, self.classes, number)
        optimizer = built_optimizer(self.config, network.trainable_variables)
        return values(named(network, optimizer))

    def state(self) -> Arrays:
        """Return every variable: of the network, its dropout's random generators, and the optimizer."""
        return values(named(self.network, self.optimizer))

    def restore(self, state: Arrays) -> None:
        """Put back what `state` returned."""
        for name, variable in named(self.network, self.optimizer).items():
            variable.assign(state[name])


def seed_of(seed: int, number: int) -> int:
    """Return the seed of Keras' own random numbers for that member of an ensemble: of the first, the recipe's."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) if number else seed


def named(network: Network, optimizer: Any) -> dict[str, Any]:
    """Return all variables by name: the trained ones as textrnn/model/network.py names them, after WEIGHTS."""
    variables = {f"{WEIGHTS}{name}": variable for name, variable in trained(network).items()}
    variables |= {f"random/{number}": one for number, one in enumerate(network.non_trainable_variables)}
    return variables | {f"optimizer/{number}": one for number, one in enumerate(optimizer.variables)}


def values(variables: dict[str, Any]) -> Arrays:
    """Return the variables' values."""
    return {name: variable.numpy() for name, variable in variables.items()}


class RMSprop(keras.optimizers.RMSprop):  # type: ignore[misc]  # Keras has no types
    """Keras' RMSprop, which is given the sums of all replicas' gradients."""

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars  # Keras would sum them here, after they have been clipped


class AdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """Keras' AdamW in TensorFlow's one operation for a step: five passes over the embeddings less."""

    _all_reduce_sum_gradients = RMSprop._all_reduce_sum_gradients

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Take a step (Kingma and Ba 2015); Keras has let the weights decay (Loshchilov and Hutter 2019)."""
        step = tf.cast(self.iterations + 1, tf.float32)
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(tf.constant(self.beta_1, tf.float32), step),
            beta2_power=tf.pow(tf.constant(self.beta_2, tf.float32), step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


OPTIMIZERS: dict[str, Any] = {"rmsprop": RMSprop, "adamw": AdamW}


def built_optimizer(config: TrainConfig, variables: list[Any]) -> Any:
    """Return the optimizer that the recipe names, with its own variables made.

    RMSprop's mean of squared gradients begins at one, as in TensorFlow 1, for which the tutorial was
    written. From zero, as in Keras, its first steps are many times larger (measured: the tutorial then
    ends some two points of accuracy higher).
    """
    optimizer = OPTIMIZERS[config.optimizer](config.learning_rate)
    optimizer.build(variables)
    if config.optimizer == "rmsprop":
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


def tensors(batch: Batch) -> dict[str, Any]:
    """Return the batch as tensors."""
    return {name: tf.constant(array) for name, array in batch.items()}
