"""How the workers of a cluster meet before they load TensorFlow, which would wait an hour, deaf to Ctrl-C.

Each tells the first, the chief, who it is and what it means to train; when all are there and mean the same, the chief
lets them go on. The port is the one that TensorFlow will use.
"""

import hashlib
import socket
import sys
import time
from contextlib import ExitStack, suppress

from textrnn.core.errors import UserError
from textrnn.training.distributed.cluster import Cluster

WAIT = 600.0  # seconds in which all must have come
SILENCE = 5.0  # seconds, after which it is told who is missing
LOOK = 1.0  # seconds for a connection, and between two looks at the clock
GO = "go"
LONGEST = 4096  # bytes of what they say


def meet(cluster: Cluster, mark: str) -> None:
    """Return once all workers are there. Raises UserError when one is missing, or has another fingerprint `mark`."""
    said = hashlib.sha256(repr((mark, cluster.workers)).encode()).hexdigest()
    (_receive if cluster.chief else _report)(cluster, said)


def _receive(cluster: Cluster, said: str) -> None:
    """Wait for the others, and tell all of them to go on, or why not."""
    begun, told = time.monotonic(), False
    came: dict[int, tuple[socket.socket, str]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(_listening(cluster))
        while missing := [number for number in range(1, len(cluster.workers)) if number not in came]:
            waited = time.monotonic() - begun
            if waited > WAIT:
                _end(came, absent(cluster, missing))
            if waited > SILENCE and not told:
                print(f"waiting for {listed(cluster, missing)}", file=sys.stderr, flush=True)
                told = True
            try:
                guest = stack.enter_context(server.accept()[0])
                guest.settimeout(LOOK)
                number, words = _line(guest).split()
                found = int(number)
            except (OSError, ValueError):  # nobody has come, or one who is no worker
                continue
            if found in came:  # started again, or two have one number
                _answer(came[found][0], f"expected one worker {found}, found another one that has come later: end it")
            came[found] = guest, words
        if others := [number for number, (_, words) in sorted(came.items()) if words != said]:
            _end(
                came,
                "expected the parameters, data, code, packages and addresses of worker 0 on all workers, found others "
                f"on {listed(cluster, others)}: make the checkouts the same, and start all workers again",
            )
        for guest, _ in came.values():
            _answer(guest, GO)


def _report(cluster: Cluster, said: str) -> None:
    """Tell the chief that this worker is there, as soon as the chief is, and wait for the answer."""
    _listening(cluster).close()
    begun, told = time.monotonic(), False
    while (waited := time.monotonic() - begun) < WAIT:
        try:
            with socket.create_connection(place(cluster.workers[0]), LOOK) as chief:
                chief.sendall(f"{cluster.number} {said}\n".encode())
                chief.settimeout(WAIT + 2 * LOOK)  # it is the chief who waits, and says for whom
                answer = _line(chief)
        except OSError:
            answer = ""
        if answer == GO:
            return
        if answer:
            raise UserError(answer)
        if waited > SILENCE and not told:
            print(f"waiting for {listed(cluster, [0])}", file=sys.stderr, flush=True)
            told = True
        time.sleep(LOOK / 5)
    raise UserError(absent(cluster, [0]))


def _listening(cluster: Cluster) -> socket.socket:
    """Return a socket at this worker's port. Raises UserError when it is taken: TensorFlow would share it."""
    address = cluster.workers[cluster.number]
    host, port = place(address)
    one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("", port))
        one.listen(len(cluster.workers))
        one.settimeout(LOOK)
    except (OSError, OverflowError) as error:
        one.close()
        raise UserError(
            f"expected the port of worker {cluster.number} ({address}) to be free here, found it is not ({error}): "
            "end what listens there, such as a worker of the same number, or choose another port for all workers"
        ) from None
    return one


def _line(one: socket.socket) -> str:
    with one.makefile("rb") as file:
        return file.readline(LONGEST).decode("utf-8", "replace").strip()


def _answer(guest: socket.socket, text: str) -> None:
    with suppress(OSError):  # it is gone, and will be missed soon
        guest.sendall(f"{text}\n".encode())


def _end(came: dict[int, tuple[socket.socket, str]], text: str) -> None:
    """Tell all why it ends, and end."""
    for guest, _ in came.values():
        _answer(guest, text)
    raise UserError(text)


def absent(cluster: Cluster, missing: list[int]) -> str:
    """Return what is said when workers have not come."""
    return (
        f"expected all {len(cluster.workers)} workers to start within {WAIT:g} seconds, found "
        f"{listed(cluster, missing)} missing: start all of them, each with its own task in TF_CONFIG"
    )


def place(address: str) -> tuple[str, int]:
    """Return host and port of an address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def answers(address: str) -> bool:
    """Return whether anybody listens at the address."""
    try:
        socket.create_connection(place(address), LOOK).close()
    except OSError:
        return False
    return True


def listed(cluster: Cluster, numbers: list[int]) -> str:
    """Return these workers in words."""
    return ", ".join(f"worker {number} ({cluster.workers[number]})" for number in numbers)
