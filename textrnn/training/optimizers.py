"""The optimizers, the schedules of their learning rate, and the average of the weights."""

import math
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

from textrnn.model.config import TrainConfig
from textrnn.model.runtime import tf

RHO, EPSILON = 0.9, 1e-7  # all as Keras has them
BETA_1, BETA_2, DECAY = 0.9, 0.999, 0.004

WARM_UP = 0.1  # share of all steps
WARM_STEPS = 25  # where nobody knows how many there will be
ETA = 8  # of the average: the larger, the less the early steps count. About 1 / (ETA + 1) of all steps decide it


class Optimizer:
    """Steps along gradients that are summed over all replicas, which Keras' optimizers would sum again."""

    def __init__(self, config: TrainConfig, variables: list[Any]) -> None:
        """Take the variables of a network, and make those beside them under the current distribution strategy."""
        self.step, begins = OPTIMIZERS[config.optimizer]
        self.trained = [one.value for one in variables]
        self.taken = tf.Variable(0, trainable=False, dtype=tf.int64)  # steps
        self.learning_rate = tf.Variable(config.learning_rate, trainable=False)
        self.beside = [
            [tf.Variable(tf.fill(one.shape, begin), trainable=False) for begin in begins] for one in self.trained
        ]
        self.variables = [self.taken, self.learning_rate, *chain(*self.beside)]

    def apply(self, gradients: list[Any]) -> None:
        """Take a step."""
        tf.distribute.get_replica_context().merge_call(self._apply, (gradients,))

    def _apply(self, strategy: Any, gradients: list[Any]) -> None:
        self.taken.assign_add(1)
        for variable, *given in zip(self.trained, gradients, self.beside, strict=True):
            strategy.extended.update(variable, partial(self.step, self), given, group=False)


def rmsprop(optimizer: Optimizer, variable: Any, gradient: Any, beside: list[Any]) -> None:
    """Take a step as Keras' RMSprop does, but from a mean square of one.

    So it begins in TensorFlow 1, for which the tutorial was written. From zero, as in Keras, the first steps are many
    times larger (measured: the tutorial then ends some two points of accuracy higher).
    """
    (mean,) = beside
    mean.assign(RHO * mean + (1 - RHO) * tf.square(gradient))
    variable.assign_sub(optimizer.learning_rate * gradient / tf.sqrt(mean + EPSILON))


def adamw(optimizer: Optimizer, variable: Any, gradient: Any, beside: list[Any]) -> None:
    """Decay the weights (Loshchilov and Hutter 2019), and take a step (Kingma and Ba 2015).

    Unlike Keras' AdamW by one operation of TensorFlow, which saves five passes over the embeddings.
    """
    mean, mean_square = beside
    variable.assign_sub(variable * DECAY * optimizer.learning_rate)
    step = tf.cast(optimizer.taken, tf.float32)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=mean.handle,
        v=mean_square.handle,
        beta1_power=tf.pow(tf.constant(BETA_1, tf.float32), step),
        beta2_power=tf.pow(tf.constant(BETA_2, tf.float32), step),
        lr=optimizer.learning_rate,
        beta1=BETA_1,
        beta2=BETA_2,
        epsilon=EPSILON,
        grad=gradient,
    )


# How a variable takes a step, and with what each array beside it begins.
OPTIMIZERS: dict[str, tuple[Callable[..., None], list[float]]] = {
    "rmsprop": (rmsprop, [1.0]),
    "adamw": (adamw, [0.0, 0.0]),
}


def rate(config: TrainConfig, step: int, done: float) -> float:
    """Return the learning rate of a step, counted from 1, when a share `done` of all steps has been taken."""
    return config.learning_rate * (cosine(done) if config.schedule == "cosine" else min(1.0, step / WARM_STEPS))


def share(step: int) -> float:
    """Return the share that a step, counted from 1, has in the average of the weights after it.

    This is polynomial-decay averaging (Shamir and Zhang 2013): the average does what a falling learning rate does, and
    needs not know which step will be the last.
    """
    return (1 + ETA) / (step + ETA)


def cosine(done: float) -> float:
    """Return the share of the learning rate after a share `done` of all steps.

    It rises in a straight line for WARM_UP of the steps, and falls as half a cosine to zero
    (Loshchilov and Hutter 2017, without restarts).
    """
    if done < WARM_UP:
        return done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
