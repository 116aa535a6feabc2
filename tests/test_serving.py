"""`textrnn serve` over real sockets: right answers, limits, a token, the end, and hostile company."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bench.served import TIMEOUT, Address, Response, ask, asking, request, response, served
from fuzz.serving import attack_all
from tests.workspace import unix_alone, wait_for
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.inference import classifier
from textrnn.serving import connections, server
from textrnn.serving.app import Limits, application
from textrnn.serving.page import OPENAPI
from textrnn.text.normalise import PatternError

TEXTS = [
    "URGENT! Collect your two tickets",
    "",
    "mum says soup",
    "café £5 – 垃圾 \N{PILE OF POO}",
    "nul \0",
    "\x1b[31m",
]
TOKEN = "a-token-of-this-test"  # noqa: S105
LIMITS = Limits(body=1000, texts=5, requests=3, seconds=300)


class Slow:
    """A model in a server's thread that answers each text with itself, once it is free to."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.runs: list[list[str]] = []

    def predict(self, texts: list[str]) -> classifier.Answers:
        """Wait, and return the texts as their labels. Raises an error at one that says so."""
        self.runs.append(texts)
        self.free.wait(600)
        if bug := [text for text in texts if text.startswith("a bug")]:
            raise ValueError(f"cannot read {bug}")
        if any(text.startswith("a pattern") for text in texts):
            raise PatternError("expected a pattern that ends")
        if "a damaged model" in texts:
            raise UserError("expected the files of one model")
        return classifier.Answers(texts, np.zeros((len(texts), 0)))

    def shown(self, answers: classifier.Answers) -> list[float]:
        """Return a probability for each answer."""
        return [0.5] * len(answers.labels)


@pytest.fixture(scope="module")
def address(trained_model: Path) -> Iterator[Address]:
    """Return where a server of the tiny model answers, which needs a token."""
    with served(trained_model, "--max-body", "20000", "--timeout", "300", TEXTRNN_TOKEN=TOKEN) as running:
        yield running.address


