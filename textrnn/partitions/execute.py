"""Apply a function to each part of a corpus, in processes on this machine or on a Dask cluster.

The environment variable TEXTRNN_SCHEDULER names the cluster. It is not a parameter: the results are the same bytes
wherever the work is done.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from textrnn.core import process_pool
from textrnn.core.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

SCHEDULER = "TEXTRNN_SCHEDULER"


def map_ordered(function: Callable[[T], R], items: Iterable[T], long: bool = False) -> Iterator[R]:
    """Yield `function(item)` for each item, in order. If the work on one item is `long`, this process does none of it.

    The function, the items and the results must be picklable. Raises what the function raises, and UserError when a
    worker or the cluster fails, or the package distributed is missing.
    """
    address = os.environ.get(SCHEDULER)
    if not address:
        return process_pool.mapped(function, items) if long else process_pool.ordered(function, items)
    try:
        from textrnn.partitions import dask_cluster  # noqa: PLC0415  # optional, and slow to load
    except ImportError:
        raise UserError(
            f"expected the package distributed, since {SCHEDULER} is set, found none: pip install distributed, or "
            f"unset {SCHEDULER}"
        ) from None
    return dask_cluster.ordered(function, items, address)
