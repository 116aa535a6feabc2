"""`import textrnn`: what a program gets, and that every example of docs/api.md runs."""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import textrnn
from bench.served import ask, request, served
from tests.models import THREE, trained
from tests.test_serving import TEXTS
from textrnn.core.paths import ROOT
from textrnn.inference import loading, predictor
from textrnn.serving import connections, server

PAGE = (ROOT / "docs/api.md").read_text("utf-8")


@pytest.fixture(scope="module")
def model(trained_model: Path) -> textrnn.Classifier:
    return textrnn.load(str(trained_model))


def block(kind: str) -> str:
    """Return the page's only block of a kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_example_in_python_runs(trained_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained_model.parent)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(block("python"), {})  # noqa: S102
    lines = said.getvalue().splitlines()
    assert [line.split(" ")[0] for line in lines[:2]] == ["spam", "ham"]
    assert [line.split(" ")[1] for line in lines[2:]] == ["Claim", "your", "prize", "now"]


def test_the_example_of_http_is_answered_as_it_shows(trained_model: Path) -> None:
    words = shlex.split(block("sh"))
    assert words[0] == "curl"
    with served(trained_model) as running:
        found = ask(running.address, request("POST", words[1].partition(":8080")[2], words[3].encode())).json
    shown = json.loads(block("json"))
    assert [list(answer) for answer in found["answers"]] == [list(answer) for answer in shown["answers"]]
    assert [answer["label"] for answer in found["answers"]] == [answer["label"] for answer in shown["answers"]]


def test_the_page_names_every_option_and_limit_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["textrnn serve"])
    given = vars(server.arguments())
    options = {f"--{name.replace('_', '-')}" for name in given} - {"--model"}
    assert options <= set(re.findall(r"--[a-z-]+", PAGE))
    assert given["max_body"] == 1 << 20
    assert "`--max-body` 1 MiB" in PAGE
    for name in ("max_texts", "timeout", "max_requests"):
        assert f"`--{name.replace('_', '-')}` {given[name]:,}" in PAGE
    assert f"{connections.MOST_CONNECTIONS}\n  connections" in PAGE


def test_labels_and_probabilities_are_those_of_each_text_in_order(
    model: textrnn.Classifier, trained_model: Path
) -> None:
    labels: list[str]
    labels, probabilities = model.predict(iter(TEXTS))
    assert model.labels == ("ham", "spam")
    assert model.positive_label == "spam"
    assert probabilities.dtype == np.float64
    assert (probabilities == predictor.probabilities(loading.load(trained_model), TEXTS)).all()
    assert labels == ["spam" if row[1] >= model.threshold else "ham" for row in probabilities]
    for text, label, row in zip(TEXTS, labels, probabilities, strict=True):
        alone = model.predict([text])
        assert (alone.labels, alone.probabilities.tolist()) == ([label], [row.tolist()])


def test_no_texts_have_no_answers(model: textrnn.Classifier) -> None:
    found = model.predict([])
    assert found.labels == []
    assert found.probabilities.shape == (0, 2)
    assert model.explain("") == []


def test_of_three_labels_the_answer_is_the_likeliest(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = textrnn.load(trained(tmp_path_factory.getbasetemp(), THREE) / "model")
    found = model.predict(["see you at it", "WIN a free lamp", "courier has soup"])
    assert (model.positive_label, set(model.labels)) == (None, set(THREE))
    assert found.labels == [model.labels[number] for number in found.probabilities.argmax(axis=1)]
    assert model.shown(found) == found.probabilities.max(axis=1).tolist()


def test_an_explanation_has_each_token_in_order_and_more_without_it_is_less(model: textrnn.Classifier) -> None:
    found = model.explain("WIN a free lamp, call!")
    assert [token for token, _ in found] == ["WIN", "a", "free", "lamp", ",", "call", "!"]
    text = "".join(piece for piece, _ in model.pieces("WIN a free lamp, call!"))
    assert text == "WIN a free lamp, call!"
    first, weight = found[0]
    spam, without = model.predict(["WIN a free lamp, call!", "  a free lamp, call!"]).probabilities[:, 1]
    assert first == "WIN"
    assert weight == pytest.approx(np.log(spam / (1 - spam)) - np.log(without / (1 - without)), abs=1e-4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a text", r"expected a list of texts, found str: predict\(\[text\]\) answers one"),
        (b"bytes", "expected a list of texts, found bytes"),
        (None, "expected a list of texts, found NoneType"),
        (["a", 1], r"expected a text \(str\) at position 1, found int"),
        (["a", "b", None], r"expected a text \(str\) at position 2, found NoneType"),
        ([float("nan")], r"expected a text \(str\) at position 0, found float"),
        ([b"a"], r"expected a text \(str\) at position 0, found bytes"),
    ],
)
def test_what_is_no_text_is_refused(model: textrnn.Classifier, given: list[str], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        model.predict(given)
    if isinstance(given, list) and len(given) == 1:
        with pytest.raises(TypeError, match=said):
            model.explain(given[0])


def test_half_a_character_is_read_as_the_replacement_character(model: textrnn.Classifier) -> None:
    found = model.predict(["see \ud83d you", "see \ufffd you", "a \ud83d\ude00", "a \N{GRINNING FACE}"]).probabilities
    assert found[0].tolist() == found[1].tolist()
    assert found[2].tolist() == found[3].tolist()


def test_a_model_that_is_missing_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(textrnn.UserError, match=r"^expected a trained model in .*nowhere, found no such folder: run"):
        textrnn.load(tmp_path / "nowhere")
    with pytest.raises(textrnn.UserError, match=r"^expected the file .*model\.onnx, found none"):
        textrnn.load(tmp_path)


def test_threads_that_share_a_model_get_the_answers_of_one(
    model: textrnn.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textrnn.inference.loading.CACHED", 50)  # tokens that are kept: threads forget them in turn
    texts = [f"{TEXTS[number % 3]} number {number} of {number * number}" for number in range(400)]
    alone = model.predict(texts).probabilities.tolist()

    def some(start: int) -> list[list[float]]:
        return [row for text in texts[start : start + 40] for row in model.predict([text]).probabilities.tolist()]

    with ThreadPoolExecutor(8) as threads:
        assert [row for rows in threads.map(some, range(0, 400, 40)) for row in rows] == alone
        assert set(map(tuple, threads.map(model.explain, [TEXTS[0]] * 20))) == {tuple(model.explain(TEXTS[0]))}


def test_the_package_offers_what_it_names_and_loads_nothing_before_it_is_asked() -> None:
    assert {name for name in dir(textrnn) if name in textrnn.__all__} == set(textrnn.__all__)
    for name in textrnn.__all__:
        assert getattr(textrnn, name)
    with pytest.raises(AttributeError, match="module 'textrnn' has no attribute 'lode'"):
        textrnn.lode  # type: ignore[attr-defined]  # noqa: B018  # type checkers notice it, too
    code = "import textrnn, sys; print(sorted({'numpy', 'onnxruntime', 'pydantic', 'argparse'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_message_is_answered_without_what_checks_params_yaml(trained_model: Path) -> None:
    """It would take a third of the time."""
    code = "import sys, textrnn; textrnn.load(sys.argv[1]).predict(['']); print('pydantic' in sys.modules)"
    run = [sys.executable, "-c", code, str(trained_model)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