@contextmanager
def running(model: Any, limits: Limits = LIMITS) -> Iterator[Address]:
    """Serve a model in a thread of this process."""
    answering = connections.server(application(model, limits, None), limits.seconds)
    with server.bound("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=answering.run, kwargs={"sockets": [listening]})
        thread.start()
        wait_for(lambda: answering.started)
        try:
            yield listening.getsockname()[:2]
        finally:
            answering.should_exit = True
            thread.join()


def with_token(texts: list[str]) -> bytes:
    return asking(texts, Authorization=f"Bearer {TOKEN}")


def refused(found: Response, status: int, said: str) -> None:
    """Check that a request was refused as openapi.json says, and why."""
    assert found.status == status
    assert found.headers["content-type"] == "application/json"
    assert list(found.json) == ["error"]
    assert said in found.json["error"]
    assert str(status) in json.loads(OPENAPI)["paths"]["/predict"]["post"]["responses"] or status in (404, 405)


# Answers


def test_each_text_gets_the_label_and_the_probability_that_predict_py_tells(
    address: Address, trained_model: Path
) -> None:
    model = classifier.load(trained_model)
    found = model.predict(TEXTS)
    both = zip(found.labels, model.shown(found), strict=True)
    answers = [{"label": label, "probability": probability} for label, probability in both]
    assert ask(address, with_token(TEXTS)).json == {"answers": answers}
    assert ask(address, with_token([])).json == {"answers": []}
    halves = ask(address, request("POST", "/predict", b'{"texts":["\\ud83d"]}', Authorization=f"bearer  {TOKEN}"))
    assert halves.json == ask(address, with_token(["\ufffd"])).json


def test_requests_at_the_same_time_on_one_connection_and_on_many_get_their_own_answers(address: Address) -> None:
    texts = [f"{TEXTS[number % 3]} {number}" for number in range(200)]
    alone = ask(address, with_token(texts)).json["answers"]

    def each(start: int) -> list[Any]:
        with socket.create_connection(address, TIMEOUT) as connection, connection.makefile("rb") as answers:
            connection.sendall(b"".join(with_token([text]) for text in texts[start : start + 20]))
            return [response(answers).json["answers"][0] for _ in range(20)]

    with ThreadPoolExecutor(10) as clients:
        found = clients.map(each, range(0, 200, 20))
        assert [answer for answers in found for answer in answers] == alone


def test_what_comes_while_the_model_runs_is_answered_in_one_run() -> None:
    model = Slow()
    with running(model) as address, ThreadPoolExecutor() as clients:
        first = clients.submit(ask, address, asking(["first"]))
        wait_for(lambda: model.runs == [["first"]])
        others = [clients.submit(ask, address, asking([f"{name} 1", f"{name} 2"])) for name in ("b", "c")]
        wait_for(lambda: "textrnn_waiting_requests 3.0" in ask(address, request("GET", "/metrics")).body.decode())
        model.free.set()
        assert first.result().json["answers"] == [{"label": "first", "probability": 0.5}]
        for name, other in zip("bc", others, strict=True):
            assert [answer["label"] for answer in other.result().json["answers"]] == [f"{name} 1", f"{name} 2"]
        counted = ask(address, request("GET", "/metrics")).body.decode()
    assert sorted(model.runs[1]) == ["b 1", "b 2", "c 1", "c 2"]
    assert len(model.runs) == 2
    assert "textrnn_batch_texts_sum 5.0" in counted
    assert 'textrnn_requests_total{path="/predict",status="200"} 3.0' in counted
    assert 'textrnn_answers_total{label="b 1"} 1.0' in counted


def test_a_long_request_is_cut_so_that_others_come_between_its_parts() -> None:
    model = Slow()
    texts = ["long " * 2000 + str(number) for number in range(20)]
    with running(model, LIMITS._replace(body=1 << 20, texts=20)) as address, ThreadPoolExecutor() as clients:
        long = clients.submit(ask, address, asking(texts))
        wait_for(lambda: model.runs)
        short = clients.submit(ask, address, asking(["short"]))
        wait_for(lambda: "textrnn_waiting_requests 2.0" in ask(address, request("GET", "/metrics")).body.decode())
        model.free.set()
        assert [answer["label"] for answer in long.result().json["answers"]] == texts
        assert short.result().status == 200
    assert len(model.runs[0]) < 10
    assert "short" in model.runs[1]


# Limits


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (b'{"texts":["a"', 400, "expected JSON: "),
        (b"", 400, "expected JSON: "),
        (b'{"texts":["\xff"]}', 400, "expected JSON in UTF-8, found other bytes at 11"),
        (b"[" * 15_000, 400, "nested too deeply"),
        (b"[]", 422, "found no object"),
        (b'{"text":["a"]}', 422, "found other keys"),
        (b'{"texts":"a"}', 422, "found no list of texts"),
        (b'{"texts":["a",1]}', 422, "found no string at position 1"),
        (json.dumps({"texts": ["a"] * 1001}).encode(), 413, "expected at most 1,000 texts, found 1,001"),
        (b"a" * 20_001, 413, "expected a body of at most 20,000 bytes"),
        (b"a" * 5_000_000, 413, "expected a body of at most 20,000 bytes"),
    ],
)
def test_a_request_that_cannot_be_answered_is_told_why(address: Address, sent: bytes, status: int, said: str) -> None:
    refused(ask(address, request("POST", "/predict", sent, Authorization=f"Bearer {TOKEN}")), status, said)


def test_another_path_method_or_encoding_is_told_why(address: Address) -> None:
    refused(ask(address, request("GET", "/predictions")), 404, "found another path")
    wrong = ask(address, request("GET", "/predict"))
    refused(wrong, 405, "which the header Allow names")
    assert wrong.headers["allow"] == "POST"
    packed = request("POST", "/predict", b"x", Content_Encoding="gzip", Authorization=f"Bearer {TOKEN}")
    refused(ask(address, packed), 415, "without Content-Encoding")
    refused(ask(address, b"hello\r\n\r\n"), 400, "expected HTTP/1.1")
    refused(ask(address, request("GET", "/", b"", Cookie="a" * 1_000_000)), 400, "a header of at most")


def test_more_requests_than_may_wait_are_told_to_come_later() -> None:
    model = Slow()
    with running(model) as address, ThreadPoolExecutor() as clients:
        some = [clients.submit(ask, address, asking(["some"])) for _ in range(LIMITS.requests)]
        wait_for(lambda: "textrnn_waiting_requests 3.0" in ask(address, request("GET", "/metrics")).body.decode())
        full = ask(address, asking(["more"]))
        refused(full, 503, "too many requests wait already")
        assert full.headers["retry-after"] == "1"
        model.free.set()
        assert [one.result().status for one in some] == [200] * LIMITS.requests


