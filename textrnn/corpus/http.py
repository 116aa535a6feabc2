"""One file over HTTP: networks break, and servers are busy, stall or lie."""

import time
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, ProtocolError

from textrnn.core.errors import UserError, one_line
from textrnn.core.progress import progress
from textrnn.corpus import exchange
from textrnn.corpus.exchange import Exchange, watched

if TYPE_CHECKING:
    import requests

PATIENCE = 60.0  # seconds of pauses before further tries, in all, and of tries in which too little came
SLOWEST = 300_000  # bytes a second: the greatest content takes no longer, beside LEAST_TIME
LEAST_TIME = 120.0  # seconds
REASON = 80  # characters of a server's own words

Answer = tuple[bytes | None, str, bool, float]  # the content, or why there is none, if it may come yet, and when


def fetch(
    url: str,
    most_bytes: int,
    connect_timeout: float,
    sleep: Callable[[float], None] = time.sleep,
    deadline: float | None = None,
) -> bytes:
    """Return the body at `url`, of at most `most_bytes`.

    If the server is busy (429 or 5xx), stalls or breaks the connection, fetch tries again, after a pause that doubles
    each time or a longer one that the server asks for (Retry-After), until PATIENCE is used up. A server that it cannot
    reach, or not through the proxy, it tries once. All tries together take at most `deadline` seconds; without one, as
    long as `most_bytes` take a slow network. Raises UserError with the last failure.
    """
    end = monotonic() + (LEAST_TIME + most_bytes / SLOWEST if deadline is None else deadline)
    pause, patience = 1.0, PATIENCE
    while True:
        asked = lost = 0.0
        try:
            work = partial(_answer, url, most_bytes, connect_timeout)
            content, failure, may_pass, asked = watched(work, connect_timeout, end)
            if content is not None:
                return content
        # ValueError: a redirect to an invalid address. OSError: requests' own errors, and missing certificates
        except (OSError, ValueError, HTTPError) as error:
            failure, may_pass = _explained(error)
            lost = connect_timeout + exchange.STALL if isinstance(error, TimeoutError) else 0.0
        wait = max(pause, asked)
        if not may_pass or wait > min(patience - lost, end - monotonic()):
            raise UserError(f"{failure} (try again in {asked:,.0f} seconds)" if asked else failure)
        sleep(wait)
        pause, patience = 2 * pause, patience - wait - lost


def tells_version(url: str, timeout: float) -> bool:
    """Return whether a server tells an ETag or a checksum of its file, by which DVC sees that it has changed."""

    def work(session: "requests.Session", _: Exchange) -> bool:
        _check_proxies(url)
        answer = session.head(url, timeout=(timeout, None), allow_redirects=True)
        return answer.ok and bool({"etag", "content-md5"} & {name.lower() for name in answer.headers})

    try:
        return watched(work, timeout, monotonic() + LEAST_TIME)
    except (UserError, OSError, ValueError, HTTPError):
        return False


def _answer(url: str, most_bytes: int, connect_timeout: float, session: "requests.Session", begun: Exchange) -> Answer:
    _check_proxies(url)
    # identity: the bytes counted are the bytes sent, and no small answer unpacks to a huge one
    with session.get(
        url,
        stream=True,
        timeout=(connect_timeout, None),
        headers={"Accept-Encoding": "identity"},
        # requests would read the body of a redirect, which may be endless
        hooks={"response": lambda response, **_: response.close() if response.is_redirect else None},
    ) as response:
        if response.status_code == 200:
            return _body(response.raw, most_bytes, begun), "", False, 0.0
        failure = f"the server answered {response.status_code} {str(response.reason)[:REASON]}"
        may_pass = response.status_code == 429 or response.status_code >= 500
        return None, failure, may_pass, _retry_after(response.raw)


def _check_proxies(url: str) -> None:
    """Raise UserError if the environment names a proxy without its host, of which requests makes a TypeError."""
    from requests.utils import get_environ_proxies  # noqa: PLC0415  # as in exchange

    try:
        proxies = get_environ_proxies(url)
    except ValueError:  # the address is none, as requests will say
        return
    for scheme, proxy in proxies.items():
        if not urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname:
            raise UserError(f"expected an address such as http://proxy:8080 in {scheme}_proxy, found none with a host")


def _retry_after(raw: urllib3.HTTPResponse) -> float:
    try:
        return urllib3.Retry().get_retry_after(raw) or 0.0
    except (InvalidHeader, ValueError, OverflowError):  # neither seconds nor a date
        return 0.0


def _body(raw: urllib3.HTTPResponse, most_bytes: int, begun: Exchange) -> bytes:
    content = bytearray()
    with progress(desc="download", unit="B") as bar:
        while part := raw.read1(1 << 16):  # whatever has come, so that a slow drip is noticed
            content += part
            begun.received = len(content)
            bar.update(len(part))
            if len(content) > most_bytes:
                raise UserError(f"expected at most {most_bytes:,} bytes, found more")
    if content[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise UserError("expected the file itself, found an HTML page")
    return bytes(content)


def _explained(error: BaseException) -> tuple[str, bool]:
    """Return the innermost of the errors that requests and urllib3 wrap, and whether another try may succeed."""
    from requests.exceptions import ProxyError  # noqa: PLC0415  # as in exchange

    if isinstance(error, TimeoutError):  # of the exchange: its own words
        return str(error), True
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    if isinstance(error, ProxyError):
        return f"no way through the proxy ({one_line(causes[-1])})", False
    return one_line(causes[-1]), any(isinstance(cause, ProtocolError) for cause in causes)
