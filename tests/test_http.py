"""One file over HTTP, from a real server that breaks, lies and dawdles."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

import pytest

from tests.server import (
    Answer,
    Server,
    body,
    chunk_by_chunk,
    closed_port,
    direct,
    drip,
    endless,
    memory_below,
    page,
    raw,
    reset_after,
    running,
    silence,
    status,
)
from textrnn.core.errors import UserError
from textrnn.corpus import http

CONTENT = bytes(range(256)) * 300 + b"\r\n\x00\x1a"  # more than one read; nothing in it may be translated
MOST = 1_000_000
PROXIED = "http://corpus.invalid/corpus"  # a name that only a proxy could know
TUNNELLED = "https://corpus.invalid/corpus"
OWN_PAUSES = [1.0, 2.0, 4.0, 8.0, 16.0]  # the next one would be 32 seconds, and 29 of 60 are left
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
    return http.fetch(url, most_bytes, 5.0, pauses.append), pauses


def failure(url: str, most_bytes: int = MOST) -> tuple[str, list[float]]:
    """Return why a fetch failed, and the pauses before further tries."""
    pauses: list[float] = []
    with pytest.raises(UserError) as caught:
        http.fetch(url, most_bytes, 5.0, pauses.append)
    return str(caught.value), pauses


@pytest.mark.parametrize(
    "answer",
    [
        body(CONTENT),
        raw(CHUNKED + b"Content-Length: 7\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)),  # chunks count
        raw(b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT),
    ],
    ids=["with its length", "in chunks, with a wrong length", "until the connection ends"],
)
def test_a_body_comes_whole_and_unchanged(server: Server, answer: Answer) -> None:
    assert fetch(server.serves("/corpus", answer)) == (CONTENT, [])
    assert server.paths == ["/corpus"]
    assert server.requests[0].headers["Accept-Encoding"] == "identity", "what is counted is what is sent"


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again_after_growing_pauses(server: Server, code: int) -> None:
    url = server.serves("/corpus", *[status(code)] * 4, body(CONTENT))
    assert fetch(url) == (CONTENT, OWN_PAUSES[:4])


def test_a_server_that_stays_busy_is_given_up(server: Server) -> None:
    reason, pauses = failure(server.serves("/corpus", status(503)))
    assert reason == "the server answered 503 Service Unavailable"
    assert pauses == OWN_PAUSES
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("asked", "pauses"),
    [("30", [30.0]), ("1", [1.0]), ("0", [1.0]), ("soon", [1.0]), ("9" * 5000, [1.0]), ("Mon, 99 Foo 2026", [1.0])],
)
def test_a_server_that_asks_for_a_pause_gets_it(server: Server, asked: str, pauses: list[float]) -> None:
    assert fetch(server.serves("/corpus", status(429, Retry_After=asked), body(CONTENT))) == (CONTENT, pauses)


def test_a_pause_until_a_date_is_kept(server: Server) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=59), usegmt=True)
    content, (pause,) = fetch(server.serves("/corpus", status(503, Retry_After=later), body(CONTENT)))
    assert content == CONTENT
    assert 0 < pause < 59


@pytest.mark.parametrize(("asked", "told", "tries"), [("30", 30, 3), ("3600", 3600, 1)])
def test_a_server_that_asks_for_more_than_the_patience_left_is_not_waited_for(
    server: Server, asked: str, told: int, tries: int
) -> None:
    reason, pauses = failure(server.serves("/corpus", status(429, Retry_After=asked)))
    assert reason == f"the server answered 429 Too Many Requests (try again in {told:,} seconds)"
    assert pauses == [30.0] * (tries - 1)
    assert len(server.requests) == tries


@pytest.mark.parametrize("code", [204, 206, 304, 400, 403, 404, 410])
def test_another_status_is_an_error_at_once(server: Server, code: int) -> None:
    reason, pauses = failure(server.serves("/corpus", status(code)))
    assert reason.startswith(f"the server answered {code} ")
    assert pauses == []


BROKEN = {
    "truncated": (body(CONTENT, len(CONTENT) + 9), f"IncompleteRead({len(CONTENT)} bytes read, 9 more expected)"),
    "reset": (reset_after(CONTENT[:1000], len(CONTENT)), "Connection reset by peer"),
    "chunks without an end": (raw(CHUNKED + b"\r\n3\r\nabc\r\n"), ""),
    "a chunk of no size": (raw(CHUNKED + b"\r\nzz\r\nabc"), ""),
    "no answer": (raw(b""), "Remote end closed connection without response"),
    "no HTTP": (raw(b"\x1b[2Jhello\r\n"), "BadStatusLine: \x1b[2Jhello"),
    "too many headers": (raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"), "more than 100 headers"),
}


@pytest.mark.parametrize(("broken", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_asked_for_again_until_patience_ends(server: Server, broken: Answer, told: str) -> None:
    assert fetch(server.serves("/corpus", broken, broken, body(CONTENT))) == (CONTENT, OWN_PAUSES[:2])
    reason, pauses = failure(server.serves("/corpus", broken))
    assert told in reason
    assert pauses == OWN_PAUSES


def test_only_the_promised_bytes_of_a_longer_body_are_taken(server: Server) -> None:
    assert fetch(server.serves("/corpus", body(CONTENT, 1000)))[0] == CONTENT[:1000]  # the checksum will notice


def test_an_html_page_is_no_file(server: Server) -> None:
    reason, pauses = failure(server.serves("/corpus", page("Please log in")))
    assert reason == "expected a file, found an HTML page: give the address of the file itself"
    assert pauses == []
    assert fetch(server.serves("/corpus", body(b"ham\tis <html> a word?")))[0] == b"ham\tis <html> a word?"


# Redirects


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(server: Server, code: int) -> None:
    server.serves("/there", body(CONTENT))
    assert fetch(server.serves("/here", status(code, Location="/there"))) == (CONTENT, [])
    assert server.paths == ["/here", "/there"]


def test_the_body_of_a_redirect_is_not_read(server: Server) -> None:
    server.serves("/there", body(CONTENT))
    with memory_below(10 * MOST):
        assert fetch(server.serves("/here", endless(302, Location="/there")))[0] == CONTENT


NOWHERE = {
    "itself": b"/here",
    "a local file": b"file:///etc/hosts",
    "half an address": b"http://[::1",
    "a name with a hole": b"http://a..b/",
    "no port": b"http://127.0.0.1:99999/",
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("location", NOWHERE.values(), ids=NOWHERE)
def test_a_redirect_that_leads_nowhere_is_an_error_at_once(server: Server, location: bytes) -> None:
    answer = raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
    _, pauses = failure(server.serves("/here", answer))
    assert pauses == []


# Size and time


def test_a_body_of_the_greatest_size_comes_and_one_byte_more_does_not(server: Server) -> None:
    url = server.serves("/corpus", body(CONTENT))
    assert fetch(url, len(CONTENT))[0] == CONTENT
    assert failure(url, len(CONTENT) - 1) == ("expected at most 76,803 bytes, found more", [])
    with memory_below(10 * MOST):
        failure(server.serves("/corpus", endless()))


def test_a_download_may_take_any_time_while_bytes_come(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(step=15.0)  # more seconds for each read than a third of READ_TIMEOUT
    monkeypatch.setattr(http, "monotonic", lambda: next(clock))
    monkeypatch.setattr(http, "LEAST_BYTES", 1)  # a read may bring few
    assert fetch(server.serves("/corpus", body(CONTENT * 10)))[0] == CONTENT * 10
    assert next(clock) > 120, "many reads, of which each took its time"


def test_a_slow_drip_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(step=1.0)  # seconds for each read: 20 reads are too few bytes
    monkeypatch.setattr(http, "monotonic", lambda: next(clock))
    reason, pauses = failure(server.serves("/corpus", drip(0.001)))
    assert reason == "ProtocolError: less than 10,000 bytes came in 20 seconds"
    assert pauses == OWN_PAUSES


@pytest.mark.parametrize("silent", [silence, chunk_by_chunk([b"x", b""], {"Content_Length": 9}, pause=600.0)])
def test_a_silent_server_is_asked_again_until_patience_ends(
    server: Server, monkeypatch: pytest.MonkeyPatch, silent: Answer
) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.1)
    reason, pauses = failure(server.serves("/corpus", silent))
    assert reason == "TimeoutError: timed out"
    assert pauses == OWN_PAUSES


# Servers and proxies that cannot be reached


def test_a_port_where_nobody_listens_is_tried_once() -> None:
    reason, pauses = failure(f"http://127.0.0.1:{closed_port()}/corpus")
    assert reason.startswith("ConnectionRefusedError: ")
    assert pauses == []


def test_a_server_that_takes_no_connection_is_tried_once() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(20)]
        for client in waiting:  # fill the queue of connections that nobody takes up
            client.setblocking(False)
            client.connect_ex(deaf.getsockname())
        pauses: list[float] = []
        with pytest.raises(UserError, match="timed out"):
            http.fetch(f"http://127.0.0.1:{deaf.getsockname()[1]}/corpus", MOST, 0.3, pauses.append)
        assert pauses == []
        for client in waiting:
            client.close()


def test_a_server_without_tls_is_tried_once(server: Server) -> None:
    reason, pauses = failure(server.address.replace("http:", "https:"))
    assert "SSL" in reason
    assert pauses == []


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a..b/", "http://127.0.0.1:x/", "http://white space/"])
def test_an_invalid_address_is_an_error_at_once(url: str) -> None:
    assert failure(url)[1] == []


def test_missing_certificates_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "no/such/bundle.pem")
    reason, pauses = failure("https://127.0.0.1:1/corpus")
    assert "no/such/bundle.pem" in reason
    assert pauses == []


@pytest.mark.parametrize("code", [403, 503])
def test_a_proxy_that_refuses_to_connect_is_tried_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    use_proxy(monkeypatch, server.address)
    server.serves("corpus.invalid:443", status(code))
    reason, pauses = failure(TUNNELLED)
    assert reason.startswith(f"no way through the proxy (OSError: Tunnel connection failed: {code} ")
    assert pauses == []
    assert [request.method for request in server.requests] == ["CONNECT"]


@pytest.mark.parametrize("url", [PROXIED, TUNNELLED])
def test_a_proxy_that_is_not_there_is_tried_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use_proxy(monkeypatch, f"http://127.0.0.1:{closed_port()}")
    reason, pauses = failure(url)
    assert reason.startswith("no way through the proxy (ConnectionRefusedError: ")
    assert pauses == []


def test_a_proxy_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use_proxy(monkeypatch, server.address)
    server.serves(PROXIED, body(CONTENT))
    assert fetch(PROXIED) == (CONTENT, [])
