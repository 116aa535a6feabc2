"""A server, `textrnn serve`, in a process of its own, and plain requests to it over sockets."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from textrnn.core import paths

Address = tuple[str, int]
TIMEOUT = 300.0  # seconds without a byte, after which a client gives up: the server has its own, shorter ones


class Server(NamedTuple):
    """A server that runs."""

    process: subprocess.Popen[str]
    address: Address


class Response(NamedTuple):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


@contextmanager
def served(model: Path, *options: str, **environment: str) -> Iterator[Server]:
    """Run a server of a model on a free port, and end it when the block ends."""
    command = [sys.executable, "-m", "textrnn", "serve", "--port", "0", *options, str(model)]
    variables = {name: value for name, value in os.environ.items() if name != "TEXTRNN_TOKEN"}
    with subprocess.Popen(
        command, cwd=paths.ROOT, env=variables | environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, encoding="utf-8",
    ) as process:  # fmt: skip
        try:
            yield Server(process, address_of(process))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def address_of(process: subprocess.Popen[str]) -> Address:
    """Return where a server that starts can be reached."""
    assert process.stderr
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"answers at http://\[?(.+?)\]?:(\d+)/", line):
            return found[1], int(found[2])
    raise RuntimeError(f"the server has not started: {said}")


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a request as it is sent. Names of headers have _ for -."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def asking(texts: list[str], **headers: str) -> bytes:
    """Return a request for the answers to texts."""
    return request("POST", "/predict", json.dumps({"texts": texts}).encode(), **headers)


def ask(address: Address, sent: bytes) -> Response:
    """Return the response to a request on a connection of its own."""
    with socket.create_connection(address, TIMEOUT) as connection, connection.makefile("rb") as answers:
        connection.sendall(sent)
        return response(answers)


def response(answers: BinaryIO) -> Response:
    """Read one response. Raises EOFError if there is none."""
    line = answers.readline()
    if not line:
        raise EOFError
    headers = {}
    while (header := answers.readline().strip()) != b"":
        name, _, value = header.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return Response(int(line.split()[1]), headers, answers.read(int(headers.get("content-length", "0"))))
