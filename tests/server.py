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

Answer = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Answers each path with its list of answers, in turn; the last one is repeated."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []  # paths and headers; a proxy is asked for a whole URL
        self.closing = Event()

    @property
    def address(self) -> str:
        """The URL of the server, without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [path for path, _ in self.requests]

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
        self.server.requests.append((self.path, dict(self.headers)))
        answers = self.server.answers.get(self.path) or [status(404)]
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    do_CONNECT = do_GET  # noqa: N815

    def do_HEAD(self) -> None:
        """Give the last answer of the path."""
        self.close_connection = True
        (self.server.answers.get(self.path) or [status(404)])[-1](self)

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


def body(content: bytes, length: int | None = None, reset: bool = False, **headers: object) -> Answer:
    """Answer 200 with `content`. Content-Length may be false, and the connection reset at the end."""

    def answer(handler: Handler) -> None:
        handler.begin(200, {"Content_Length": len(content) if length is None else length} | headers)
        handler.wfile.write(content)
        if reset:
            time.sleep(0.05)  # a reset at once may overtake the content, which few servers manage
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

    return answer


def page(text: str) -> Answer:
    """Answer 200 with an HTML page."""
    return body(f"\n<!DOCTYPE html>\n<html><body>{text}</body></html>".encode(), Content_Type="text/html")


def late(answer: Answer, pause: float) -> Answer:
    """Give an answer after a pause."""

    def pausing(handler: Handler) -> None:
        handler.server.closing.wait(pause)
        answer(handler)

    return pausing


def status(code: int, reason: str | None = None, **headers: object) -> Answer:
    """Answer `code` with an empty body."""
    return lambda handler: handler.begin(code, {"Content_Length": 0} | headers, reason)


def raw(content: bytes, hang: bool = False) -> Answer:
    """Send these bytes, which may be no HTTP at all, and then hang up, or not until the server closes."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(content)
        if hang:
            handler.server.closing.wait()

    return answer


def endless(begin: bytes, part: bytes, pause: float = 0.01) -> Answer:
    """Send these bytes, which may be no HTTP at all, and the part again and again, until the server closes."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(begin)
        while not handler.server.closing.wait(pause):
            handler.wfile.write(part)

    return answer


def repeated(part: bytes, code: int = 200, pause: float = 0.0, **headers: object) -> Answer:
    """Answer `code` with the part again and again, with pauses, until the server closes or 64 MiB are sent."""

    def answer(handler: Handler) -> None:
        handler.begin(code, headers)
        for _ in range(0, 1 << 26, len(part)):
            handler.wfile.write(part)
            if handler.server.closing.wait(pause):
                return

    return answer
