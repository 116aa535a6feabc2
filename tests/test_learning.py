"""From training rows to a model: what the members and the linear branch have seen, and what they have not."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tests.configs import probabilities_of, rows_of, small
from textrnn.core.errors import UserError
from textrnn.inference.predictor import linear_inputs
from textrnn.model import linear
from textrnn.model.config import TrainConfig
from textrnn.model.export import export
from textrnn.model.stacking import softmax
from textrnn.text import subwords
from textrnn.text.ngrams import indexed, ngrams, size
from textrnn.text.vocabulary import UNKNOWN, Vectorize
from textrnn.training import checkpoint, loop, machine, trainer
from textrnn.training import learn as learning
from textrnn.training.batches import Collator
from textrnn.training.folds import folds
from textrnn.training.learn import Part, TrainedModel, known_words, learn, linear_branch
from textrnn.training.members import one_by_one
from textrnn.training.trainer import Trainer

VECTORIZE = Vectorize(tokenizer="word", min_word_frequency=0, max_sequence_length=6)
BUCKETS = 30

Floats = NDArray[np.float64]

# Three messages a group, those of the first, third and so on of label 1; no two groups share their last word.
PLEAS = ["claim your", "win a free", "collect the"]
CHATS = ["see you at", "bring me", "mum left"]
THINGS = ["lamp", "ticket", "bike", "voucher", "soup", "box", "café", "boat", "cup"]
TEXTS = [f"{start} {thing}" for place, thing in enumerate(THINGS) for start in (PLEAS, CHATS)[place % 2]]
LABELS = [1 - row // 3 % 2 for row in range(len(TEXTS))]
GROUPS = np.arange(len(TEXTS)) // 3
TOKENS = sorted({word for text in TEXTS for word in text.split()})
STRANGE = ["a-word-which-is-much-longer-than-all-the-others", "zeppelin", "aardvark"]

RECIPES = {
    "alone": small(cell="rnn", units=6, embedding_size=6, epochs=2),
    "alone, noise": small(cell="rnn", epochs=2, token_dropout=0.2, word_dropout=0.2, dropout=0.2),
    "alone, subwords": small(cell="rnn", epochs=2, subword_buckets=BUCKETS),
    "alone, subwords, noise": small(cell="rnn", epochs=2, subword_buckets=BUCKETS, subword_dropout=0.3),
    "ensemble": small(cell="rnn", epochs=2, ensemble=3),
    "ensemble, linear, subwords": small(
        pooling="mean_max", epochs=2, ensemble=3, linear=True, subword_buckets=BUCKETS, word_dropout=0.1
    ),
}  # fmt: skip


@cache
def made(config: TrainConfig, vocabulary_size: int, classes: int) -> tuple[Trainer, checkpoint.Arrays]:
    trainer = Trainer(config, vocabulary_size, classes)
    return trainer, trainer.state()


def trainer_of(config: TrainConfig, vocabulary_size: int, classes: int) -> Trainer:
    """Return a trainer as if it were new: to compile its steps takes a second."""
    trainer, first = made(config, vocabulary_size, classes)
    trainer.restore(first)
    return trainer


@pytest.fixture(autouse=True)
def trainers_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a trainer for all tests, and no checkpoint for two of them."""
    monkeypatch.setattr(trainer, "Trainer", trainer_of)
    monkeypatch.setattr(learning, "side_by_side", one_by_one)
    monkeypatch.setattr(machine, "tell", lambda *_: None)
    monkeypatch.setattr(loop, "CHECKPOINT", tmp_path / "checkpoint")


def part_of(texts: list[str], labels: list[int], tokens: list[str], groups: NDArray[np.int64] = GROUPS) -> Part:
    return Part(rows_of([[tokens.index(word) for word in text.split()] for text in texts], labels), groups, texts)


def learnt_from(
    config: TrainConfig, texts: list[str] = TEXTS, labels: list[int] = LABELS, tokens: list[str] = TOKENS,
    held_out: tuple[str, ...] = (),
) -> TrainedModel:  # fmt: skip
    """Return what is learnt; a single network is held out on the messages `held_out`, or on those it learns."""
    loop.CHECKPOINT.unlink(missing_ok=True)
    part = part_of(texts, labels, tokens)
    beside = part_of(list(held_out), [0] * len(held_out), tokens).rows if held_out else part.rows
    return learn(config, VECTORIZE, tokens, 1 + max(labels), part, beside, "mark")


