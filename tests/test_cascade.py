"""The cascade: the linear branch answers where it is sure, and the whole model elsewhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models import TWO, corpus, train_in
from textrnn.core.files import read_json, read_table
from textrnn.inference import explain, predictor
from textrnn.model import cascade

LABELS = np.tile([0, 1], 500).astype(np.int16)


def logits(sure_of: NDArray[np.int16], odds: float = 6.0) -> NDArray[np.float64]:
    """Return logits that speak for these labels with these log-odds."""
    return np.eye(2)[sure_of] * odds


def test_the_linear_branch_answers_alone_where_it_is_sure_and_costs_no_more_than_chance() -> None:
    unsure = np.arange(1000) < 100
    first = np.where(unsure[:, None], logits(LABELS, 1.0), logits(LABELS))
    assert cascade.chosen(first, logits(LABELS), LABELS) == cascade.SURE[0]
    assert cascade.answered(first, cascade.SURE[0]).tolist() == (~unsure).tolist()


def test_there_is_no_cascade_where_the_whole_model_knows_better_what_the_linear_branch_is_sure_of() -> None:
    mistaken = np.where(np.arange(1000) < 40, 1 - LABELS, LABELS)
    assert cascade.chosen(logits(mistaken), logits(LABELS), LABELS) is None


def test_there_is_no_cascade_where_the_networks_are_right_about_texts_of_which_the_linear_branch_is_not_sure() -> None:
    mistaken = np.where(np.arange(1000) < 40, 1 - LABELS, LABELS)
    first = np.where(mistaken[:, None] != LABELS[:, None], logits(mistaken, 1.0), logits(LABELS))
    assert cascade.chosen(first, logits(LABELS), LABELS) is None
    assert cascade.chosen(first, first, LABELS) == cascade.SURE[0]


def test_there_is_no_cascade_where_the_linear_branch_is_sure_of_less_than_half_of_the_texts() -> None:
    for unsure, some in ((520, []), (480, list(cascade.SURE[:1]))):
        first = np.where(np.arange(1000)[:, None] < unsure, logits(LABELS, 1.0), logits(LABELS, 4.0))
        assert cascade.thresholds(first) == some


@pytest.fixture(scope="module")
def cascading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory where the stages have run with a cascade."""
    root = tmp_path_factory.mktemp("cascade") / "root"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cascade, "SURE", (0.9,))
        patch.setattr(cascade, "FEWEST", 0.0)
        patch.setattr(cascade, "ERRORS", 100.0)
        patch.setattr(cascade, "LITTLE", 1000.0)
        train_in(root, TWO, cascade=True)
    return root


LEARNT = [line.split("\t")[1] for line in corpus(TWO).splitlines()[:60]]
TEXTS = ["CLAIM your £500 voucher!!", "see you at soup", "lamp", "", *LEARNT]


def test_each_text_is_answered_by_the_first_graph_where_it_is_sure_and_else_by_the_second(cascading: Path) -> None:
    model = predictor.load(cascading / "model")
    assert model.settings.alone_from == 0.9
    first, whole = (predictor.probabilities(predictor._from(model, least), TEXTS) for least in (0.0, 1.1))
    sure = first.max(axis=1) >= 0.9
    assert 0 < sure.sum() < len(TEXTS)
    expected = np.where(sure[:, None], first, whole)
    assert predictor.probabilities(model, TEXTS).tolist() == expected.tolist()
    alone = [predictor.probabilities(model, [text])[0].tolist() for text in TEXTS]
    assert alone == expected.tolist(), "whichever texts come with it"
    asked = predictor.outputs(model, TEXTS, ["networks", "size"])
    assert np.round(asked["probabilities"], 6).tolist() == expected.tolist()
    assert asked["networks"].shape == (len(TEXTS), 2)


def test_a_text_is_explained_by_the_graph_that_answers_it(cascading: Path) -> None:
    model = predictor.load(cascading / "model")
    for text in TEXTS[:3]:
        answering = predictor.answering(model, text)
        assert explain.pieces(model, text, 1) == explain.pieces(answering, text, 1)
        assert predictor.probabilities(answering, [text]).tolist() == predictor.probabilities(model, [text]).tolist()


def test_the_networks_are_loaded_when_a_text_needs_them(cascading: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, loaded = predictor.load(cascading / "model"), list[Path]()
    probabilities = predictor.probabilities(predictor._from(model, 0.0), TEXTS).max(axis=1)
    real = predictor._session

    def noting(path: Path, content: bytes) -> Any:
        loaded.append(path)
        return real(path, content)

    monkeypatch.setattr(predictor, "_session", noting)
    model = predictor.load(cascading / "model")
    for row, name in ((probabilities.argmax(), "linear.onnx"), (probabilities.argmin(), "model.onnx")):
        predictor.probabilities(model, [TEXTS[row]] * 2)
        assert loaded[-1].name == name
    predictor.probabilities(model, TEXTS)
    assert [path.name for path in loaded] == ["linear.onnx", "model.onnx"]


def test_the_report_says_which_network_answers_what(cascading: Path) -> None:
    count = read_json(cascading / "metrics/train.json")["parameters"]
    said = (
        f"Those {count:,} parameters are one more network's: it has learnt all training messages, and answers where "
        "the linear model alone is less than 90.0\u00a0% sure."
    )
    assert said in (cascading / "report/index.html").read_text("utf-8")


def test_the_held_out_answers_are_those_of_the_cascade(cascading: Path) -> None:
    held_out = np.array([line[1:] for line in read_table(cascading / "data/scored/held_out.tsv")[1:]], float)
    assert len(held_out) > 100
    assert (held_out.max(axis=1) >= 0.9).any()
    assert read_json(cascading / "model/settings.json")["alone_from"] == 0.9
