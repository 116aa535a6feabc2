"""The same work on each of many items, by the workers of a Dask cluster.

An item goes out as bytes, and so does its result come back, of which Dask knows nothing: the scheduler needs none of
this code. It keeps what it was sent until the result is here, and has another worker do it when one dies.
"""

import asyncio
import logging
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from textrnn.core.errors import UserError, one_line
from textrnn.partitions import dask_tasks

T = TypeVar("T")
R = TypeVar("R")

SCHEDULER = "TEXTRNN_SCHEDULER"
REACH = 10  # seconds within which the scheduler must answer
LONELY = 60  # seconds without a result and without any worker, after which none is expected to come
AHEAD = 4  # items for each thread of the cluster that may be under way: results whose turn has not come wait there


def ordered(function: Callable[[T], R], items: Iterable[T], address: str) -> Iterator[R]:
    """Yield `function(item)` for each item, in their order. AHEAD items are under way for each thread of the cluster.

    Raises UserError when the cluster fails.
    """
    with connected(address) as client:
        submitted: deque[Any] = deque()
        for item in items:
            while submitted and len(submitted) >= AHEAD * threads(client, address):
                yield answer(client, submitted.popleft(), address)
            submitted.append(submit(client, function, item, address))
        while submitted:
            yield answer(client, submitted.popleft(), address)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Give a client of the scheduler. Raises UserError when there is none, or the package is missing."""
    try:
        import dask  # noqa: PLC0415  # only where it is asked for, and then alone need it be there
        import distributed  # noqa: PLC0415
    except ImportError:
        raise UserError(
            f"expected the package distributed, since {SCHEDULER} is set, found none: pip install distributed, or "
            f"unset {SCHEDULER}"
        ) from None
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(
            logging.CRITICAL
        )  # what they would log is mended, or raised and told in a line
    try:
        asyncio.run(reached(address))
        client = distributed.Client(address, timeout=REACH, set_as_default=False, direct_to_workers=True)
    except Exception as error:  # noqa: BLE001  # another kind for each kind of address, and for what else answers there
        raise UserError(
            f"expected a Dask scheduler at {address}, as {SCHEDULER} says, found none within {REACH} seconds "
            f"({one_line(error)}): start one with `dask scheduler`, or unset {SCHEDULER}"
        ) from None
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
        try:
            yield client
        finally:
            client.close(timeout=2)


async def reached(address: str) -> None:
    """Open a connection and close it: a client which has found nobody would go on trying when it is to end."""
    import distributed  # noqa: PLC0415

    secured = distributed.Security().get_connection_args("client")
    await (await distributed.comm.connect(address, timeout=REACH, **secured)).close()


def submit(client: Any, function: Callable[[T], R], item: T, address: str) -> Any:
    """Return the future of an item's result."""
    name = getattr(function.func if isinstance(function, partial) else function, "__name__", "work")
    call = dask_tasks.pickled(function, item)
    with _lost(address):
        return client.submit(pickle.loads, call, key=f"{name}-{uuid4().hex}", pure=False)


def answer(client: Any, future: Any, address: str) -> Any:
    """Return a result, once it is there. Raises what the function raised, or UserError."""
    while True:
        try:
            with _lost(address):
                found = future.result(timeout=LONELY)
        except TimeoutError:
            if threads(client, address):
                continue
            raise UserError(
                f"expected workers of the Dask scheduler at {address}, found none for {LONELY} seconds: start some "
                f"with `dask worker {address}`"
            ) from None
        return dask_tasks.result(found)


def threads(client: Any, address: str) -> int:
    """Return how many items the cluster can be at work on at the same time."""
    with _lost(address):
        return sum(client.nthreads().values())


@contextmanager
def _lost(address: str) -> Iterator[None]:
    """Raise UserError when the block fails for what has become of the cluster."""
    import distributed  # noqa: PLC0415
    from distributed.scheduler import KilledWorker  # noqa: PLC0415

    try:
        yield
    except KilledWorker as error:
        raise UserError(
            f"expected the Dask workers to live until all is done, found {error.allowed_failures + 1} of them ended at "
            "the same work (killed, for want of memory perhaps): give them more memory"
        ) from None
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"expected the Dask workers to find this checkout's code and packages, found {one_line(error)}: start "
            "them with PYTHONPATH set to a checkout of the same commit"
        ) from None
    except TimeoutError:
        raise
    except (distributed.CancelledError, OSError) as error:
        raise UserError(
            f"expected the Dask scheduler at {address} to live until all is done, found it gone ({one_line(error)}): "
            "start it again, and then this"
        ) from None
