"""Training steps and predictions of one network, and its state as arrays.

Not Keras' `fit`, which neither resumes exactly, nor mixes rows anew each epoch under a seed, nor runs
on several workers.
"""

from functools import partial
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight

from textrnn.artifacts.ragged import Rows, cut
from textrnn.model import cudnn
from textrnn.model.config import TrainConfig
from textrnn.model.network import Network, build, trained_variables
from textrnn.model.runtime import keras, tf
from textrnn.training.batches import Collator, InputDropout, shuffled
from textrnn.training.checkpoint import Arrays
from textrnn.training.distributed import collective
from textrnn.training.loop import LOGITS, WEIGHTS, EpochResult, Member
from textrnn.training.optimizers import Optimizer, rate, share

PREDICTION_BATCH = 64
RAW = "raw/"  # in a state, before the names of weights that are averaged: the weights themselves


class Trainer:
    """A network, its optimizer, and the compiled steps over them. An ensemble's members share it.

    Compiling takes as long as an epoch, so a member's state is put in for its epoch and taken out afterwards.
    """

    def __init__(self, config: TrainConfig, vocabulary_size: int, classes: int) -> None:
        """Make all variables under the current distribution strategy."""
        self.config, self.vocabulary_size, self.classes = config, vocabulary_size, classes
        self.input_dropout = InputDropout(config.token_dropout, config.word_dropout, config.subword_dropout)
        cudnn.usable()  # tried once, and not within a strategy
        with tf.distribute.get_strategy().scope():
            self.network = build(config, vocabulary_size, classes)
            self.optimizer = Optimizer(config, self.network.trainable_variables)
            self.averages = averages(config, self.network)
            self.share = tf.Variable(0.0, trainable=False)
        # Without a signature, each new length of a batch would compile the step again.
        ranks = {"words": 2, "lengths": 1, "labels": 1}
        ranks |= {"subwords": 2, "places": 2} if config.subword_buckets else {}
        signature = {name: tf.TensorSpec([None] * rank, tf.int32) for name, rank in ranks.items()}
        weighted = signature | ({"weights": tf.TensorSpec([None], tf.float32)} if config.class_weight else {})
        self.step, self.logits = (
            tf.function(partial(collective.run, one), input_signature=[given], autograph=False)
            for one, given in ((self._step, weighted), (self._logits, signature))
        )

    def _step(self, batch: dict[str, Any]) -> Any:
        """Take a replica's part in a step, and return the sums of all losses, unweighted, and right answers."""
        variables = self.network.trainable_variables
        total = tf.cast(tf.size(batch["labels"]), tf.float32)
        batch = collective.share(batch)
        with tf.GradientTape() as tape:
            logits = self.network(batch, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits)
            loss = tf.reduce_sum(losses * batch["weights"] if "weights" in batch else losses) / total
        right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), batch["labels"])
        sums = tf.stack([tf.reduce_sum(losses), tf.reduce_sum(tf.cast(right, tf.float32))])
        # Dense: the norm of an embedding's sparse gradient would count a repeated row more than once.
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]
        sums, *gradients = collective.summed([sums, *gradients])
        if self.config.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.config.clip_norm)
        self.optimizer.apply(gradients)
        trained = trained_variables(self.network)
        for name, average in self.averages.items():
            average.assign_add(self.share * (trained[name] - average))
        return sums

    def _logits(self, batch: dict[str, Any]) -> Any:
        return collective.gathered(self.network(collective.share(batch), training=False))

    def fit_rows(self, rows: Rows, collator: Collator, epoch: int, seed: tuple[int, ...]) -> tuple[float, float]:
        """Train on every row once, in an order that `seed` decides; return mean loss and accuracy.

        Both are measured while the weights change and with dropout on, as is usual. Epochs count from 1.
        """
        lengths = collator.lengths(rows)
        sums = np.zeros(2)
        size, weighted = self.config.batch_size, self.config.class_weight
        steps = ceil(len(lengths) / size)
        weights = compute_sample_weight(weighted, rows.labels).astype(np.float32) if weighted else None
        random = np.random.default_rng((*seed, 1))  # not the stream that mixes the rows
        for place, chosen in enumerate(shuffled(lengths, size, seed)):
            if self.config.schedule != "constant":
                done, step = epoch - 1 + (place + 0.5) / steps, (epoch - 1) * steps + place + 1
                self.optimizer.learning_rate.assign(rate(self.config, step, done / self.config.epochs))
                self.share.assign(share(step))
            batch = dict(collator.batch(rows, chosen, lengths, self.input_dropout, random))
            sums += self.step(batch | ({} if weights is None else {"weights": weights[chosen]})).numpy()
        loss, accuracy = sums / len(rows.rows)
        return float(loss), float(accuracy)

    def predict(self, rows: Rows, collator: Collator) -> NDArray[np.float64]:
        """Return (rows, classes) logits, in the order of the rows."""
        lengths = collator.lengths(rows)
        logits = np.zeros((len(rows.rows), self.network.logits.units))
        for chosen in cut(np.argsort(lengths, kind="stable"), PREDICTION_BATCH):
            logits[chosen] = self.logits(collator.batch(rows, chosen, lengths)).numpy()
        return logits

    def train_epochs(self, member: Member, number: int, epochs: range, state: Arrays) -> EpochResult:
        """Train an ensemble member for some epochs, from its state, and predict its held-out rows.

        Raises MemoryError where a step takes more memory than the processor or the GPU has.
        """
        try:
            self.restore(state)
            for epoch in epochs:
                measured = self.fit_rows(member.train, member.collator, epoch, (self.config.seed, epoch, number))
            state, trained = self.state(), trained_variables(self.network)
            for name, average in self.averages.items():
                trained[name].assign(average)
            return EpochResult(*measured, state | {LOGITS: self.predict(member.held_out, member.collator)})
        except tf.errors.ResourceExhaustedError:
            raise MemoryError("lower train.batch_size or train.units") from None

    def initial_state(self, number: int) -> Arrays:
        """Return the state in which an ensemble member begins, whatever was trained before."""
        drawn = np.random.SeedSequence([self.config.seed, number]).generate_state(1)
        keras.utils.set_random_seed(int(drawn[0]) if number else self.config.seed)
        network = build(self.config, self.vocabulary_size, self.classes, number)
        optimizer = Optimizer(self.config, network.trainable_variables)
        return values(all_variables(network, optimizer, averages(self.config, network)))

    def state(self) -> Arrays:
        """Return every variable: of the network, its dropout's random generators, and the optimizer."""
        return values(all_variables(self.network, self.optimizer, self.averages))

    def restore(self, state: Arrays) -> None:
        """Put back what `state` returned."""
        for name, variable in all_variables(self.network, self.optimizer, self.averages).items():
            variable.assign(state[name])


def averages(config: TrainConfig, network: Network) -> dict[str, Any]:
    """Return a variable for the average of each of the network's, by name; none where weights are not averaged."""
    if config.schedule != "averaged":
        return {}
    first = tf.VariableAggregation.ONLY_FIRST_REPLICA  # all replicas have the same
    named = trained_variables(network).items()
    return {name: tf.Variable(one.value, trainable=False, aggregation=first) for name, one in named}


def all_variables(network: Network, optimizer: Optimizer, averages: dict[str, Any]) -> dict[str, Any]:
    """Return all variables by name: those that predict as textrnn/model/network.py names them, after WEIGHTS."""
    trained = trained_variables(network)
    variables = {f"{WEIGHTS}{name}": variable for name, variable in (averages or trained).items()}
    variables |= {f"{RAW}{name}": trained[name] for name in averages}
    variables |= {f"random/{number}": one for number, one in enumerate(network.non_trainable_variables)}
    return variables | {f"optimizer/{number}": one for number, one in enumerate(optimizer.variables)}


def values(variables: dict[str, Any]) -> Arrays:
    """Return the variables' values."""
    return {name: variable.numpy() for name, variable in variables.items()}
