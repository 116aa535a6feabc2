"""The workers of a cluster wait for each other before they load TensorFlow, which would wait an hour, deaf to Ctrl-C.

Each worker tells the first one, the chief, its number and the fingerprint of its training. Once all have come with the
same fingerprint, the chief lets them go on. The port is the one that TensorFlow will use; whatever else connects to it
is ignored.
"""

import asyncio
import hashlib
import re
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

from textrnn.core.errors import UserError
from textrnn.training.distributed.cluster import Cluster

ARRIVAL_TIMEOUT = 600.0  # seconds in which all must have come
NOTICE_TIMEOUT = 5.0  # seconds, after which the missing workers are named
GREETING_TIMEOUT = 5.0  # seconds in which a connection must say who it is
CONNECT_TIMEOUT = 1.0  # seconds
RETRY_INTERVAL = 0.2  # seconds between two tries to reach the chief
GO = "go"
LONGEST = 4096  # bytes of a line
GREETING = re.compile(rb"(\d{1,9}) ([0-9a-f]{64})\n")


def wait_for_all(cluster: Cluster, fingerprint: str) -> None:
    """Return once all workers are there. Raises UserError when one is missing, or has another fingerprint."""
    digest = hashlib.sha256(repr((fingerprint, cluster.workers)).encode()).hexdigest()
    if cluster.chief:
        asyncio.run(_receive(cluster, digest))
    else:
        _report(cluster, digest)


async def _receive(cluster: Cluster, digest: str) -> None:
    """Wait for the others, and tell all of them to go on, or why not."""
    came: dict[int, tuple[str, asyncio.StreamWriter]] = {}
    missing = set(range(1, len(cluster.workers)))
    all_here = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = None
        with suppress(OSError, ValueError, TimeoutError):  # it says nothing, or a line without end
            greeting = GREETING.fullmatch(await asyncio.wait_for(reader.readline(), GREETING_TIMEOUT))
        if not greeting or not 0 < (number := int(greeting[1])) < len(cluster.workers):
            writer.close()
            return
        if number in came:
            _answer(came[number][1], f"another worker {number} has come later, so this one ends")
        came[number] = greeting[2].decode(), writer
        missing.discard(number)
        if not missing:
            all_here.set()

    async with await asyncio.start_server(greet, sock=_listening(cluster), limit=LONGEST):
        with suppress(TimeoutError):
            await asyncio.wait_for(all_here.wait(), NOTICE_TIMEOUT)
        if missing:
            print(f"waiting for {listed(cluster, missing)}", file=sys.stderr, flush=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(all_here.wait(), ARRIVAL_TIMEOUT - NOTICE_TIMEOUT)
        answer = GO
        if missing:
            answer = _absent(cluster, missing)
        elif others := {number for number, (said, _) in came.items() if said != digest}:
            answer = (
                "expected the parameters, data, code, packages and addresses of worker 0 on all workers, found others "
                f"on {listed(cluster, others)}: make the checkouts the same, and start all workers again"
            )
        for _, writer in came.values():
            _answer(writer, answer)
    if answer != GO:
        raise UserError(answer)


def _answer(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(f"{text}\n".encode())
    writer.close()


def _report(cluster: Cluster, digest: str) -> None:
    """Tell the chief that this worker is there, as soon as the chief is, and wait for the answer."""
    _listening(cluster).close()
    begun, noticed = time.monotonic(), False
    while (waited := time.monotonic() - begun) < ARRIVAL_TIMEOUT:
        answer = ""
        with suppress(OSError), socket.create_connection(host_and_port(cluster.workers[0]), CONNECT_TIMEOUT) as chief:
            chief.sendall(f"{cluster.number} {digest}\n".encode())
            chief.settimeout(ARRIVAL_TIMEOUT + GREETING_TIMEOUT)  # the chief waits, and says for whom
            with chief.makefile("rb") as file:
                answer = file.readline(LONGEST).decode("utf-8", "replace").strip()
        if answer == GO:
            return
        if answer:
            raise UserError(answer)
        if waited > NOTICE_TIMEOUT and not noticed:
            print(f"waiting for {listed(cluster, {0})}", file=sys.stderr, flush=True)
            noticed = True
        time.sleep(RETRY_INTERVAL)
    raise UserError(_absent(cluster, {0}))


def _listening(cluster: Cluster) -> socket.socket:
    """Return a socket at this worker's port. Raises UserError when it is taken: TensorFlow would share it."""
    address = cluster.workers[cluster.number]
    host, port = host_and_port(address)
    server = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("", port))
        server.listen(len(cluster.workers))
    except (OSError, OverflowError) as error:
        server.close()
        raise UserError(
            f"expected the port of worker {cluster.number} ({address}) to be free here, found it is not ({error}): "
            "end what listens there, such as a worker of the same number, or choose another port for all workers"
        ) from None
    return server


def _absent(cluster: Cluster, missing: set[int]) -> str:
    return (
        f"expected all {len(cluster.workers)} workers to start within {ARRIVAL_TIMEOUT:g} seconds, found "
        f"{listed(cluster, missing)} missing: start all of them, each with its own task in TF_CONFIG"
    )


def host_and_port(address: str) -> tuple[str, int]:
    """Return host and port of an address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def answers(address: str) -> bool:
    """Return whether anybody listens at the address."""
    try:
        socket.create_connection(host_and_port(address), CONNECT_TIMEOUT).close()
    except OSError:
        return False
    return True


def listed(cluster: Cluster, numbers: Iterable[int]) -> str:
    """Return these workers in words."""
    return ", ".join(f"worker {number} ({cluster.workers[number]})" for number in sorted(numbers))
