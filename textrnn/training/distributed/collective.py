"""Several replicas compute as one: this machine's GPUs, or the workers of a cluster, once all are there (cluster.py).

Workers join, share the chief's checkpoint, and notice the loss of a worker. All replicas are given the same batch and
the same seeds: a replica's number decides its rows, their sums are added once, and dropout is drawn for the whole
batch. With one replica, the default, no bit changes.
"""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from textrnn.core.errors import UserError
from textrnn.model import runtime
from textrnn.model.runtime import tf
from textrnn.training import checkpoint
from textrnn.training.checkpoint import Checkpoint
from textrnn.training.distributed.cluster import Cluster, answers

LOAD_TIMEOUT = 300.0  # seconds for all workers to load TensorFlow
# TensorFlow waits for them for ever, and lets no thread and no signal's handler of Python run.
WATCH = """import os, select, signal, sys
if not select.select([0], [], [], float(sys.argv[1]))[0]:
    print(sys.argv[2], file=sys.stderr, flush=True)
    os.kill(os.getppid(), signal.SIGKILL)"""
HEARTBEAT_TIMEOUT = 10_000  # milliseconds without a sign of life, after which a worker is lost
LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,  # another worker has begun anew, or a stranger has taken its place
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


def join(cluster: Cluster, seed: int) -> None:
    """Join the cluster: from here on, this process, which must not have computed yet, computes with the others."""
    from tensorflow.python.eager import context  # noqa: PLC0415  # not before textrnn.model.runtime

    runtime.deterministic(seed)
    job = context.coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=len(cluster.workers))
    # As the strategy would do it, with other limits; there is no public name for it.
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=HEARTBEAT_TIMEOUT,
        coordinated_jobs=[job],
    )
    spec = tf.train.ClusterSpec({"worker": list(cluster.workers)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        spec, "", "worker", cluster.number, rpc_layer="grpc"
    )
    stops = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    for one in stops:
        signal.signal(one, signal.SIG_DFL)
    try:
        with together(cluster), watched():
            strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    finally:
        # TensorFlow would let SIGTERM, with which SLURM and Kubernetes stop a worker, pass by.
        for one, handler in stops.items():
            signal.signal(one, handler)
    tf.distribute.experimental_set_strategy(strategy)


@contextmanager
def watched() -> Iterator[None]:
    """Kill this process, with one line, when the block has not ended after LOAD_TIMEOUT."""
    message = (
        f"error: expected all workers to load TensorFlow within {LOAD_TIMEOUT:g} seconds, found that they have not: "
        "start all workers again"
    )
    command = [sys.executable, "-I", "-S", "-c", WATCH, str(LOAD_TIMEOUT), message]
    with subprocess.Popen(command, stdin=subprocess.PIPE):  # which ends with its input, and so with this process
        yield


def shared(cluster: Cluster, saved: Checkpoint | None) -> Checkpoint | None:
    """Send the chief's checkpoint to all workers and return it: they need not share a disk."""
    with together(cluster):
        content = checkpoint.packed(saved) if cluster.chief and saved else b""
        words = np.frombuffer(content + bytes(-len(content) % 4), np.int32)  # bytes cannot be gathered
        gathered = tf.distribute.get_strategy().gather(tf.constant(words), axis=0).numpy()
    return checkpoint.unpacked(gathered.tobytes()) if len(gathered) else None


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


def count() -> int:
    """Return how many replicas there are under the current strategy."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def share(batch: dict[str, Any]) -> dict[str, Any]:
    """Return this replica's consecutive rows of the batch, perhaps none, the first row's number, and the batch's size.

    Only the subwords of its own tokens are kept.
    """
    if count() == 1:
        return batch
    whole, number = tf.size(batch["labels"]), tf.distribute.get_replica_context().replica_id_in_sync_group
    first, end = whole * number // count(), whole * (number + 1) // count()
    found = {name: array[first:end] for name, array in batch.items() if name != "subwords"}
    if "subwords" in batch:
        tokens, places = tf.unique(tf.reshape(found["places"], [-1]))
        found["subwords"] = tf.gather(batch["subwords"], tokens)
        found["places"] = tf.reshape(places, tf.shape(found["places"]))
    return found | {"whole": whole, "first": first}


def summed(values: list[Any]) -> list[Any]:
    """Return the sum of each of these float32 tensors over all replicas: the same bits on each.

    They are summed as one tensor, in the order of the replicas: two reductions at a time might end in either order.
    """
    if count() == 1:
        return values
    flat = tf.concat([tf.reshape(value, [-1]) for value in values], 0)
    flat = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, flat)
    parts = tf.split(flat, [tf.size(value) for value in values], num=len(values))
    return [tf.reshape(one, tf.shape(value)) for one, value in zip(parts, values, strict=True)]


def gathered(values: Any) -> Any:
    """Gather every replica's rows (rows, …) into one tensor, in batch order."""
    return values if count() == 1 else tf.distribute.get_replica_context().all_gather(values, axis=0)


def run(function: Callable[[Any], Any], given: Any) -> Any:
    """Apply `function` on all replicas, and return the first one's result, where all have the same."""
    strategy = tf.distribute.get_strategy()
    return strategy.experimental_local_results(strategy.run(function, args=(given,)))[0]
