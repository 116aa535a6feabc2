"""An exchange over HTTP that ends in time, whatever the server sends or does not send.

A socket's timeout starts anew with each byte, and that of requests is no other. Here another thread does the exchange,
and this one ends its connections when it has brought too little or taken too long.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

STALL = 20.0  # seconds in which LEAST_BYTES must come, and after the time to connect the first of them
LEAST_BYTES = 10_000
LOOK = 0.05  # seconds between two looks at what has come
THREAD = "exchange over HTTP"


class Exchange:
    """What has come so far, for the thread that watches, and the connections, for it to end."""

    def __init__(self) -> None:
        self.received = 0  # bytes of the content
        self.over = Event()
        self.connections: list[socket.socket] = []  # copies: TLS takes a socket away from whoever opened it

    def opened(self, connection: socket.socket) -> socket.socket:
        """Keep a copy of a new connection, and return the connection. One that opens too late is ended at once."""
        self.connections.append(connection.dup())
        if self.over.is_set():
            self.end()
        return connection

    def end(self) -> None:
        """End all connections: whoever waits for one goes on, with an error."""
        self.over.set()
        for connection in self.connections:
            with suppress(OSError):  # the server was faster
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.connections.clear()


def pace(begin: float, end: float, connect_timeout: float) -> Callable[[float, int], str]:
    """Return a function of the time and the bytes received so far, which says why to give up, or nothing."""
    since, before, allowed = begin, 0, connect_timeout + STALL

    def too_slow(now: float, received: int) -> str:
        nonlocal since, before, allowed
        if now > end:
            return f"the time is up, and {received:,} bytes have come"
        if received >= before + LEAST_BYTES:
            since, before, allowed = now, received, STALL
        return "" if now <= since + allowed else f"fewer than {LEAST_BYTES:,} bytes came in {allowed:g} seconds"

    return too_slow


def watched(work: Callable[["requests.Session", Exchange], T], connect_timeout: float, end: float) -> T:
    """Return what `work` returns, which sets `received` to what has come.

    Raises TimeoutError when the clock, `monotonic`, is past `end`, or when too little comes, and what `work` raises.
    """
    exchange, done = Exchange(), Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with _session(exchange) as session:
                results.append(work(session, exchange))
        except BaseException as error:  # noqa: BLE001  # it is raised below
            errors.append(error)
        finally:
            done.set()

    too_slow = pace(monotonic(), end, connect_timeout)
    Thread(target=run, name=THREAD, daemon=True).start()  # a daemon: nothing ends the search for a host's address
    try:
        while not done.wait(LOOK):
            if why := too_slow(monotonic(), exchange.received):
                raise TimeoutError(why)
    finally:
        exchange.end()
    if errors:
        raise errors[0]
    return results[0]


def _session(exchange: Exchange) -> "requests.Session":
    """Return a session of requests that tells the exchange of every connection, those to proxies too."""
    import requests  # noqa: PLC0415  # only now: it takes long to load, and the corpus may be in the cache
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options)
            _tell(self.poolmanager, exchange)

        def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
            manager = super().proxy_manager_for(*arguments, **options)
            _tell(manager, exchange)
            return manager

    session = requests.Session()
    session.mount("https://", Adapter())
    session.mount("http://", Adapter())
    return session


def _tell(manager: Any, exchange: Exchange) -> None:
    """Let the pools of a manager of urllib3 tell the exchange of their connections."""

    def telling(pool: Any) -> Any:
        def _new_conn(connection: Any) -> socket.socket:
            return exchange.opened(pool.ConnectionCls._new_conn(connection))

        of_pool = type("Connection", (pool.ConnectionCls,), {"_new_conn": _new_conn})
        return type("Pool", (pool,), {"ConnectionCls": of_pool})

    manager.pool_classes_by_scheme = {name: telling(pool) for name, pool in manager.pool_classes_by_scheme.items()}
