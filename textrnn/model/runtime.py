"""TensorFlow and Keras, configured before they load to compute the same bits on every machine.

The one module with a side effect at import: TensorFlow reads the variables that choose its kernels once, when it loads.
Only train imports it, since that takes six seconds. Each setting below was found by comparing bits between an AVX-512
processor and an emulated AVX2 one.
"""

import os
import sys

# Override the user's environment, which would change the bits.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # else on where a processor has AVX512_VNNI, off elsewhere
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"  # Eigen's matrix products are oneDNN's all the same
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors come as exceptions too
os.environ["KERAS_BACKEND"] = "tensorflow"

# While it loads, TensorFlow complains on stderr about absent GPUs, and ignores the log level.
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

# By default one a processor: four threads split a sum differently from two, and round it differently.
tf.config.threading.set_intra_op_parallelism_threads(2)
tf.config.threading.set_inter_op_parallelism_threads(2)

# Override the user's keras.json, too.
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")

__all__ = ["deterministic", "gpus", "keras", "one_thread", "tf"]


def one_thread() -> None:
    """Compute on one thread in this process, which has computed nothing yet."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def gpus() -> int:
    """Return how many GPUs TensorFlow would compute on."""
    return len(tf.config.list_physical_devices("GPU"))


def deterministic(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and forbid operations whose result depends on timing."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # It would turn x / sqrt(y) into x * rsqrt(y), whose last bits differ between Intel and AMD.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
