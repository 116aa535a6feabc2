"""TensorFlow and Keras, told before they start to compute the same bits on every machine.

The one module with a side effect at import: what chooses kernels is read once, when TensorFlow loads.
Only train imports it, since that takes six seconds. Where TensorFlow would choose by processor, each
setting below was found by comparing bits between an AVX-512 processor and an emulated AVX2 one.
"""

import os
import sys

# Whatever the user's environment says, for it would change the bits.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # else on where a processor has AVX512_VNNI, off elsewhere
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"  # Eigen's matrix products are oneDNN's all the same
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

# Else as many as there are processors: four share out a sum in another way than two, and round it otherwise.
tf.config.threading.set_intra_op_parallelism_threads(2)
tf.config.threading.set_inter_op_parallelism_threads(2)

# Whatever the user's keras.json says, too.
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
