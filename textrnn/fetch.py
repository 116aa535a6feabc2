"""One file over HTTP, by a network that may break and a server that may lie."""

import time
from collections.abc import Callable
from http.client import HTTPException

import requests
import urllib3

from textrnn.errors import UserError

DEADLINE = 120.0  # seconds for one address, pauses and repetitions included
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before each repetition
READ_TIMEOUT = 20.0  # seconds of silence in the midst of an answer
CHUNK = 1 << 16


class _PassingError(Exception):
    """A failure which may pass: the text says what it was."""


def fetch(url: str, most_bytes: int, connect_timeout: float, sleep: Callable[[float], None] = time.sleep) -> bytes:
    """Return the body at `url`, of at most `most_bytes`.

    A broken connection, 429 and 5xx are tried again after growing pauses, until DEADLINE. A server
    that cannot be reached at all is not. Raises UserError with what went wrong last.
    """
    end = time.monotonic() + DEADLINE
    for pause in (*PAUSES, None):
        try:
            return _once(url, most_bytes, connect_timeout, end)
        except _PassingError as failure:
            if pause is None or time.monotonic() + pause >= end:
                raise UserError(f"{url}: {failure}, and no better after more tries") from None
            sleep(pause)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise UserError(f"{url}: {_reason(error)}") from None
    raise AssertionError("the last try returns or raises")


def _once(url: str, most_bytes: int, connect_timeout: float, end: float) -> bytes:
    try:
        # identity: the bytes counted are the bytes sent, and no small answer unpacks to a huge one
        with requests.get(
            url, stream=True, timeout=(connect_timeout, READ_TIMEOUT), headers={"Accept-Encoding": "identity"}
        ) as response:
            if response.status_code == 429 or response.status_code >= 500:
                raise _PassingError(f"the server answered {response.status_code} {response.reason}")
            if response.status_code != 200:
                raise UserError(f"{url}: expected status 200, found {response.status_code} {response.reason}")
            body = _body(url, response.raw, most_bytes, end)
            expected = response.headers.get("Content-Length", "")
    except (requests.ConnectTimeout, requests.exceptions.SSLError):
        raise
    except requests.ConnectionError as error:
        if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
            raise
        raise _PassingError(f"the connection broke ({_reason(error)})") from None
    except (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError):
        raise _PassingError(f"the server said nothing for {READ_TIMEOUT:g} seconds") from None
    except (urllib3.exceptions.ProtocolError, HTTPException, ConnectionError) as error:
        raise _PassingError(f"the connection broke ({_reason(error)})") from None
    if expected.isdecimal() and int(expected) != len(body):
        raise _PassingError(f"the connection broke after {len(body)} of {expected} bytes")
    return body


def _body(url: str, raw: urllib3.HTTPResponse, most_bytes: int, end: float) -> bytes:
    parts, size = [], 0
    while part := raw.read1(CHUNK):  # whatever has come: a slow drip must not outlast the deadline
        parts.append(part)
        size += len(part)
        if size > most_bytes:
            raise UserError(f"{url}: expected at most {most_bytes:,} bytes, found more")
        if time.monotonic() > end:
            raise UserError(f"{url}: expected an answer within {DEADLINE:g} seconds, found {size:,} bytes by then")
    return b"".join(parts)


def _reason(error: Exception) -> str:
    """Return the innermost cause: requests wraps it in three layers of addresses and objects."""
    cause: object = error
    while isinstance(cause, Exception) and (inner := getattr(cause, "reason", None) or next(iter(cause.args), None)):
        if not isinstance(inner, Exception):
            break
        cause = inner
    return str(cause).split(": ", 1)[-1] or type(cause).__name__
