"""The optimizers, the schedules of their learning rate, and the average of the weights."""

import math
from typing import Any

from textrnn.model.config import TrainConfig
from textrnn.model.runtime import keras, tf

WARM_UP = 0.1  # share of all steps
WARM_STEPS = 25  # where nobody knows how many there will be
ETA = 8  # of the average: the larger, the less the early steps count. About 1 / (ETA + 1) of all steps decide it


class RMSprop(keras.optimizers.RMSprop):  # type: ignore[misc]  # Keras has no types
    """Keras' RMSprop for gradients that are already summed over all replicas."""

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars  # Keras would sum them here, after clipping


class AdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """Keras' AdamW with TensorFlow's one operation for a step, which saves five passes over the embeddings."""

    _all_reduce_sum_gradients = RMSprop._all_reduce_sum_gradients

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Take a step (Kingma and Ba 2015), once Keras has decayed the weights (Loshchilov and Hutter 2019)."""
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


def build_optimizer(config: TrainConfig, variables: list[Any]) -> Any:
    """Return the configured optimizer, with its own variables made.

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
