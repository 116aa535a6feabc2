"""TensorFlow and Keras, told before they start to compute the same bits on every machine.

The one module with a side effect at import: oneDNN reads its setting once, when TensorFlow loads.
Only train imports it, since that takes six seconds.
"""

import os
import sys

# Without it oneDNN takes AVX-512 kernels where it finds them, which round differently (measured).
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors come as exceptions too
os.environ["KERAS_BACKEND"] = "tensorflow"

# While it loads, TensorFlow writes to stderr about absent GPUs, and heeds no log level yet.
_stderr, _nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
sys.stderr.flush()
os.dup2(_nowhere, 2)
try:
    import keras
    import tensorflow as tf
finally:
    os.dup2(_stderr, 2)
    os.close(_stderr)
    os.close(_nowhere)

__all__ = ["deterministic", "keras", "tf"]


def deterministic(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and forbid operations whose result depends on timing."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
