"""A real HTTP server on 127.0.0.1 that answers as a test tells it to: well, badly, or as a proxy."""

import os
import socket
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import NamedTuple

Answer = Callable[["Handler"], None]


class Request(NamedTuple):
    """What a client asked for."""

    method: str
    path: str  # as it stood in the request: a proxy is asked for a whole URL, or for host:port
    headers: dict[str, str]


class Server(ThreadingHTTPServer):
    """Answers each path with its list of answers, in turn; the last one is repeated."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[Request] = []
        self.closing = Event()

    @property
    def address(self) -> str:
        """The URL of the server, without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [request.path for request in self.requests]

    def serves(self, path: str, *answers: Answer) -> str:
        """Set the answers of `path`, and return its URL."""
        self.answers[path] = list(answers)
        return self.address + path

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: in some tests the client hangs up in the midst of an answer."""


class Handler(BaseHTTPRequestHandler):
    """One connection, of one request."""

    server: Server

    def do_GET(self) -> None:
        """Record the request and give the next answer of its path."""
        self.close_connection = True
        self.server.requests.append(Request(self.command, self.path, dict(self.headers)))
        answers = self.server.answers.get(self.path) or [status(404)]
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    do_CONNECT = do_GET  # noqa: N815

    def begin(self, code: int, headers: Mapping[str, object], reason: str | None = None) -> None:
        """Send the status line and the headers, whose names have _ for -."""
        self.send_response(code, reason)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def running() -> Iterator[Server]:
    """Run a server in a thread."""
    with Server() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()


@contextmanager
def memory_below(most_bytes: int) -> Iterator[None]:
    """Assert that the block never allocates more than `most_bytes`, whatever it is sent."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def direct() -> dict[str, str]:
    """Return the environment variables with which clients reach 127.0.0.1 past any proxy."""
    hosts = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1"]
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, hosts)))


def closed_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def body(content: bytes, length: int | None = None, **headers: object) -> Answer:
    """Answer 200 with `content`; with another Content-Length than the true one if `length` is given."""
    return chunk_by_chunk([content], {"Content_Length": len(content) if length is None else length} | headers)


def page(text: str) -> Answer:
    """Answer 200 with an HTML page."""
    return body(f"\n<!DOCTYPE html>\n<html><body>{text}</body></html>".encode(), Content_Type="text/html")


def status(code: int, reason: str | None = None, **headers: object) -> Answer:
    """Answer `code` with an empty body."""
    return lambda handler: handler.begin(code, {"Content_Length": 0} | headers, reason)


def raw(content: bytes) -> Answer:
    """Send these bytes, which may be no HTTP at all."""
    return lambda handler: handler.wfile.write(content) and None


def endless(code: int = 200, **headers: object) -> Answer:
    """Send a body without end: 64 MiB, so that a client that reads it all ends nevertheless."""
    return chunk_by_chunk([bytes(1 << 16)] * 1024, headers, code)


def drip(seconds: float, **headers: object) -> Answer:
    """Send a byte every so many seconds until the server closes."""
    return chunk_by_chunk([b"x"] * 1_000_000, {"Content_Length": 1_000_000} | headers, pause=seconds)


def chunk_by_chunk(
    chunks: list[bytes], headers: Mapping[str, object], code: int = 200, pause: float | None = None
) -> Answer:
    """Answer `code` with the chunks, and pause for so many seconds after each."""

    def answer(handler: Handler) -> None:
        handler.begin(code, headers)
        for chunk in chunks:
            handler.wfile.write(chunk)
            if pause and handler.server.closing.wait(pause):
                return

    return answer


def reset_after(content: bytes, length: int) -> Answer:
    """Send `content` of a promised `length`, then break the connection off."""

    def answer(handler: Handler) -> None:
        body(content, length)(handler)
        handler.wfile.flush()
        time.sleep(0.05)  # a reset may overtake what was sent; the client notices a broken connection either way
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return answer


def silence(handler: Handler) -> None:
    """Take the request, and answer nothing until the server closes."""
    handler.server.closing.wait()
