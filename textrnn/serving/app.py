"""What is asked over HTTP, and how it is answered: every error is JSON, and no message is written anywhere."""

import asyncio
import hmac
import json
import time
import traceback
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

import orjson
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from textrnn.core.errors import say
from textrnn.inference.classifier import Classifier
from textrnn.serving.batches import Batches, FullError
from textrnn.serving.page import OPENAPI, page
from textrnn.text.normalise import PatternError

OF_STARLETTE = {  # in place of its own words
    404: "expected POST /predict, GET /health, GET /metrics or GET /openapi.json, found another path",
    405: "expected another method, which the header Allow names",
}
RETRY = {"Retry-After": "1"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # of the page: no scripts, and nothing from elsewhere
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Limits(NamedTuple):
    """What a request may ask, and how many may wait."""

    body: int  # bytes
    texts: int
    requests: int  # that wait, or are being answered
    seconds: float  # from a request's header to its answer


class Metrics:
    """What is counted for Prometheus."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # nobody asks when each counter began
        ProcessCollector(registry=registry)
        self.requests = Counter("textrnn_requests", "Requests answered", ["path", "status"], registry=registry)
        self.seconds = Histogram("textrnn_request_seconds", "Time to answer a request", ["path"], registry=registry)
        self.answers = Counter("textrnn_answers", "Texts answered, by label", ["label"], registry=registry)
        self.batches = Histogram(
            "textrnn_batch_texts", "Texts in a run of the model", buckets=BATCHES, registry=registry
        )
        self.waiting = Gauge("textrnn_waiting_requests", "Requests that wait, or are being answered", registry=registry)


def application(model: Classifier, limits: Limits, token: str | None) -> ASGIApp:
    """Return the application."""
    metrics = Metrics()
    batches = Batches(partial(answers, model), limits.requests, metrics.batches.observe)
    metrics.waiting.set_function(lambda: batches.requests)
    running: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # An exception that nobody takes, since its request is over, would be logged with what it quotes.
        asyncio.get_running_loop().set_exception_handler(lambda _, context: say(f"error: {context['message']}"))
        running.append(asyncio.create_task(batches.run()))
        yield
        running[0].cancel()
        with suppress(asyncio.CancelledError):
            await running[0]

    async def predict(request: Request) -> Response:
        deadline = asyncio.get_running_loop().time() + limits.seconds
        check_token(request, token)
        texts = texts_of(await body_of(request, limits, deadline), limits.texts)
        found = await in_time(batches.ask(texts), limits, deadline) if texts else []
        for answer in found:
            metrics.answers.labels(answer["label"]).inc()
        return Response(orjson.dumps({"answers": found}), media_type="application/json")

    async def health(_: Request) -> Response:
        if running[0].done():
            raise HTTPException(503, "the model no longer runs: start textrnn serve anew")
        return Response('{"status":"ok"}', media_type="application/json")

    async def show_metrics(request: Request) -> Response:
        check_token(request, token)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def openapi(_: Request) -> Response:
        return Response(OPENAPI, media_type="application/json")

    async def show_page(_: Request) -> Response:
        return HTMLResponse(page(), headers={"Content-Security-Policy": POLICY})

    routes = [
        Route("/predict", predict, methods=["POST"]),
        Route("/health", health),
        Route("/metrics", show_metrics),
        Route("/openapi.json", openapi),
        Route("/", show_page),
    ]
    paths = {route.path for route in routes}
    asked = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: refused, Exception: failed})
    asked.router.redirect_slashes = False
    return observed(asked, metrics, paths)


def answers(model: Classifier, texts: list[str]) -> list[dict[str, Any]]:
    """Return the answers to the texts, as they are sent."""
    found = model.predict(texts)
    pairs = zip(found.labels, model.shown(found), strict=True)
    return [{"label": label, "probability": probability} for label, probability in pairs]


def check_token(request: Request, token: str | None) -> None:
    """Refuse a request without the token, if one is set. The time it takes does not tell how much of one is right."""
    if token is None:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_right = hmac.compare_digest(given.strip(" ").encode("latin-1"), token.encode())
    if scheme.lower() != "bearer" or not is_right:
        raise HTTPException(401, "expected the header Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})


async def body_of(request: Request, limits: Limits, deadline: float) -> bytes:
    """Return the body of a request, unless it is too long or takes too long to come."""
    too_long = HTTPException(413, f"expected a body of at most {limits.body:,} bytes: send fewer texts at once")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise HTTPException(415, "expected a body without Content-Encoding")
    if {"content-length", "transfer-encoding"} <= set(request.headers):  # of which a proxy might believe the other one
        raise HTTPException(400, "expected Content-Length or Transfer-Encoding, found both")
    if int(request.headers.get("Content-Length", "0")) > limits.body:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout_at(deadline):
            async for part in request.stream():
                body += part
                if len(body) > limits.body:
                    raise too_long
    except TimeoutError:
        raise HTTPException(408, f"expected the whole body within {limits.seconds:g} seconds") from None
    return bytes(body)


def texts_of(body: bytes, most: int) -> list[str]:
    """Return the texts of a body in JSON."""
    try:
        value = json.loads(body, parse_int=float)  # an int may have too many digits
    except RecursionError:
        raise HTTPException(400, "expected JSON, found brackets nested too deeply") from None
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"expected JSON in UTF-8, found other bytes at {error.start}") from None
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"expected JSON: {error.msg}, line {error.lineno}, column {error.colno}") from None
    wanted = 'expected {"texts": ["…"]}'
    if not isinstance(value, dict) or list(value) != ["texts"]:
        raise HTTPException(422, f"{wanted}, found {'other keys' if isinstance(value, dict) else 'no object'}")
    texts = value["texts"]
    if not isinstance(texts, list):
        raise HTTPException(422, f"{wanted}, found no list of texts")
    if wrong := [place for place, text in enumerate(texts) if not isinstance(text, str)]:
        raise HTTPException(422, f"{wanted}, found no string at position {wrong[0]}")
    if len(texts) > most:
        raise HTTPException(413, f"expected at most {most:,} texts, found {len(texts):,}: send fewer at once")
    return texts


async def in_time(asked: Awaitable[list[dict[str, Any]]], limits: Limits, deadline: float) -> list[dict[str, Any]]:
    """Return what was asked, unless too many wait already, or it takes too long."""
    try:
        async with asyncio.timeout_at(deadline):
            return await asked
    except FullError:
        raise HTTPException(503, "too many requests wait already: try again later", RETRY) from None
    except TimeoutError:
        raise HTTPException(
            503, f"no answer within {limits.seconds:g} seconds: send fewer or shorter texts", RETRY
        ) from None
    except PatternError as error:  # other errors of users are those of the model, not of a text
        raise HTTPException(422, str(error)) from None


async def refused(_: Request, error: Exception) -> Response:
    """Return the answer to a request that is refused."""
    assert isinstance(error, HTTPException)
    return as_error(error.status_code, OF_STARLETTE.get(error.status_code, error.detail), error.headers)


async def failed(_: Request, __: Exception) -> Response:
    """Return the answer to a request that ends in a bug."""
    return as_error(500, "an error in textrnn: its log has the place")


def as_error(status: int, error: str, headers: Any = None) -> Response:
    """Return the answer that is an error."""
    return Response(orjson.dumps({"error": error}), status, headers, "application/json")


def observed(app: ASGIApp, metrics: Metrics, paths: set[str]) -> ASGIApp:
    """Return an application that counts the requests, and logs the place of a bug. Its message may quote a text."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        begin, path, status = time.perf_counter(), scope["path"] if scope["path"] in paths else "other", 0

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await app(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the server goes on
            place = traceback.extract_tb(error.__traceback__)[-1]
            say(f"error: {type(error).__name__} at {place.filename}, line {place.lineno}, while answering {path}")
        metrics.requests.labels(path, status).inc()
        metrics.seconds.labels(path).observe(time.perf_counter() - begin)

    return asked
