"""textrnn/inference/explain.py: which tokens move an answer."""

from pathlib import Path

import numpy as np
import pytest

from textrnn.inference import explain, predictor

SPAM = "hello there, WIN a free £500 voucher"


@pytest.fixture(scope="module")
def model(trained_model: Path) -> predictor.Model:
    return predictor.load(trained_model)


def test_a_weight_is_what_the_label_loses_in_log_odds_without_the_token(model: predictor.Model) -> None:
    found = explain.parts(model, SPAM, 1)
    tokens = ["hello", "there", ",", "WIN", "a", "free", "£", "500", "voucher"]
    assert [SPAM[part.start : part.end] for part in found] == tokens
    for part in found:
        left = SPAM[: part.start] + " " + SPAM[part.end :]
        whole, without = predictor.probabilities(model, [SPAM, left])[:, 1]
        assert part.weight == pytest.approx(np.log(whole / (1 - whole)) - np.log(without / (1 - without)), abs=1e-6)
    assert any(part.weight for part in found)


def test_what_speaks_for_one_of_two_labels_speaks_against_the_other(model: predictor.Model) -> None:
    weights = ([part.weight for part in explain.parts(model, SPAM, label)] for label in (0, 1))
    for against, for_it in zip(*weights, strict=True):
        assert against == pytest.approx(-for_it, abs=1e-4)  # the probabilities have six digits


def test_a_token_that_only_spam_has_speaks_for_spam(model: predictor.Model) -> None:
    (best, weight), *_ = explain.strongest(SPAM, explain.parts(model, SPAM, 1), 3)
    assert best in {"WIN", "free"}
    assert weight > 0


def test_the_strongest_come_first_whatever_they_speak_for() -> None:
    found = [
        explain.Part(0, 1, 0.5),
        explain.Part(2, 3, 0.0),
        explain.Part(4, 5, -2.0),
        explain.Part(6, 7, 1.0),
    ]
    assert explain.strongest("a b c d", found, 2) == [("c", -2.0), ("d", 1.0)]
    assert explain.strongest("a b c d", found, 9) == [("c", -2.0), ("d", 1.0), ("a", 0.5)]


@pytest.mark.parametrize("text", ["", " ", "\u3000"])
def test_a_text_without_tokens_has_none_that_move_it(model: predictor.Model, text: str) -> None:
    assert explain.parts(model, text, 1) == []


def test_no_more_tokens_are_looked_at_than_the_network_reads(model: predictor.Model) -> None:
    assert len(explain.parts(model, "tea " * 200, 1)) == model.settings.max_sequence_length
