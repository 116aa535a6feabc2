"""One file over HTTP: networks break, and servers are busy, stall or lie."""

import time
from collections.abc import Callable
from time import monotonic

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, ProtocolError, ReadTimeoutError

from textrnn.core.errors import UserError, one_line
from textrnn.core.progress import progress

PATIENCE = 60.0  # seconds of pauses before further tries, in all
READ_TIMEOUT = 20.0  # seconds in which LEAST_BYTES must come
LEAST_BYTES = 10_000


def fetch(url: str, most_bytes: int, connect_timeout: float, sleep: Callable[[float], None] = time.sleep) -> bytes:
    """Return the body at `url`, of at most `most_bytes`.

    If the server is busy (429 or 5xx), stalls or breaks the connection, fetch tries again, after a pause that doubles
    each time or a longer one that the server asks for (Retry-After), until PATIENCE is used up. A server that it cannot
    reach, or not through the proxy, it tries once. Raises UserError with the last failure.
    """
    import requests  # noqa: PLC0415  # only now: it takes long to load, and the corpus may be in the cache

    pause, patience = 1.0, PATIENCE
    while True:
        asked = 0.0
        try:
            # identity: the bytes counted are the bytes sent, and no small answer unpacks to a huge one
            with requests.get(
                url,
                stream=True,
                timeout=(connect_timeout, READ_TIMEOUT),
                headers={"Accept-Encoding": "identity"},
                # requests would read the body of a redirect, which may be endless
                hooks={"response": lambda response, **_: response.close() if response.is_redirect else None},
            ) as response:
                if response.status_code == 200:
                    return _body(response.raw, most_bytes)
                failure = f"the server answered {response.status_code} {response.reason}"
                may_pass = response.status_code == 429 or response.status_code >= 500
                asked = _retry_after(response.raw)
        # ValueError: a redirect to an invalid address. OSError: requests' own errors, and missing certificates
        except (OSError, ValueError, HTTPError) as error:
            failure, may_pass = _explained(error)
        wait = max(pause, asked)
        if not may_pass or wait > patience:
            raise UserError(f"{failure} (try again in {asked:,.0f} seconds)" if asked else failure)
        sleep(wait)
        pause, patience = 2 * pause, patience - wait


def _retry_after(raw: urllib3.HTTPResponse) -> float:
    try:
        return urllib3.Retry().get_retry_after(raw) or 0.0
    except (InvalidHeader, ValueError, OverflowError):  # neither seconds nor a date
        return 0.0


def _body(raw: urllib3.HTTPResponse, most_bytes: int) -> bytes:
    content = bytearray()
    begin, before = monotonic(), 0
    with progress(desc="download", unit="B") as bar:
        while part := raw.read1(1 << 16):  # whatever has come, so that a slow drip is noticed
            content += part
            bar.update(len(part))
            if len(content) > most_bytes:
                raise UserError(f"expected at most {most_bytes:,} bytes, found more")
            if len(content) - before >= LEAST_BYTES:
                begin, before = monotonic(), len(content)
            elif monotonic() - begin > READ_TIMEOUT:
                raise ProtocolError(f"less than {LEAST_BYTES:,} bytes came in {READ_TIMEOUT:g} seconds")
    if content[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise UserError("expected the file itself, found an HTML page")
    return bytes(content)


def _explained(error: BaseException) -> tuple[str, bool]:
    """Return the innermost of the errors that requests and urllib3 wrap, and whether another try may succeed."""
    from requests.exceptions import ProxyError  # noqa: PLC0415  # as in fetch

    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    if isinstance(error, ProxyError):
        return f"no way through the proxy ({one_line(causes[-1])})", False
    return one_line(causes[-1]), any(isinstance(cause, ProtocolError | ReadTimeoutError) for cause in causes)
