"""HTTP connections that end: uvicorn waits for a client as long as it takes, and for as many as come."""

import asyncio
import json
import logging
import math
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 500  # a process often may have 1,024 files open
MOST_HEADER = 32 << 10  # bytes
MARGIN = 5.0  # seconds beyond the deadline of a request, in which the application says itself that it is over


def server(application: ASGIApp, timeout: float) -> uvicorn.Server:
    """Return a server of an application, in which a request takes at most so many seconds."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what it warns of are the faults of clients
    return uvicorn.Server(
        uvicorn.Config(
            application, http=Connection, ws="none", lifespan="on", loop="asyncio", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, h11_max_incomplete_event_size=MOST_HEADER,
            timeout_graceful_shutdown=math.ceil(timeout + MARGIN),
        )
    )  # fmt: skip


def canned(status: str, error: str) -> bytes:
    """Return a whole answer of HTTP that closes the connection."""
    body = json.dumps({"error": error})
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n{body}".encode()


class Connection(H11Protocol):
    """A connection that is closed unless it asks something, and takes the answer, in time."""

    _over: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take the connection, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse("503 Service Unavailable", f"more than {MOST_CONNECTIONS} connections: try again later")
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        super().connection_lost(exc)
        if self._over:
            self._over.cancel()

    def on_response_complete(self) -> None:
        """Begin a new deadline, for the client to take the answer, and to ask again."""
        self._begin()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's is plain text
        """Answer what is no HTTP, or has too long a header."""
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self._refuse(
                "400 Bad Request",
                f"expected HTTP/1.1 with a header of at most {MOST_HEADER} bytes, found something else",
            )
        else:  # the answer to an earlier request is under way
            self.transport.close()

    def _refuse(self, status: str, error: str) -> None:
        """Give an answer without a request, and close the connection."""
        if self.conn.our_state is not h11.ERROR:
            self.conn.send_failed()  # from now on nothing else is sent
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(canned(status, error))
        self.transport.close()

    def _begin(self) -> None:
        """Close the connection when the deadline for a request has passed."""
        if self._over:
            self._over.cancel()
        self._over = self.loop.call_later(self.config.timeout_graceful_shutdown or 0, self._end)

    def _end(self) -> None:
        """Say why, if no request has come, and close the connection; if the client takes nothing, at once."""
        if self.transport.is_closing() or self.cycle is not None:
            self.transport.abort()
            return
        self._refuse("408 Request Timeout", "expected a whole request in time, found none")
        self._begin()
