"""One file over HTTP, by a network that may break and a server that may lie."""

import time
from collections.abc import Callable
from http.client import HTTPException

import requests
import urllib3

from textrnn.core.errors import UserError
from textrnn.core.progress import counter

DEADLINE = 120.0  # seconds for one address, pauses and repetitions included
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before each repetition
READ_TIMEOUT = 20.0  # seconds of silence in the midst of an answer
CHUNK = 1 << 16


class _PassingError(Exception):
    """A failure which may pass: the text says what it was."""


def fetch(url: str, most_bytes: int, connect_timeout: float, sleep: Callable[[float], None] = time.sleep) -> bytes:
    """Return the body at `url`, of at most `most_bytes`.

    A broken connection, 429 and 5xx are tried again after growing pauses, until DEADLINE. A server
    that cannot be reached at all, or not through the proxy, is not. Raises UserError with what went
    wrong last.
    """
    end = time.monotonic() + DEADLINE
    for pause in (*PAUSES, None):
        try:
            return _once(url, most_bytes, connect_timeout, end)
        except _PassingError as failure:
            if pause is None or time.monotonic() + pause >= end:
                raise UserError(f"{url}: {failure}, and no better after more tries") from None
            sleep(pause)
        except requests.exceptions.ProxyError as error:
            raise UserError(f"{url}: no way through the proxy ({_reason(error)})") from None
        # ValueError: a redirect to what is no address. OSError: requests' own errors, and no certificates
        except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
            raise UserError(f"{url}: {_reason(error)}") from None
    raise AssertionError("the last try returns or raises")


def _once(url: str, most_bytes: int, connect_timeout: float, end: float) -> bytes:
    try:
        # identity: the bytes counted are the bytes sent, and no small answer unpacks to a huge one
        with requests.get(
            url,
            stream=True,
            timeout=(connect_timeout, READ_TIMEOUT),
            headers={"Accept-Encoding": "identity"},
            hooks={"response": _hang_up_on_redirect},
        ) as response:
            found = f"{response.status_code} {_printable(response.reason or '')}"
            if response.status_code == 429 or response.status_code >= 500:
                raise _PassingError(f"the server answered {found}")
            if response.status_code != 200:
                raise UserError(f"{url}: expected status 200, found {found}")
            return _body(url, response.raw, most_bytes, end)
    except (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError):
        raise
    except requests.ConnectionError as error:
        if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
            raise
        raise _PassingError(f"the connection broke ({_reason(error)})") from None
    except (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError):
        raise _PassingError(f"the server said nothing for {READ_TIMEOUT:g} seconds") from None
    except (urllib3.exceptions.ProtocolError, HTTPException, ConnectionError) as error:
        raise _PassingError(f"the connection broke ({_reason(error)})") from None


def _hang_up_on_redirect(response: requests.Response, **_: object) -> None:
    """Leave the body of a redirect unread: requests would read it to its end, and it may have none."""
    if response.is_redirect:
        response.close()


def _body(url: str, raw: urllib3.HTTPResponse, most_bytes: int, end: float) -> bytes:
    parts, size = [], 0
    with counter("download", "B") as bar:
        while part := raw.read1(CHUNK):  # whatever has come: a slow drip must not outlast the deadline
            parts.append(part)
            size += len(part)
            bar.update(len(part))
            if size > most_bytes:
                raise UserError(f"{url}: expected at most {most_bytes:,} bytes, found more")
            if time.monotonic() > end:
                raise UserError(f"{url}: expected an answer within {DEADLINE:g} seconds, found {size:,} bytes by then")
    return b"".join(parts)


def _reason(error: Exception) -> str:
    """Return the innermost cause: requests wraps it in three layers of addresses and objects."""
    for inner in (getattr(error, "reason", None), *error.args):
        if isinstance(inner, Exception):
            return _reason(inner)
    last = error.args[-1] if error.args else None
    text = last if isinstance(last, str) else str(error)
    return _printable(text.removeprefix(f"{getattr(error, 'conn', None)}: ")) or type(error).__name__


def _printable(text: str) -> str:
    """Return what a server said, quoted where it could steer a terminal or break the line."""
    return text if text.isprintable() else repr(text)
