"""A batch on several replicas: each computes its rows of it, and what they find is summed once.

A replica is a worker's processor, or one of its GPUs. All are given the same batch, and the same seeds: which rows
are a replica's follows from its number, and the dropout is drawn for the whole batch. With one replica, as
everywhere else by default, nothing of this changes a bit.
"""

from typing import Any

from textrnn.model.runtime import tf


def count() -> int:
    """Return how many replicas there are under the current strategy."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def part(batch: dict[str, Any]) -> dict[str, Any]:
    """Return this replica's rows, some following each other and perhaps none, with their place in the batch.

    Subwords are those of its own tokens alone.
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

    All together in one tensor, whose sums are taken in the order of the replicas: more than one reduction under way
    might end in either order.
    """
    if count() == 1:
        return values
    flat = tf.concat([tf.reshape(value, [-1]) for value in values], 0)
    flat = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, flat)
    parts = tf.split(flat, [tf.size(value) for value in values], num=len(values))
    return [tf.reshape(one, tf.shape(value)) for one, value in zip(parts, values, strict=True)]


def joined(values: Any, of: dict[str, Any]) -> Any:
    """Return the rows (rows, …) of all replicas, each of which has those of its part `of` a batch."""
    if count() == 1:
        return values
    after = of["whole"] - of["first"] - tf.shape(values)[0]
    (rows,) = summed([tf.pad(values, [[of["first"], after], [0, 0]])])
    return rows


def one_of(value: Any) -> Any:
    """Return what strategy.run found, where all replicas have found the same."""
    return tf.distribute.get_strategy().experimental_local_results(value)[0]
