"""Apply a function to each part of a corpus on a Dask cluster, whose scheduler needs none of this code."""

import asyncio
import logging
import operator
import pickle
import platform
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib import metadata
from typing import Any, TypeVar

import dask
import distributed
from distributed.scheduler import KilledWorker
from toolz import compose

from textrnn.artifacts import provenance
from textrnn.core.errors import UserError, one_line

T = TypeVar("T")
R = TypeVar("R")

CONNECT_TIMEOUT = 10  # seconds within which the scheduler must answer
WORKERS_TIMEOUT = 60  # seconds without a result and without any worker, after which we give up
AHEAD = 4  # items in flight for each thread of the cluster; a result that is early waits on its worker
PACKAGES = ("numpy", "regex")  # their versions may change what the data stages write


def ordered(function: Callable[[T], R], items: Iterable[T], address: str) -> Iterator[R]:
    """Yield `function(item)` for each item, in order, with AHEAD items in flight for each thread of the cluster.

    Calls travel as bytes. Dask keeps each call until its result has arrived, and gives it to another worker if one
    dies.
    """
    with connected(address) as client:
        submitted: deque[Any] = deque()
        for item in items:
            call = pickle.dumps(partial(checked, code(), function, item))
            with cluster_errors(address):
                submitted.append(client.submit(compose(operator.call, pickle.loads), call, pure=False))
            while submitted and len(submitted) >= AHEAD * threads(client, address):
                yield result(client, submitted.popleft(), address)
        while submitted:
            yield result(client, submitted.popleft(), address)


def checked(expected_code: str, function: Callable[[T], R], item: T) -> R | Exception:
    """Call the function on a worker. Return its exception, since Dask raises some kinds for reasons of its own.

    Raises UserError if the worker has other code.
    """
    if code() != expected_code:
        raise UserError(
            f"expected {platform.node()} to run the code of this checkout, Python {platform.python_version()} and the "
            "packages of requirements.txt, found another version of these: restart its Dask workers from a checkout "
            "of the same commit"
        )
    try:
        return function(item)
    except Exception as error:  # noqa: BLE001  # `result` raises it again, in the stage's process
        error.add_note(f"on {platform.node()}:\n{traceback.format_exc()}")
        return error


@cache
def code() -> str:
    """Return a hash of this process's code, and the versions of what its results depend on."""
    versions = [platform.python_version(), *(f"{name} {metadata.version(name)}" for name in PACKAGES)]
    return " ".join([provenance.code(("stages", "textrnn")), *versions])


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield a client of the scheduler. Raises UserError if nothing answers."""
    logging.disable()  # Dask recovers by itself, or we raise one line
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"})

    async def reach() -> None:
        """Open a connection and close it: a client that reaches nobody would keep trying while the process exits."""
        security = distributed.Security().get_connection_args("client")
        async with asyncio.timeout(CONNECT_TIMEOUT):  # that of `connect` ends before the first words are exchanged
            await (await distributed.comm.connect(address, timeout=CONNECT_TIMEOUT, **security)).close()

    try:
        asyncio.run(reach())
        client = distributed.Client(address, timeout=CONNECT_TIMEOUT, set_as_default=False, direct_to_workers=True)
    except Exception as error:  # noqa: BLE001  # the kind differs with the address, and with what answers there
        raise UserError(
            f"expected a Dask scheduler at {address}, as TEXTRNN_SCHEDULER says, found none within {CONNECT_TIMEOUT} "
            f"seconds ({one_line(error)}): start one with `dask scheduler`, or unset TEXTRNN_SCHEDULER"
        ) from None
    try:
        yield client
    finally:
        client.close(timeout=2)


def result(client: Any, future: Any, address: str) -> Any:
    """Wait for what the function returned or raised. Raises UserError when there is no worker for WORKERS_TIMEOUT."""
    while True:
        try:
            with cluster_errors(address):
                found = future.result(timeout=WORKERS_TIMEOUT)
            break
        except TimeoutError:
            if not threads(client, address):
                raise UserError(
                    f"expected workers of the Dask scheduler at {address}, found none for {WORKERS_TIMEOUT} seconds: "
                    f"start some with `dask worker {address}`"
                ) from None
    if isinstance(found, Exception):
        raise found
    return found


def threads(client: Any, address: str) -> int:
    """Return how many items the cluster can work on at the same time."""
    with cluster_errors(address):
        return sum(client.nthreads().values())


@contextmanager
def cluster_errors(address: str) -> Iterator[None]:
    """Turn the exceptions of Dask in the block into UserError."""
    try:
        yield
    except KilledWorker as error:
        raise UserError(
            f"{error.allowed_failures + 1} Dask workers died at the same work, killed for lack of memory perhaps: give "
            "them more memory"
        ) from None
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"expected the Dask workers to find this checkout's code and packages, found {one_line(error)}: start "
            "them with PYTHONPATH set to a checkout of the same commit"
        ) from None
    except TimeoutError:  # an OSError too, but for `result` to judge
        raise
    except (distributed.CancelledError, OSError) as error:
        raise UserError(
            f"lost the Dask scheduler at {address} ({one_line(error)}): start it again, then run `dvc repro` again"
        ) from None
