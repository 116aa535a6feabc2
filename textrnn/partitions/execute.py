"""The same work on each part of a corpus: by processes of this machine, or by the workers of a Dask cluster.

The environment variable TEXTRNN_SCHEDULER names the cluster. It is no parameter: where the work is done changes nothing
of what comes out.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from textrnn.core import process_pool
from textrnn.partitions import dask_cluster

T = TypeVar("T")
R = TypeVar("R")


def ordered(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield `function(item)` for each item, in their order, wherever that is done.

    The function and all that goes in and out must be picklable. Raises UserError when workers or the cluster fail.
    """
    if elsewhere():
        return dask_cluster.ordered(function, items, os.environ[dask_cluster.SCHEDULER])
    return process_pool.ordered(function, items)


def elsewhere() -> bool:
    """Return whether a cluster does the work, which is then worth what sending it takes."""
    return bool(os.environ.get(dask_cluster.SCHEDULER))
