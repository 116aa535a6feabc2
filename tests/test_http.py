"""One file over HTTP, from a real server that breaks, lies and dawdles."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.server import (
    Server,
    body,
    closed_port,
    direct,
    endless,
    late,
    memory_below,
    page,
    raw,
    repeated,
    running,
    status,
)
from textrnn.core.errors import UserError
from textrnn.corpus import exchange, http

CONTENT = bytes(range(256)) * 300 + b"\r\n\x00\x1a"  # more than one read; nothing in it may be translated
MOST = 1_000_000
PAUSES = [1.0, 2.0, 4.0, 8.0, 16.0]  # the next one would be 32 seconds, and 29 of 60 are left
PROXIED, TUNNELLED = "http://corpus.invalid/corpus", "https://corpus.invalid/corpus"  # names that only a proxy knows
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name, value in direct().items():
        monkeypatch.setenv(name, value)
    with running() as server:
        yield server


def use_proxy(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, address)
    for name in ("all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def fetch(url: str, most_bytes: int = MOST) -> tuple[bytes, list[float]]:
    """Return the content, and the pauses before further tries. Nobody sleeps."""
    pauses: list[float] = []
    return http.fetch(url, most_bytes, 60.0, pauses.append), pauses


def failure(url: str, most_bytes: int = MOST, connect_timeout: float = 60.0) -> tuple[str, list[float]]:
    """Return why a fetch failed, and the pauses before further tries."""
    pauses: list[float] = []
    with pytest.raises(UserError) as caught:
        http.fetch(url, most_bytes, connect_timeout, pauses.append)
    return str(caught.value), pauses


def test_a_body_comes_whole_and_unchanged(server: Server) -> None:
    for answer in (
        body(CONTENT),
        raw(CHUNKED + b"Content-Length: 7\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)),
        raw(b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT),  # until the connection ends
        body(CONTENT + b"more", len(CONTENT)),  # the checksum would notice
    ):
        assert fetch(server.serves("/corpus", answer)) == (CONTENT, [])
    assert server.requests[0][1]["Accept-Encoding"] == "identity", "the bytes counted are the bytes sent"


# Busy servers


def test_a_busy_server_is_asked_again_after_growing_pauses(server: Server) -> None:
    for code in (429, 500, 503):
        assert fetch(server.serves("/corpus", *[status(code)] * 4, body(CONTENT))) == (CONTENT, PAUSES[:4])
        reason, pauses = failure(server.serves("/corpus", status(code)))
        assert reason.startswith(f"the server answered {code} ")
        assert pauses == PAUSES


def test_a_server_that_asks_for_a_pause_gets_it_unless_it_is_longer_than_the_patience_left(server: Server) -> None:
    never = "Fri, 31 Dec 99999999 23:59:59 GMT"
    for asked, pause in (("30", 30), ("0", 1), ("soon", 1), ("9" * 5000, 1), (never, 1)):
        url = server.serves("/corpus", status(429, Retry_After=asked), body(CONTENT))
        assert fetch(url) == (CONTENT, [pause])
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=59), usegmt=True)
    _, (pause_until,) = fetch(server.serves("/corpus", status(503, Retry_After=later), body(CONTENT)))
    assert 0 < pause_until < 59
    for seconds, pauses in ((30, [30.0, 30.0]), (3600, [])):
        message = f"the server answered 429 Too Many Requests (try again in {seconds:,} seconds)"
        assert failure(server.serves("/corpus", status(429, Retry_After=seconds))) == (message, pauses)


def test_another_status_an_html_page_or_a_redirect_that_leads_nowhere_is_an_error_at_once(server: Server) -> None:
    for code in (204, 206, 304, 403, 404):
        reason, pauses = failure(server.serves("/corpus", status(code)))
        assert reason.startswith(f"the server answered {code} ")
        assert pauses == []
    message = "expected the file itself, found an HTML page"
    assert failure(server.serves("/corpus", page("Please log in"))) == (message, [])
    assert fetch(server.serves("/corpus", body(b"ham\tis <html> a word?")))[0] == b"ham\tis <html> a word?"
    for location in (b"/here", b"file:///etc/hosts", b"http://[::1", b"http://a..b/", b"http://a:99999/", b"\xff\xfe"):
        answer = raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
        assert failure(server.serves("/here", answer))[1] == []


# Broken connections

BROKEN = (
    (body(CONTENT, len(CONTENT) + 9), f"IncompleteRead({len(CONTENT)} bytes read, 9 more expected)"),
    (body(CONTENT[:1000], len(CONTENT), reset=True), "Connection reset by peer"),
    (raw(CHUNKED + b"\r\nzz\r\nabc"), ""),
    (raw(b""), "Remote end closed connection without response"),
    (raw(b"\x1b[2Jhello\r\n"), "BadStatusLine: \x1b[2Jhello"),
    (raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"), "more than 100 headers"),
)


def test_a_broken_answer_is_asked_for_again(server: Server) -> None:
    for broken, message in BROKEN:
        assert fetch(server.serves("/corpus", broken, broken, body(CONTENT))) == (CONTENT, PAUSES[:2])
        reason, pauses = failure(server.serves("/corpus", broken))
        assert message in reason
        assert pauses == PAUSES


# Redirects


@pytest.mark.parametrize("code", [301, 308])
def test_a_redirect_is_followed_and_its_own_body_not_read(server: Server, code: int) -> None:
    server.serves("/there", body(CONTENT))
    with memory_below(10 * MOST):
        assert fetch(server.serves("/here", repeated(bytes(1 << 16), code, Location="/there"))) == (CONTENT, [])
    assert server.paths == ["/here", "/there"]


# Size, kind and time


def test_a_body_of_the_greatest_size_comes_and_one_byte_more_does_not(server: Server) -> None:
    url = server.serves("/corpus", body(CONTENT))
    assert fetch(url, len(CONTENT))[0] == CONTENT
    assert failure(url, len(CONTENT) - 1) == ("expected at most 76,803 bytes, found more", [])
    with memory_below(10 * MOST):
        failure(server.serves("/corpus", repeated(bytes(1 << 16))))


ENDLESS = {  # each byte comes in time, and the content never
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"a"),
    "a status line": endless(b"HTTP/1.1 ", b"2"),
    "100 Continue": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue without a pause": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.0),
    "trailers": endless(CHUNKED + b"\r\n1\r\na\r\n0\r\n", b"a: b\r\n"),
    "a chunk's length": endless(CHUNKED + b"\r\n1\r\na\r\n1;", b"x"),
    "content": repeated(b"x", pause=0.01),
    "nothing": raw(b"", hang=True),
    "redirects": late(status(302, Location="/corpus"), 0.2),
}


@pytest.mark.parametrize("sent", ENDLESS)
def test_whatever_a_server_sends_for_ever_the_download_ends_at_its_deadline(server: Server, sent: str) -> None:
    with pytest.raises(UserError, match=r"the time is up, and \d+ bytes have come"):
        http.fetch(server.serves("/corpus", ENDLESS[sent]), MOST, 60.0, deadline=0.5)
    for thread in threading.enumerate():
        if thread.name == exchange.THREAD:
            thread.join()  # its connections are ended, so that it ends too


@pytest.mark.parametrize("sent", ENDLESS)
def test_a_server_that_sends_too_little_is_asked_again(
    server: Server, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "STALL", 0.1)
    monkeypatch.setattr(http, "PATIENCE", 1.5)  # less than two such tries take
    reason, pauses = failure(server.serves("/corpus", ENDLESS[sent]), connect_timeout=0.1)
    assert reason in {f"fewer than 10,000 bytes came in {seconds} seconds" for seconds in (0.1, 0.2)}
    assert pauses == [1.0]


def test_a_download_may_take_hours_while_bytes_come() -> None:
    too_slow = exchange.pace(begin=0, end=10_000, connect_timeout=10)
    assert too_slow(30, 0) == ""
    assert exchange.pace(0, 10_000, 10)(31, 9_999) == "fewer than 10,000 bytes came in 30 seconds"
    for turn in range(1, 400):
        assert too_slow(30 + 20 * turn, 10_000 * turn) == ""
    assert too_slow(8031, 10_000 * 399 + 9_999) == "fewer than 10,000 bytes came in 20 seconds"
    assert too_slow(10_001, 10**9) == "the time is up, and 1,000,000,000 bytes have come"


def test_a_server_that_never_tells_its_files_version_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LEAST_TIME", 0.5)
    for sent in ("headers", "100 Continue", "redirects", "nothing"):
        assert not http.tells_version(server.serves("/corpus", ENDLESS[sent]), 10.0)
    assert http.tells_version(server.serves("/corpus", status(200, ETag="1")), 10.0)


# Addresses and proxies that cannot be reached


def test_a_server_that_cannot_be_reached_is_tried_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, message in {
        f"http://127.0.0.1:{closed_port()}/": "ConnectionRefusedError: ",
        server.address.replace("http:", "https:"): "SSLError: ",
        "http://": "InvalidURL: ",
        "http://[": "LocationParseError: ",
        "http://127.0.0.1:x/": "LocationParseError: ",
        "http://white space/": "LocationParseError: ",
    }.items():
        reason, pauses = failure(url)
        assert reason.startswith(message)
        assert pauses == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "no/such/bundle.pem")
    assert "no/such/bundle.pem" in failure("https://127.0.0.1/")[0]


def test_a_server_that_takes_no_connection_is_tried_once() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(20)]
        for client in waiting:  # fill the queue of connections that nobody takes up
            client.setblocking(False)
            client.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        assert failure(url, connect_timeout=0.3) == ("TimeoutError: timed out", [])
        for client in waiting:
            client.close()


def test_a_proxy_is_used_and_one_that_refuses_or_is_not_there_is_tried_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_proxy(monkeypatch, server.address)
    assert fetch(server.serves(PROXIED, body(CONTENT)).removeprefix(server.address)) == (CONTENT, [])
    server.serves("corpus.invalid:443", status(503))
    reason = "no way through the proxy (OSError: Tunnel connection failed: 503 Service Unavailable)"
    assert failure(TUNNELLED) == (reason, [])
    use_proxy(monkeypatch, f"http://127.0.0.1:{closed_port()}")
    for url in (PROXIED, TUNNELLED):
        reason, pauses = failure(url)
        assert reason.startswith("no way through the proxy (ConnectionRefusedError: ")
        assert pauses == []