def test_a_request_whose_time_is_up_is_told_so_and_its_texts_are_not_read() -> None:
    model = Slow()
    with running(model, LIMITS._replace(seconds=0.3)) as address:
        for text in ("first", "second"):
            refused(ask(address, asking([text])), 503, "no answer within 0.3 seconds")
        model.free.set()
        wait_for(lambda: ask(address, asking(["again"])).status == 200)
    assert model.runs[0] == ["first"]
    assert ["second"] not in model.runs


def test_a_client_that_is_too_slow_is_told_so_and_one_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MARGIN", 1.5)
    with running(Slow(), LIMITS._replace(seconds=0.2)) as address, ThreadPoolExecutor() as clients:
        silent = [clients.submit(ask, address, sent) for sent in (b"", b"GET / HT")]
        refused(ask(address, asking(["a"])[:-5]), 408, "expected the whole body within 0.2 seconds")
        for one in silent:
            refused(one.result(), 408, "expected a whole request in time")


def test_too_many_connections_are_refused_and_those_before_them_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    model = Slow()
    model.free.set()
    with running(model) as address:
        open_ones = [socket.create_connection(address, TIMEOUT) for _ in range(2)]
        try:
            refused(ask(address, b""), 503, "more than 2 connections")
            for one in open_ones:
                with one.makefile("rb") as answers:
                    one.sendall(asking(["a"]))
                    assert response(answers).status == 200
        finally:
            for one in open_ones:
                one.close()
        wait_for(lambda: ask(address, request("GET", "/health")).status == 200)


