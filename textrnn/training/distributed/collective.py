"""The workers of a cluster as one: they join, share the chief's checkpoint, and notice the loss of a worker.

TensorFlow's MultiWorkerMirroredStrategy computes the steps (replicas.py), once all workers are there (cluster.py).
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from textrnn.core.errors import UserError
from textrnn.model import runtime
from textrnn.model.runtime import tf
from textrnn.training import checkpoint
from textrnn.training.checkpoint import Checkpoint
from textrnn.training.distributed.cluster import Cluster, answers

LOAD_TIMEOUT = 300_000  # milliseconds for all workers to load TensorFlow, by default an hour
HEARTBEAT_TIMEOUT = 10_000  # milliseconds without a sign of life, after which a worker is lost
LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


def join(cluster: Cluster, seed: int) -> None:
    """Join the cluster: from here on, this process, which must not have computed yet, computes with the others."""
    from tensorflow.python.eager import context  # noqa: PLC0415  # not before textrnn.model.runtime

    runtime.deterministic(seed)
    # As the strategy would do it, with other limits; there is no public name for it.
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=LOAD_TIMEOUT,
        heartbeat_timeout_in_ms=HEARTBEAT_TIMEOUT,
        coordinated_jobs=[
            context.coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=len(cluster.workers))
        ],
    )
    spec = tf.train.ClusterSpec({"worker": list(cluster.workers)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        spec, "", "worker", cluster.number, rpc_layer="grpc"
    )
    stops = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no exception would be raised before all are there
    try:
        with together(cluster):
            strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    finally:
        # TensorFlow would let SIGTERM, with which SLURM and Kubernetes stop a worker, pass by.
        for one, handler in stops.items():
            signal.signal(one, handler)
    tf.distribute.experimental_set_strategy(strategy)


def use_all_gpus() -> None:
    """Compute on all GPUs of this machine, if it has several."""
    if runtime.gpus() > 1:
        tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy())


def shared(cluster: Cluster, saved: Checkpoint | None) -> Checkpoint | None:
    """Send the chief's checkpoint to all workers and return it: they need not share a disk."""
    with together(cluster):
        content = checkpoint.packed(saved) if cluster.chief and saved else b""
        size = int(summed(np.array([len(content)], np.int32))[0])
        if not size:
            return None
        padded = np.zeros(-(-size // 4), np.int32)
        padded.view(np.uint8)[: len(content)] = np.frombuffer(content, np.uint8)
        return checkpoint.unpacked(summed(padded).tobytes()[:size])


def summed(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the sum of the workers' arrays. Where all others are zeros, it is the one worker's array."""
    strategy, whole = tf.distribute.get_strategy(), tf.constant(values, tf.int32)
    total: NDArray[np.int32] = strategy.reduce(tf.distribute.ReduceOp.SUM, whole, axis=None).numpy()
    return total


@contextmanager
def together(cluster: Cluster) -> Iterator[None]:
    """Raise UserError when a worker is lost in the block, which computes with all of them."""
    try:
        yield
    except LOST as error:
        if not cluster.several:
            raise
        silent = [number for number, address in enumerate(cluster.workers) if not answers(address)]
        raise UserError(
            f"lost {cluster.listed(silent) or 'a worker'} ({type(error).__name__}): start all workers again, and they "
            "resume from the chief's checkpoint"
        ) from None
