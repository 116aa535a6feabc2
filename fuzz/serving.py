"""Hostile requests to `textrnn serve`, among valid ones: nothing is lost, nothing leaks, and every error is JSON.

Malformed JSON and HTTP, bodies and headers that are too long, deep nesting, wrong types, methods, paths and tokens,
halves of characters, clients that are slow, that leave, and that send without reading. A valid request after each says
whether the server still answers as the model does. Before and after, the server has as many threads and open files,
and as much memory but for GROWTH.

Run     python -m fuzz.serving [--requests 10000] [--seed 0] [DIR]   (default: model/)
"""

import argparse
import json
import random
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.served import TIMEOUT, Address, Response, Server, asking, request, response, served
from textrnn.core import paths
from textrnn.core.errors import UserError, run
from textrnn.inference import classifier

TOKEN = "invented-token"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BODY, TEXTS, SECONDS = 1 << 16, 50, 20  # the server's limits
OPTIONS = ("--max-body", str(BODY), "--max-texts", str(TEXTS), "--timeout", str(SECONDS))
CLIENTS = 8  # at a time
GROWTH = 32 << 20  # bytes of memory: the allocator keeps what it once had, and the model the tokens that it has read
WORDS = ("claim", "your", "prize", "now", "see", "8", "soup", "£500", "café", "垃圾", "\N{PILE OF POO}", "\0", "\x1b")

Answers = list[dict[str, str | float]]


class Attack(NamedTuple):
    """What is sent, and the status of each response that may come: none of them if the connection may just end."""

    sent: bytes
    statuses: tuple[int, ...]
    may_end: bool = False
    leaves: bool = False  # without reading
    pause: float = 0.0  # seconds before the last half is sent


def post(body: bytes, **headers: str) -> bytes:
    """Return a request with the token."""
    return request("POST", "/predict", body, **BEARER | headers)