@cache
def learnt(name: str) -> TrainedModel:
    return learnt_from(RECIPES[name])


def fold_of(config: TrainConfig, labels: list[int] = LABELS) -> NDArray[np.int64]:
    return folds(GROUPS, np.array(labels, np.int8), config.ensemble, config.seed)


def answers(model: bytes, config: TrainConfig, found: TrainedModel, texts: list[str]) -> Floats:
    """Return the graph's probabilities, for messages read with the vocabulary that was learnt."""
    tokens = sorted({word for text in texts for word in text.split()})
    ids = {word: number for number, (word, _) in enumerate(found.words, UNKNOWN + 1)}
    words = np.array([ids.get(token, UNKNOWN) for token in tokens], np.int32)
    pieces = subwords.table(tokens, BUCKETS) if config.subword_buckets else None
    collator = Collator(words, pieces, VECTORIZE.max_sequence_length, config.masking)
    rows = part_of(texts, [0] * len(texts), tokens).rows
    inputs: dict[str, Any] = dict(collator.batch(rows, np.arange(len(texts)), collator.lengths(rows)))
    if config.linear:
        inputs |= linear_inputs(indexed(found.ngrams), texts)
    return np.asarray(probabilities_of(model, inputs), np.float64)


ENSEMBLES = pytest.mark.parametrize("name", ["ensemble", "ensemble, linear, subwords"])


@pytest.mark.parametrize(
    ("least", "words", "kept"),
    [
        (0, [3, 1, 0, 2, 4], [("b", 3), ("d", 2), ("a", 1), ("e", 1)]),
        (1, [0, 1, 0, 2, 0], [("b", 3), ("d", 2)]),
        (2, [0, 1, 0, 0, 0], [("b", 3)]),
        (3, [0, 0, 0, 0, 0], []),
    ],
)
def test_words_are_kept_that_training_rows_hold_more_often_than_the_least(
    least: int, words: list[int], kept: list[tuple[str, int]]
) -> None:
    rows = rows_of([[1, 3, 1], [0, 1], [3, 4]])  # 2 stands in a test row alone
    found, counts = known_words(rows, list("abcde"), least)
    assert found.tolist() == words
    assert found.dtype == np.int32
    assert counts == kept
    assert found[2] == UNKNOWN


def test_words_as_frequent_as_each_other_stand_by_the_alphabet_whatever_other_rows_hold() -> None:
    for tokens in (list("abcde"), list("ecadb")):  # what test rows hold decides which of them comes first
        found, counts = known_words(rows_of([[4, 2, 0, 3, 1]]), tokens, 0)
        assert counts == [(token, 1) for token in "abcde"]
        assert [counts[number - 1][0] for number in found] == tokens


@pytest.mark.parametrize("name", RECIPES)
def test_how_the_corpus_numbers_its_tokens_changes_nothing(name: str) -> None:
    turned = [TOKENS[number] for number in np.random.default_rng(3).permutation(len(TOKENS))]
    assert turned != TOKENS
    again = learnt_from(RECIPES[name], tokens=turned)
    assert again.model == learnt(name).model
    assert again.held_out.tobytes() == learnt(name).held_out.tobytes()


@pytest.mark.parametrize("name", RECIPES)
def test_tokens_of_which_no_row_of_the_part_holds_any_change_nothing(name: str) -> None:
    more = sorted([*TOKENS, *STRANGE])
    again = learnt_from(RECIPES[name], tokens=more)
    assert again.words == learnt(name).words
    assert again.model == learnt(name).model


def test_a_word_which_only_held_out_rows_hold_is_unknown() -> None:
    tokens = sorted([*TOKENS, *STRANGE])
    held_out = ("see zeppelin soup", "see aardvark soup", "see bike soup")
    found = learnt_from(RECIPES["alone"], tokens=tokens, held_out=held_out)
    assert {word for word, _ in found.words} == set(TOKENS)
    assert found.model == learnt("alone").model
    assert found.held_out[0].tolist() == found.held_out[1].tolist() != found.held_out[2].tolist()


def test_a_single_network_says_of_the_held_out_rows_what_its_graph_says() -> None:
    held_out = ("win a bike", "mum left soup", "lamp", "bring boat and cup")
    found = learnt_from(RECIPES["alone"], tokens=sorted([*TOKENS, "and"]), held_out=held_out)
    expected = answers(found.model, RECIPES["alone"], found, list(held_out))
    np.testing.assert_allclose(found.held_out, expected, rtol=0, atol=1e-6)
    assert np.ptp(found.held_out[:, 0]) > 1e-3
    assert len(found.ngrams) == 0


