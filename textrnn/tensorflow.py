"""TensorFlow and Keras, told before they start to compute the same bits on every machine.

The one module with a side effect at import: oneDNN reads its setting once, when TensorFlow loads.
Only train imports it, since that takes six seconds.
"""

import os

# Without it oneDNN takes AVX-512 kernels where it finds them, which round differently (measured).
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings about absent GPUs say nothing here
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

__all__ = ["deterministic", "keras", "tf"]


def deterministic(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and forbid operations whose result depends on timing."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