def test_a_text_that_is_the_models_undoing_is_an_error_of_its_own_request_alone_and_is_not_logged(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = Slow()
    with running(model) as address, ThreadPoolExecutor() as clients:
        first = clients.submit(ask, address, asking(["first"]))
        wait_for(lambda: model.runs)
        others = [clients.submit(ask, address, asking([text])) for text in ("a bug: my secret", "fine")]
        wait_for(lambda: "textrnn_waiting_requests 3.0" in ask(address, request("GET", "/metrics")).body.decode())
        model.free.set()
        assert first.result().status == 200
        refused(others[0].result(), 500, "an error in textrnn")
        assert others[1].result().json["answers"][0]["label"] == "fine"
        refused(ask(address, asking(["a pattern: my own"])), 422, "expected a pattern")
        refused(ask(address, asking(["a damaged model"])), 500, "an error in textrnn")
    said = capfd.readouterr().err
    line = r"error: {} at .*test_serving\.py, line \d+, while answering /predict\n"
    assert re.fullmatch(line.format("ValueError") + line.format("UserError"), said)


# Who may ask


def test_without_the_token_only_what_tells_nothing_is_answered(address: Address) -> None:
    for path, status in (("/health", 200), ("/openapi.json", 200), ("/", 200), ("/metrics", 401)):
        assert ask(address, request("GET", path)).status == status
    for token in ("", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer \xe9"):
        headers = {"Authorization": token} if token else {}
        found = ask(address, request("POST", "/predict", b'{"texts":["a"]}', **headers))
        refused(found, 401, "expected the header Authorization: Bearer TOKEN")
        assert found.headers["www-authenticate"] == "Bearer"
    metrics = ask(address, request("GET", "/metrics", b"", Authorization=f"Bearer {TOKEN}"))
    assert b"textrnn_batch_texts_bucket" in metrics.body
    assert metrics.headers["content-type"].startswith("text/plain")


def test_the_token_comes_from_a_file_or_the_environment_and_not_from_the_command_line(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n", "utf-8")
    with served(trained_model, "--token-file", str(tmp_path / "token"), TEXTRNN_TOKEN=TOKEN[1:]) as one:
        assert ask(one.address, with_token(["a"])).status == 200
        assert ask(one.address, asking(["a"])).status == 401
    monkeypatch.setattr(sys, "argv", ["textrnn serve", "--token", TOKEN])
    with pytest.raises(SystemExit, match="2"):
        server.arguments()
    for text in ("", " \n", "two words", "café"):
        monkeypatch.setenv(server.TOKEN, text)
        with pytest.raises(UserError, match=r"^expected a token of printable ASCII .* in TEXTRNN_TOKEN"):
            server.token_of(None)
    monkeypatch.delenv(server.TOKEN)
    assert server.token_of(None) is None


# Its page


def test_the_description_holds_for_its_own_examples_and_its_page_loads_nothing(address: Address) -> None:
    described = ask(address, request("GET", "/openapi.json")).json
    operation = described["paths"]["/predict"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    found = ask(address, with_token(example["texts"])).json
    shown = operation["responses"]["200"]["content"]["application/json"]["example"]
    assert [list(answer) for answer in found["answers"]] == [list(answer) for answer in shown["answers"]]
    page = ask(address, request("GET", "/"))
    text = page.body.decode()
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(", text)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for path, methods in described["paths"].items():
        assert f"{next(iter(methods)).upper()} {path}<" in text


# How it begins and ends


def failed(*arguments: str | Path) -> str:
    """Start a server that cannot start, and return its one line."""
    command = [sys.executable, "-m", "textrnn", "serve", *arguments]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    return done.stderr


def test_an_answer_is_sent_at_once_and_not_when_the_client_has_confirmed_its_first_bytes() -> None:
    with server.bound("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_keeps_it_from_starting_is_said_in_a_line(trained_model: Path, tmp_path: Path, address: Address) -> None:
    host, port = address
    assert re.match(
        rf"error: expected an address to listen on, found {host}, port {port} \(.*\): choose another by --port",
        failed("--port", str(port), trained_model),
    )
    assert "found no.such.host.invalid, port 0 (" in failed(
        "--port", "0", "--host", "no.such.host.invalid", trained_model
    )
    for beyond in ("70000", "-1"):
        assert failed("--port", beyond, trained_model).startswith("error: expected an address to listen on, found 127")
    assert failed("--port", "0", tmp_path).startswith(f"error: expected the file {tmp_path}/model.onnx, found none")
    assert str(tmp_path / "token") in failed("--port", "0", "--token-file", tmp_path / "token", trained_model)


def test_whoever_listens_to_other_machines_without_a_token_is_told(trained_model: Path) -> None:
    command = [sys.executable, "-m", "textrnn", "serve", "--port", "0", "--host", "0.0.0.0", str(trained_model)]  # noqa: S104
    with subprocess.Popen(command, cwd=paths.ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert process.stderr.readline().startswith("note: anyone who can reach 0.0.0.0 can ask: set TEXTRNN_TOKEN")
        process.terminate()


@unix_alone
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_that_has_come_is_answered_before_the_server_ends(trained_model: Path, number: int) -> None:
    with served(trained_model, "--timeout", "300") as running, socket.create_connection(running.address, 300) as client:
        with client.makefile("rb") as answers:
            sent = asking(["see you at 8"], Expect="100-continue")
            client.sendall(sent[:-5])
            assert answers.readline() == b"HTTP/1.1 100 Continue\r\n", "the server has begun to read the body"
            assert answers.readline() == b"\r\n"
            running.process.send_signal(number)
            wait_for(lambda: not listens(running.process.pid))
            client.sendall(sent[-5:])
            assert response(answers).json["answers"][0]["label"] == "ham"
        assert running.process.wait() == 0
        assert running.process.stderr
        assert running.process.stderr.read() == ""


def listens(process: int) -> bool:
    return any(one.status == psutil.CONN_LISTEN for one in psutil.Process(process).net_connections())


# Hostile company


@unix_alone
def test_among_hostile_requests_nothing_is_lost_and_nothing_leaks(trained_model: Path) -> None:
    statuses, faults, _, _ = attack_all(trained_model, 300, seed=1)
    assert faults == []
    assert sum(counts.total() for counts in statuses.values()) == 300


def test_a_server_that_answers_wrongly_is_noticed(trained_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[..., Any] = classifier.Classifier.shown
    monkeypatch.setattr(classifier.Classifier, "shown", lambda *given: [0.5 for _ in found(*given)])
    faults = attack_all(trained_model, 15, seed=1)[1]
    assert faults
    assert all("a valid request was answered 200" in fault for fault in faults)
