"""One file over HTTP, from a real server that breaks, lies and dawdles."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.server import (
    Answer,
    Server,
    body,
    chunks,
    closed_port,
    direct,
    drip,
    endless,
    raw,
    reset_after,
    running,
    silence,
    sparing,
    status,
)
from textrnn.core.errors import UserError
from textrnn.corpus import http

CONTENT = bytes(range(256)) * 300 + b"\r\n\x00\x1a"  # more than one chunk; nothing in it may be translated
MOST = 1_000_000
PROXIED = "http://corpus.invalid/corpus"  # a name that only a proxy could know
TUNNELLED = "https://corpus.invalid/corpus"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name, value in direct().items():
        monkeypatch.setenv(name, value)
    with running() as server:
        yield server


def proxy(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, address)
    for name in ("all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def failure(url: str, most_bytes: int = MOST) -> tuple[str, list[float]]:
    """Fetch, which must fail, and return why, and which pauses were asked for. Nobody sleeps."""
    pauses: list[float] = []
    with pytest.raises(UserError) as caught:
        http.fetch(url, most_bytes, 5.0, pauses.append)
    message = str(caught.value)
    assert message.startswith(f"{url}: ")
    assert message.isprintable(), "one line, and nothing in it that steers a terminal"
    return message, pauses


@pytest.mark.parametrize(
    "answer",
    [
        body(CONTENT),
        chunks(CONTENT[:100], CONTENT[100:]),
        chunks(CONTENT, Content_Length=7),  # the chunks count, says RFC 9112
        raw(b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT),
    ],
    ids=["with its length", "in chunks", "in chunks, with a wrong length", "until the connection ends"],
)
def test_a_body_comes_whole_and_unchanged(server: Server, answer: Answer) -> None:
    assert http.fetch(server.serves("/corpus", answer), MOST, 5.0) == CONTENT
    assert server.paths == ["/corpus"]


def test_the_server_is_asked_not_to_compress(server: Server) -> None:
    http.fetch(server.serves("/corpus", body(CONTENT)), MOST, 5.0)
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_after_growing_pauses(server: Server, code: int) -> None:
    pauses: list[float] = []
    url = server.serves("/corpus", *[status(code)] * 4, body(CONTENT))
    assert http.fetch(url, MOST, 5.0, pauses.append) == CONTENT
    assert server.paths == ["/corpus"] * 5
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_a_server_which_stays_busy_is_given_up(server: Server) -> None:
    message, pauses = failure(server.serves("/corpus", status(503)))
    assert "the server answered 503 Service Unavailable, and no better after more tries" in message
    assert len(server.requests) == 5
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_no_pause_outlasts_the_deadline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE", 1.9)
    message, pauses = failure(server.serves("/corpus", status(503)))
    assert "503" in message
    assert pauses == [1.0]  # a pause of 2 would end after 1.9
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", [204, 206, 304, 400, 401, 403, 404, 410, 451])
def test_another_status_is_told_and_not_tried_again(server: Server, code: int) -> None:
    message, pauses = failure(server.serves("/corpus", status(code)))
    assert f"expected status 200, found {code} " in message
    assert pauses == []
    assert len(server.requests) == 1


BROKEN = {
    "truncated": body(CONTENT, len(CONTENT) + 1),
    "reset": reset_after(CONTENT[:1000], len(CONTENT)),
    "chunks without an end": chunks(CONTENT, whole=False),
    "a chunk of no size": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"),
    "no answer": raw(b""),
    "no HTTP": raw(b"\x1b[2Jhello\r\n"),
    "too many headers": raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_asked_for_again(server: Server, broken: Answer) -> None:
    pauses: list[float] = []
    url = server.serves("/corpus", broken, broken, body(CONTENT))
    assert http.fetch(url, MOST, 5.0, pauses.append) == CONTENT
    assert server.paths == ["/corpus"] * 3
    assert pauses == [1.0, 2.0]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_an_answer_which_stays_broken_is_refused(server: Server, broken: Answer) -> None:
    message, pauses = failure(server.serves("/corpus", broken))
    assert "the connection broke" in message
    assert "<" not in message, "the reason, and not the objects around it"
    assert len(pauses) == 4


def test_a_truncated_answer_is_told_with_how_much_came(server: Server) -> None:
    message, _ = failure(server.serves("/corpus", body(CONTENT, len(CONTENT) + 9)))
    assert f"the connection broke (IncompleteRead({len(CONTENT)} bytes read, 9 more expected)), and no" in message


def test_of_a_body_longer_than_its_length_the_promised_bytes_are_taken(server: Server) -> None:
    url = server.serves("/corpus", body(CONTENT, 1000))  # HTTP has no way to see it: the checksum does
    assert http.fetch(url, MOST, 5.0) == CONTENT[:1000]


def test_two_lengths_which_differ_are_refused(server: Server) -> None:
    lengths = b"Content-Length: 3\r\nContent-Length: 4\r\n"
    message, _ = failure(server.serves("/corpus", raw(b"HTTP/1.1 200 OK\r\n" + lengths + b"\r\nabcd")))
    assert "unmatching" in message


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(server: Server, code: int) -> None:
    server.serves("/there", body(CONTENT))
    assert http.fetch(server.serves("/here", status(code, Location="/there")), MOST, 5.0) == CONTENT
    assert server.paths == ["/here", "/there"]


def test_the_body_of_a_redirect_is_not_read(server: Server) -> None:
    server.serves("/there", body(CONTENT))
    with sparing(10 * MOST):
        assert http.fetch(server.serves("/here", endless(302, Location="/there")), MOST, 5.0) == CONTENT


def test_a_redirect_whose_body_drips_costs_no_time(server: Server) -> None:
    server.serves("/there", body(CONTENT))
    begin = time.monotonic()
    assert http.fetch(server.serves("/here", drip(0.1, 302, Location="/there")), MOST, 5.0) == CONTENT
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    "location",
    [
        b"/here",
        b"file:///etc/hosts",
        b"http://[::1",
        b"http://a..b/",
        b"http://127.0.0.1:99999/",
        b"\xff\xfe",
        b"ftp://x/",
    ],
    ids=["itself", "a local file", "half an address", "a name with a hole", "no port", "no text", "another protocol"],
)
def test_a_redirect_which_leads_nowhere_is_told(server: Server, location: bytes) -> None:
    answer = raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
    _, pauses = failure(server.serves("/here", answer))
    assert pauses == []


def test_an_endless_body_is_capped(server: Server) -> None:
    with sparing(10 * MOST):
        message, pauses = failure(server.serves("/corpus", endless()))
    assert "expected at most 1,000,000 bytes, found more" in message
    assert pauses == []


def test_a_body_of_the_greatest_size_comes_and_one_byte_more_does_not(server: Server) -> None:
    url = server.serves("/corpus", body(CONTENT))
    assert http.fetch(url, len(CONTENT), 5.0) == CONTENT
    message, _ = failure(url, len(CONTENT) - 1)
    assert "found more" in message


def test_a_slow_drip_ends_at_the_deadline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE", 0.5)
    begin = time.monotonic()
    message, _ = failure(server.serves("/corpus", drip(0.1)))
    assert "expected an answer within 0.5 seconds, found " in message
    assert 0.5 <= time.monotonic() - begin < 3


def test_a_silent_server_is_asked_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.5)
    pauses: list[float] = []
    url = server.serves("/corpus", silence(), drip(5.0), body(CONTENT))  # silent before the answer, and in its midst
    assert http.fetch(url, MOST, 5.0, pauses.append) == CONTENT
    assert pauses == [1.0, 2.0]


def test_a_server_which_stays_silent_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.1)
    begin = time.monotonic()
    message, _ = failure(server.serves("/corpus", silence()))
    assert "the server said nothing for 0.1 seconds" in message
    assert len(server.requests) == 5
    assert time.monotonic() - begin < 4


def test_a_port_where_nobody_listens_is_not_tried_again(server: Server) -> None:
    message, pauses = failure(f"http://127.0.0.1:{closed_port()}/corpus")
    assert "Failed to establish a new connection" in message
    assert "HTTPConnection" not in message
    assert pauses == []
    assert server.requests == []


def test_a_server_which_takes_no_connection_is_left_after_the_timeout(server: Server) -> None:
    assert server.requests == []
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(20)]
        for client in waiting:  # fill the queue of connections that nobody takes up
            client.setblocking(False)
            client.connect_ex(deaf.getsockname())
        pauses: list[float] = []
        begin = time.monotonic()
        with pytest.raises(UserError, match="timed out"):
            http.fetch(f"http://127.0.0.1:{deaf.getsockname()[1]}/corpus", MOST, 0.3, pauses.append)
        assert 0.3 <= time.monotonic() - begin < 3
        assert pauses == []
        for client in waiting:
            client.close()


def test_a_server_without_tls_is_not_tried_again(server: Server) -> None:
    message, pauses = failure(server.address.replace("http:", "https:"))
    assert "SSL" in message
    assert pauses == []


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a..b/", "http://127.0.0.1:x/", "http://white space/"])
def test_an_address_which_is_none_is_told(url: str) -> None:
    _, pauses = failure(url)
    assert pauses == []


def test_missing_certificates_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "no/such/bundle.pem")
    message, pauses = failure("https://127.0.0.1:1/corpus")
    assert "no/such/bundle.pem" in message
    assert pauses == []


def test_what_the_server_says_cannot_steer_the_terminal(server: Server) -> None:
    message, _ = failure(server.serves("/corpus", status(404, "\x1b[2JGone\x07")))  # failure() looks for \x1b
    assert r"found 404 '\x1b[2JGone\x07'" in message


@pytest.mark.parametrize("code", [403, 407, 502, 503])
def test_a_proxy_which_refuses_to_connect_is_not_tried_again(
    server: Server, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    proxy(monkeypatch, server.address)
    server.serves("corpus.invalid:443", status(code))
    message, pauses = failure(TUNNELLED)
    assert f"no way through the proxy (Tunnel connection failed: {code} " in message
    assert pauses == []
    assert [request.method for request in server.requests] == ["CONNECT"]


def test_a_proxy_which_forbids_the_address_is_not_tried_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy(monkeypatch, server.address)
    server.serves(PROXIED, status(403))
    message, pauses = failure(PROXIED)
    assert "expected status 200, found 403 Forbidden" in message
    assert pauses == []
    assert server.paths == [PROXIED]


@pytest.mark.parametrize("url", [PROXIED, TUNNELLED])
def test_a_proxy_which_is_not_there_is_named_and_not_tried_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy(monkeypatch, f"http://127.0.0.1:{closed_port()}")
    message, pauses = failure(url)
    assert "no way through the proxy (Failed to establish a new connection" in message
    assert pauses == []


def test_a_proxy_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy(monkeypatch, server.address)
    server.serves(PROXIED, body(CONTENT))
    assert http.fetch(PROXIED, MOST, 5.0) == CONTENT