@ENSEMBLES
def test_a_member_and_its_graph_say_the_same_of_the_rows_it_left_out(name: str) -> None:
    config, found = RECIPES[name], learnt(name)
    alone = config.model_copy(update={"linear": False})
    fold = fold_of(config)
    for number, (arrays, logits) in enumerate(zip(found.fitted.weights, found.fitted.logits, strict=True)):
        texts = [TEXTS[row] for row in np.flatnonzero(fold == number)]  # their last words are unknown to the member
        model = export([arrays], alone, 2)
        np.testing.assert_allclose(softmax(logits), answers(model, alone, found, texts), rtol=0, atol=1e-6)


@ENSEMBLES
def test_a_word_that_a_member_does_not_know_has_its_vector_of_unknown_words(name: str) -> None:
    config, found = RECIPES[name], learnt(name)
    fold = fold_of(config)
    for number, arrays in enumerate(found.fitted.weights):
        seen = {word for text, one in zip(TEXTS, fold, strict=True) if one != number for word in text.split()}
        vectors = arrays["words"]
        unknown = [word for place, (word, _) in enumerate(found.words, 1) if (vectors[place] == vectors[0]).all()]
        assert sorted(unknown) == sorted(set(TOKENS) - seen)
        assert len(unknown) >= 2


def test_a_word_rare_among_a_members_rows_is_unknown_to_it_though_all_rows_hold_it_often() -> None:
    config = RECIPES["ensemble"]
    fold = fold_of(config)
    outside = [row for row in range(len(TEXTS)) if fold[row] == 0][:2]  # known from all rows, not from those of 1 and 2
    inside = next(row for row in range(len(TEXTS)) if fold[row] == 1)
    texts = [f"{text} and" if row in (*outside, inside) else text for row, text in enumerate(TEXTS)]
    part, tokens = part_of(texts, LABELS, sorted([*TOKENS, "and"])), sorted([*TOKENS, "and"])
    frequent = VECTORIZE.model_copy(update={"min_word_frequency": 1})
    found = learn(config, frequent, tokens, 2, part, part.rows, "mark")
    place = 1 + [word for word, _ in found.words].index("and")
    unknown = [(arrays["words"][place] == arrays["words"][0]).all() for arrays in found.fitted.weights]
    assert unknown == [True, False, False]  # once, twice and three times


@ENSEMBLES
def test_the_held_out_rows_of_the_members_are_blended_in_the_order_of_all_rows(name: str) -> None:
    config, found = RECIPES[name], learnt(name)
    fold = fold_of(config)
    features = np.zeros((len(TEXTS), 1))
    for number, logits in enumerate(found.fitted.logits):
        features[fold == number, 0] = logits[:, 1] - logits[:, 0]
    if config.linear:
        features = np.hstack([features, np.zeros((len(TEXTS), 2))])
        bags = [ngrams(text) for text in TEXTS]
        for row, text in enumerate(TEXTS):
            others = np.flatnonzero(fold != fold[row])
            branch = linear.fit([bags[other] for other in others], np.array(LABELS, np.int8)[others])
            features[row, 1:] = [*linear.decisions(branch, [bags[row]])[0], size(text)]
    expected = LogisticRegression(C=100, tol=1e-8, max_iter=10_000).fit(features, LABELS).predict_proba(features)
    np.testing.assert_allclose(found.held_out, expected, rtol=0, atol=5e-4)


def test_what_is_easy_is_said_rightly_of_every_held_out_row() -> None:
    assert learnt("ensemble, linear, subwords").held_out.argmax(axis=1).tolist() == LABELS


def test_what_a_member_says_of_a_row_does_not_depend_on_the_rows_label() -> None:
    config = RECIPES["ensemble"]
    first = LABELS.copy()
    first[4] = 1 - first[4]  # one of three in its group: the group's commonest label stays, and so do the folds
    fold = fold_of(config)
    assert fold_of(config, first).tolist() == fold.tolist()
    changed = learnt_from(config, labels=first)
    for number, (one, other) in enumerate(zip(changed.fitted.logits, learnt("ensemble").fitted.logits, strict=True)):
        assert (one.tobytes() == other.tobytes()) == (number == fold[4])


