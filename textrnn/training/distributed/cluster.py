"""The cluster in TF_CONFIG: which of its workers this process is, and how they wait for each other.

They wait before they load TensorFlow, which would wait an hour, deaf to Ctrl-C. While a worker waits, it says its
number, the digest of its training, and whether it has heard all others, to whoever connects to its port, and reads
nothing. It goes on once all have: so nobody need guess who a stranger at a worker's address is. The port is the one
that TensorFlow will use. collective.py joins the cluster.
"""

import hashlib
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from textrnn.core.errors import UserError

VARIABLE = "TF_CONFIG"
ARRIVAL_TIMEOUT = 600.0  # seconds in which all must have come
NOTICE_TIMEOUT = 5.0  # seconds, after which the missing workers are named
CONNECT_TIMEOUT = 1.0  # seconds
RETRY_INTERVAL = 0.2  # seconds between two tries to reach the others
FAREWELL = 5.0  # seconds in which a worker that will stop still says why to the others
LINE = re.compile(rb"textrnn worker (\d{1,9}) ([0-9a-f]{64}) (waits|ready)\n")


def _reachable(address: str) -> str:
    """Return the address. Raises ValueError when there is no such name or port."""
    host, port = host_and_port(address)
    with suppress(UnicodeError):
        host.encode("idna")  # as the resolver does
        if host and 0 < port < 1 << 16:
            return address
    raise ValueError("there is no such host or port")


Address = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$"), AfterValidator(_reachable)]


class Cluster(NamedTuple):
    """The addresses of the workers that train together, and the number of this one."""

    workers: tuple[str, ...] = ()
    number: int = 0

    @property
    def several(self) -> bool:
        """Whether there are other workers."""
        return len(self.workers) > 1

    @property
    def chief(self) -> bool:
        """Whether this worker is the one that writes."""
        return self.number == 0

    def listed(self, numbers: Iterable[int]) -> str:
        """Return these workers in words."""
        return ", ".join(f"worker {number} ({self.workers[number]})" for number in sorted(numbers))


ALONE = Cluster()


class _Task(BaseModel):
    type: Literal["chief", "worker"]
    index: int = Field(ge=0)


class _Addresses(BaseModel, extra="forbid"):
    chief: list[Address] = Field([], max_length=1)  # as some launchers call the first worker
    worker: list[Address] = []


class _Config(BaseModel):
    cluster: _Addresses
    task: _Task


def from_environment(environment: Mapping[str, str]) -> Cluster:
    """Return the cluster in TF_CONFIG, with this worker's number, or ALONE. Raises UserError if it is invalid."""
    text = environment.get(VARIABLE, "")
    if not text.strip():
        return ALONE
    try:
        addresses, task = (config := _Config.model_validate_json(text)).cluster, config.task
    except ValidationError as error:
        wrong = error.errors()[0]
        raise _invalid(": ".join(filter(None, (".".join(map(str, wrong["loc"])), wrong["msg"])))) from None
    workers = (*addresses.chief, *addresses.worker)
    if twice := sorted({one for one in workers if workers.count(one) > 1}):
        raise _invalid(f"{twice[0]} twice")
    count = len(getattr(addresses, task.type))
    if task.index >= count:
        raise _invalid(f"{task.type} {task.index} of {count} (they are counted from 0)")
    return Cluster(workers, task.index + (len(addresses.chief) if task.type == "worker" else 0))


def _invalid(found: str) -> UserError:
    return UserError(
        f"expected {VARIABLE} to hold the address of each worker and which one this is, found {found}: set it as "
        "docs/cluster.md shows, or unset it to train alone"
    )


def wait_for_all(cluster: Cluster, fingerprint: str) -> None:
    """Return once all workers are there. Raises UserError when one is missing, or has another fingerprint."""
    own = hashlib.sha256(repr((fingerprint, cluster.workers)).encode()).hexdigest()
    begun, noticed, heard, others = time.monotonic(), False, dict[int, str](), set(range(len(cluster.workers)))
    others.remove(cluster.number)
    with _saying(cluster, own, lambda: others <= heard.keys()):
        while missing := others - heard.keys():
            heard |= {number: said[0] for number in missing if (said := said_by(cluster, number))}
            absent, waited = cluster.listed(missing - heard.keys()), time.monotonic() - begun
            if absent and waited > NOTICE_TIMEOUT and not noticed:
                print(f"waiting for {absent}", file=sys.stderr, flush=True)
                noticed = True
            if absent and waited > ARRIVAL_TIMEOUT:
                raise UserError(
                    f"expected all {len(cluster.workers)} workers to start within {ARRIVAL_TIMEOUT:g} seconds, found "
                    f"{absent} missing: start all of them, each with its own task in {VARIABLE}"
                )
            time.sleep(RETRY_INTERVAL)
        heard[cluster.number] = own
        if different := [number for number, digest in heard.items() if digest != heard[0]]:
            time.sleep(FAREWELL)
            raise UserError(
                "expected the parameters, data, code, packages and addresses of worker 0 on all workers, found others "
                f"on {cluster.listed(different)}: make the checkouts the same, and start all workers again"
            )
        # A worker that is gone has heard all, too, or will be missed by TensorFlow.
        while any(said_by(cluster, number) == (own, "waits") for number in others):
            time.sleep(RETRY_INTERVAL)


@contextmanager
def _saying(cluster: Cluster, digest: str, is_ready: Callable[[], bool]) -> Iterator[None]:
    """Say a line to whoever connects to this worker's port. Raises UserError if it is taken: TensorFlow shares it."""
    address = cluster.workers[cluster.number]
    host, port = host_and_port(address)
    try:
        server = socket.create_server(("", port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"expected the port of worker {cluster.number} ({address}) to be free here, found it is not ({error}): "
            "end what listens there, such as a worker of the same number, or choose another port for all workers"
        ) from None
    server.settimeout(RETRY_INTERVAL)
    ended = False

    def say() -> None:
        while not ended:
            with suppress(OSError), server.accept()[0] as connection:  # nobody comes, or the visitor has gone
                state = "ready" if is_ready() else "waits"
                connection.sendall(f"textrnn worker {cluster.number} {digest} {state}\n".encode())

    speaker = Thread(target=say, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        ended = True
        speaker.join()
        server.close()


def said_by(cluster: Cluster, number: int) -> tuple[str, str] | None:
    """Return the digest that this worker says, and `waits` or `ready`; None if it is not there, whoever else is."""
    said = b""
    with suppress(OSError), socket.create_connection(host_and_port(cluster.workers[number]), CONNECT_TIMEOUT) as other:
        said = other.recv(4096)
    line = LINE.fullmatch(said)
    return (line[2].decode(), line[3].decode()) if line and int(line[1]) == number else None


def host_and_port(address: str) -> tuple[str, int]:
    """Return host and port of an address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def answers(address: str) -> bool:
    """Return whether anybody listens at the address."""
    with suppress(OSError):
        socket.create_connection(host_and_port(address), CONNECT_TIMEOUT).close()
        return True
    return False
