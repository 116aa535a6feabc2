"""TensorFlow and Keras, set up to compute the same bits on every machine.

This is the one module with a side effect at import: TensorFlow chooses its kernels once, when it loads. That takes
six seconds, so train alone imports this module. Where TensorFlow would choose by processor, we found each setting
below by comparing bits between an AVX-512 processor and an emulated AVX2 one.
"""

import os
import sys
from collections.abc import Sequence

# These override the user's environment, which would change the bits.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # by default on where a processor has AVX512_VNNI, off elsewhere
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"  # oneDNN still multiplies Eigen's matrices
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS, under cuDNN, gives the same bits each time
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors come as exceptions too

# While TensorFlow loads, it reports absent GPUs on stderr whatever its log level is.
_stderr, _nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
sys.stderr.flush()
os.dup2(_nowhere, 2)
try:
    import keras
    import tensorflow as tf

    # Before the first operation. By default a process takes all of a GPU's memory, and the next process finds none.
    for _gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(_gpu, True)
finally:
    os.dup2(_stderr, 2)
    os.close(_stderr)
    os.close(_nowhere)

__all__ = ["compute_on", "deterministic", "gpus", "keras", "memories", "one_thread", "tf"]

# By default one for each processor. Four threads split a sum in other places than two, and round it differently.
tf.config.threading.set_intra_op_parallelism_threads(2)
tf.config.threading.set_inter_op_parallelism_threads(2)

# These override the user's keras.json.
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")


def one_thread() -> None:
    """Let this process, which has computed nothing yet, compute on one thread."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def gpus() -> list[int]:
    """Return the numbers of the GPUs that TensorFlow would compute on."""
    return list(range(len(tf.config.get_visible_devices("GPU"))))


def memories() -> list[int]:
    """Return the free bytes of each GPU that TensorFlow finds. This opens them all."""
    from tensorflow.python.client import device_lib  # noqa: PLC0415  # there is no public name for it

    return [device.memory_limit for device in device_lib.list_local_devices() if device.device_type == "GPU"]


def compute_on(numbers: Sequence[int]) -> None:
    """Let this process, which has computed nothing yet, compute on these GPUs alone; without any, open none."""
    if found := tf.config.list_physical_devices("GPU"):
        tf.config.set_visible_devices([found[number] for number in numbers], "GPU")


def deterministic(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and forbid operations whose result depends on timing."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # It would turn x / sqrt(y) into x * rsqrt(y), whose last bits differ between Intel and AMD.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
