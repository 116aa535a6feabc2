"""A batch on several replicas: each computes its own rows, and their sums are added once.

A replica is a worker's processor, or one of its GPUs. All are given the same batch and the same seeds: a replica's
number decides its rows, and dropout is drawn for the whole batch. With one replica, the default, no bit changes.
"""

from typing import Any

from textrnn.model.runtime import tf


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


def gathered(values: Any, batch: dict[str, Any]) -> Any:
    """Gather every replica's rows (rows, …) into one tensor, in batch order. `batch` is this replica's share."""
    if count() == 1:
        return values
    after = batch["whole"] - batch["first"] - tf.shape(values)[0]
    (rows,) = summed([tf.pad(values, [[batch["first"], after], [0, 0]])])
    return rows


def first_result(value: Any) -> Any:
    """Return the first replica's result of strategy.run, where all have the same."""
    return tf.distribute.get_strategy().experimental_local_results(value)[0]