def malformed(chance: random.Random) -> Attack:
    """Spoil the JSON of a valid request by a few bytes."""
    body = bytearray(json.dumps({"texts": [" ".join(chance.choices(WORDS, k=5))]}).encode())
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(body))
        body[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        body = body or bytearray(b"x")
    return Attack(post(bytes(body)), (200, 400, 422))


def mistyped(chance: random.Random) -> Attack:
    """Send JSON that is no list of texts."""
    values: tuple[Any, ...] = (
        None, 1, "text", [], {}, {"text": []}, {"texts": None}, {"texts": "text"}, {"texts": {}}, {"texts": [1]},
        {"texts": ["a", None]}, {"texts": [["a"]]}, {"texts": [], "more": 1}, {"texts": [float("nan")]}, float("inf"),
    )  # fmt: skip
    return Attack(post(json.dumps(chance.choice(values)).encode()), (422,))


def nested(chance: random.Random) -> Attack:
    """Nest brackets deeply."""
    depth = chance.choice([100, 990, 5_000, BODY // 4])
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    inner = opening * (depth // len(opening)) + b"1" + closing * (depth // len(opening))
    return Attack(post(chance.choice([inner, b'{"texts":[%s]}' % inner])), (400, 422))


def numbers(chance: random.Random) -> Attack:
    """Send numbers that are too large."""
    number = chance.choice([b"1" * 60_000, b"-1e999999", b"1e" + b"9" * 1_000, b"0." + b"3" * 50_000])
    return Attack(post(b'{"texts":[%s]}' % number), (422,))


def halves(chance: random.Random) -> Attack:
    """Send halves of surrogate pairs, escaped or as bytes, zeros and controls: all can be answered."""
    text = "".join(chance.choices(["\ud83d", "\ude00", "\0", "\x1b[31m", "\u202e", "\uffff", "a", " "], k=20))
    ascii_only = chance.random() < 0.5
    body = json.dumps({"texts": [text]}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    return Attack(post(body), (200,))


def strange_bytes(chance: random.Random) -> Attack:
    """Send text that is not UTF-8."""
    return Attack(post(b'{"texts":["%s"]}' % chance.choice([b"\xff", b"caf\xe9", b"\xc0\x80", b"\xf8\x88"])), (400,))


def too_long(chance: random.Random) -> Attack:
    """Send a body or a list that is too long: declared, in chunks, or declared and never sent."""
    body = b'{"texts":["%s"]}' % (b"a" * chance.choice([BODY, 4 * BODY, 40 * BODY]))
    kind = chance.randrange(4)
    if kind == 0:
        return Attack(post(body), (413,))
    if kind == 1:
        return Attack(post(b"").replace(b"Content-Length: 0", b"Content-Length: 99999999999"), (413,))
    if kind == 2:
        return Attack(post(json.dumps({"texts": ["a"] * (TEXTS + 1)}).encode()), (413,))
    return Attack(chunked(body), (413,))


def chunked(body: bytes, size: int = 30_000) -> bytes:
    """Return a request whose body comes in chunks."""
    chunks = (body[start : start + size] for start in range(0, len(body), size))
    coded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + coded


def long_header(chance: random.Random) -> Attack:
    """Send a header that is too long: in one line, in many, or in the path."""
    kind, size = chance.randrange(3), chance.choice([40_000, 200_000, 2_000_000])
    if kind == 0:
        return Attack(post(b"", Cookie="a" * size), (400,), may_end=True)
    if kind == 1:
        lines = b"".join(b"X-%d: a\r\n" % number for number in range(size // 8))
        return Attack(post(b"").replace(b"Host:", lines + b"Host:"), (400,), may_end=True)
    return Attack(request("GET", "/" + "a" * size), (400, 404), may_end=True)  # 404 if all of it comes at once


def no_http(chance: random.Random) -> Attack:
    """Send what is no HTTP/1.1, or what means two things."""
    body = b'{"texts":["a"]}'
    both = post(body).replace(b"Host:", b"Transfer-Encoding: chunked\r\nHost:")
    sent = chance.choice([
        chance.randbytes(200) + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9 + b"\r\n\r\n",
        b"GET /health\r\n\r\n", b"GET  /health HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        post(body).replace(b"Content-Length: 15", b"Content-Length: -1"),
        post(body).replace(b"Content-Length: 15", b"Content-Length: 15\r\nContent-Length: 16"),
        post(body).replace(b"HTTP/1.1", b"HTTP/9.9"), post(body).replace(b"\r\nHost", b"\r\n Host"),
        chunked(body).replace(b"\r\nf\r\n", b"\r\nxyz\r\n"), b"GET / HTTP/1.1\r\nHost: a\r\nA\0: b\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
    ])  # fmt: skip
    return Attack(chance.choice([sent, sent, both]), (200, 400, 404), may_end=True)


def wrong_token(chance: random.Random) -> Attack:
    """Ask without the token, or with another one."""
    tokens = ("", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer éé", TOKEN)
    sent = request("POST", "/predict", b'{"texts":["a"]}', Authorization=chance.choice(tokens))
    return Attack(chance.choice([sent, request("GET", "/metrics")]), (401,))


def wrong_place(chance: random.Random) -> Attack:
    """Use another method, path or encoding."""
    method = chance.choice(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "X" * 200])
    path = chance.choice(
        ["/nothing", "/predict/", "//predict", "/../../etc/passwd", "/%00", "/%ff", "/predict%2f", "*"]
    )
    return chance.choice([
        Attack(request(method, "/predict"), (405,)), Attack(request("GET", path), (404,)),
        Attack(request("GET", "/predict"), (405,)), Attack(post(b"x", Content_Encoding="gzip"), (415,)),
        Attack(request("GET", "/nothing", Connection="Upgrade", Upgrade="websocket"), (404,)),
    ])  # fmt: skip


def leaving(chance: random.Random) -> Attack:
    """Ask, or half ask, and leave without reading."""
    sent = chance.choice(
        [asking(["claim"] * 20, **BEARER), chunked(b"a" * BODY), request("GET", "/metrics", b"", **BEARER)]
    )
    return Attack(sent[: chance.choice([0, 1, 30, len(sent) // 2, len(sent) - 1, len(sent)])], (), leaves=True)


def slow(chance: random.Random) -> Attack:
    """Send the last half after some seconds: too late for a body, or not."""
    pause = chance.choice([0.3, 0.3, 0.3, SECONDS + 1.0])
    sent = asking(["claim your prize"], **BEARER)
    return Attack(sent, (200,) if pause < SECONDS else (408,), pause=pause)


def unread(chance: random.Random) -> Attack:
    """Ask much in a row, and leave without having read any of it."""
    return Attack(request("GET", "/openapi.json") * chance.choice([10, 200]), (), leaves=True)


KINDS: dict[Callable[[random.Random], Attack], float] = {  # and how often each comes
    malformed: 20, mistyped: 10, nested: 8, numbers: 4, halves: 10, strange_bytes: 4, too_long: 8, long_header: 4,
    no_http: 12, wrong_token: 8, wrong_place: 10, leaving: 12, slow: 0.5, unread: 2,
}  # fmt: skip


def attacks(count: int, seed: int) -> Iterator[tuple[str, Attack]]:
    """Yield attacks and their kinds, the same for a seed."""
    chance = random.Random(seed)  # noqa: S311
    for kind in [*KINDS, *chance.choices(list(KINDS), list(KINDS.values()), k=max(0, count - len(KINDS)))]:
        yield kind.__name__, kind(chance)


def attacked(address: Address, attack: Attack) -> tuple[int, str]:
    """Attack, and return the status that came, 0 if none did, and what is wrong with it, if anything is."""
    try:
        with socket.create_connection(address, TIMEOUT) as connection, connection.makefile("rb") as answers:
            if attack.leaves:
                connection.sendall(attack.sent)
                reset = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset if len(attack.sent) % 2 else b"\0" * 8)
                return 0, ""
            half = len(attack.sent) - 10 if attack.pause else 0
            connection.sendall(attack.sent[:half])
            time.sleep(attack.pause)
            connection.sendall(attack.sent[half:])
            found = response(answers)
    except (EOFError, ConnectionError) as error:
        return 0, "" if attack.may_end or attack.leaves else f"{type(error).__name__}, expected {attack.statuses}"
    return found.status, wrong(found, attack.statuses)


def wrong(found: Response, statuses: tuple[int, ...]) -> str:
    """Return what is wrong with a response: its status, or that an error is not explained by JSON."""
    if found.status not in statuses:
        return f"{found.status}, expected {statuses}: {found.body[:200]!r}"
    explained = found.status == 200 or list(found.json) == ["error"]
    return "" if explained else f"{found.status} without an explanation: {found.body[:200]!r}"


def one(address: Address, expected: dict[str, Answers], attack: tuple[str, Attack]) -> tuple[str, int, list[str]]:
    """Attack once, ask something valid, and return the attack's kind, its status, and all that is wrong."""
    kind, how = attack
    status, why = attacked(address, how)
    text = list(expected)[len(how.sent) % len(expected)]
    with socket.create_connection(address, TIMEOUT) as connection, connection.makefile("rb") as answers:
        connection.sendall(asking([text], **BEARER))
        found = response(answers)
    faults = [f"{kind}: {why}"] if why else []
    if found.status != 200 or found.json["answers"] != expected[text]:
        faults.append(f"after {kind}: a valid request was answered {found.status}, {found.body[:200]!r}")
    return kind, status, faults


class Held(NamedTuple):
    """What a process holds."""

    threads: int
    files: int
    memory: int  # bytes

    @classmethod
    def by(cls, server: Server) -> "Held":
        """Return what a server holds once its connections have ended."""
        process = psutil.Process(server.process.pid)
        end = time.monotonic() + 600
        while any(one.status != psutil.CONN_LISTEN for one in process.net_connections()):
            if time.monotonic() > end:
                raise UserError("expected all connections to end, found some that do not")
            time.sleep(0.1)
        files: int = getattr(process, "num_handles" if sys.platform == "win32" else "num_fds")()
        return cls(process.num_threads(), files, process.memory_info().rss)


def attack_all(model: Path, count: int, seed: int) -> tuple[dict[str, Counter[int]], list[str], Held, Held]:
    """Attack a server of a model. Return the statuses of each kind, all that is wrong, and what it held before, after.

    Before is after a third of the requests: by then it has what it keeps.
    """
    loaded = classifier.load(model)
    texts = [" ".join(WORDS[start : start + 4]) for start in range(len(WORDS) - 4)]
    found = loaded.predict(texts)
    each = zip(texts, found.labels, loaded.shown(found), strict=True)
    expected: dict[str, Answers] = {text: [{"label": label, "probability": shown}] for text, label, shown in each}
    statuses: dict[str, Counter[int]] = {}
    faults: list[str] = []
    every = list(attacks(count, seed))
    with served(model, *OPTIONS, TEXTRNN_TOKEN=TOKEN) as server, ThreadPoolExecutor(CLIENTS) as clients:
        held = []
        for some in (every[: count // 3], every[count // 3 :]):
            for kind, status, wrongs in clients.map(partial(one, server.address, expected), some):
                statuses.setdefault(kind, Counter())[status] += 1
                faults += wrongs
            held.append(Held.by(server))
        before, after = held
        server.process.terminate()
        said = server.process.communicate()[1]
    if said or server.process.returncode:
        faults.append(f"the server ended with {server.process.returncode}, and said {said[:2000]!r}")
    if after.threads > before.threads or after.files > before.files or after.memory > before.memory + GROWTH:
        faults.append(f"the server held {before}, and then {after}")
    return statuses, faults, before, after


def main() -> None:
    """Attack, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.serving", description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, default=paths.MODEL, metavar="DIR", help="default: model/")
    parser.add_argument("--requests", type=int, default=10_000, help="hostile ones; default: 10000")
    parser.add_argument("--seed", type=int, default=0, help="other requests; default: 0")
    given = parser.parse_args()
    statuses, faults, before, after = attack_all(given.model, given.requests, given.seed)
    for kind, counts in statuses.items():
        each = ", ".join(f"{status or 'none'}: {number:,}" for status, number in sorted(counts.items()))
        print(f"{kind:<14}{counts.total():>7,}  {each}")
    print(f"before: {before}\nafter: {after}")
    if faults:
        raise UserError(f"expected no fault, found {len(faults):,}, the first: {faults[0]}")


if __name__ == "__main__":
    sys.exit(run(main))