def test_what_a_member_says_of_its_other_rows_does_not_depend_on_a_rows_text() -> None:
    config = RECIPES["ensemble"]
    texts = TEXTS.copy()
    texts[4] = " ".join(reversed(texts[4].split()))  # as many words: which are how frequent decides their numbers
    fold = fold_of(config)
    changed, before = learnt_from(config, texts=texts), learnt("ensemble")
    rows = np.flatnonzero(fold == fold[4])
    one, other = (found.fitted.logits[fold[4]] for found in (changed, before))
    np.testing.assert_allclose(one[rows != 4], other[rows != 4], rtol=0, atol=1e-6)
    assert np.abs(one[rows == 4] - other[rows == 4]).max() > 1e-4
    assert all((one != other).any() for number, (one, other) in enumerate(
        zip(changed.fitted.logits, before.fitted.logits, strict=True)) if number != fold[4])  # fmt: skip


@pytest.mark.parametrize("classes", [2, 3])
def test_the_linear_branch_says_of_a_row_what_it_says_without_the_rows_fold(classes: int) -> None:
    labels = [row // 3 % classes for row in range(len(TEXTS))]
    fold = np.arange(len(TEXTS)) // 3 % 4
    part, bags = part_of(TEXTS, labels, TOKENS), [ngrams(text) for text in TEXTS]
    branch, beside = linear_branch(part, fold)
    whole = linear.fit(bags, part.rows.labels)
    assert [array.tobytes() for array in branch] == [array.tobytes() for array in whole]
    assert beside.shape == (len(TEXTS), (1 if classes == 2 else 3) + 1)
    assert beside[:, -1].tolist() == [size(text) for text in TEXTS]
    for row in range(0, len(TEXTS), 5):
        changed = labels.copy()
        changed[row] = (labels[row] + 1) % classes
        _, again = linear_branch(part_of(TEXTS, changed, TOKENS), fold)
        assert again[fold == fold[row]].tolist() == beside[fold == fold[row]].tolist()
        assert (again[fold != fold[row], :-1] != beside[fold != fold[row], :-1]).any(axis=1).all()


def test_the_graph_of_an_ensemble_blends_the_mean_of_its_members_with_the_branch_fitted_to_all_rows() -> None:
    config, found = RECIPES["ensemble, linear, subwords"], learnt("ensemble, linear, subwords")
    assert found.ngrams.tolist() == sorted({gram for text in TEXTS for gram in ngrams(text).tolist()})
    said = answers(found.model, config, found, TEXTS)
    assert said.argmax(axis=1).tolist() == LABELS
    assert answers(found.model, config, found, ["win a free boat", "mum left cup"]).argmax(axis=1).tolist() == [1, 0]


def test_without_the_linear_branch_no_n_gram_is_known() -> None:
    assert learnt("ensemble").ngrams.tolist() == []
    assert learnt("ensemble").ngrams.dtype == np.uint32


def test_an_ensemble_uses_no_other_rows_than_those_of_the_part() -> None:
    tokens = sorted([*TOKENS, *STRANGE])
    found = learnt_from(RECIPES["ensemble"], tokens=tokens, held_out=("zeppelin aardvark", "claim soup"))
    assert found.model == learnt("ensemble").model
    assert found.held_out.tobytes() == learnt("ensemble").held_out.tobytes()


def test_three_labels_are_learnt_as_two_are() -> None:
    labels = [row // 3 % 3 for row in range(len(TEXTS))]
    config = RECIPES["ensemble, linear, subwords"]
    found = learnt_from(config, labels=labels)
    assert found.held_out.shape == (len(TEXTS), 3)
    np.testing.assert_allclose(found.held_out.sum(axis=1), 1)
    assert answers(found.model, config, found, TEXTS).shape == (len(TEXTS), 3)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(
    "labels",
    [[2 if row // 3 == 4 else one for row, one in enumerate(LABELS)], [int(row // 3 == 4) for row in range(27)]],
    ids=["three", "two"],
)
def test_a_label_whose_rows_are_all_in_one_fold_is_told_in_one_line(labels: list[int], linear: bool) -> None:
    with pytest.raises(UserError) as caught:
        learnt_from(small(ensemble=3, linear=linear), labels=labels)
    assert str(caught.value).startswith("expected every label in more than one of the 3 folds of train.ensemble, found")
    assert len(str(caught.value).splitlines()) == 1


def test_a_new_trainer_learns_as_one_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ensemble, linear, subwords"
    before = learnt(name).model
    monkeypatch.setattr(trainer, "Trainer", Trainer)
    assert learnt_from(RECIPES[name]).model == before
