"""From training rows to a model: which rows the members and the linear branch learn from, and which not."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.configs import probabilities_of, rows_of, small
from tests.trainers import trainer_of
from textrnn.core.errors import UserError
from textrnn.inference import graph
from textrnn.inference.inputs import linear_inputs
from textrnn.model import cascade, linear, stacking
from textrnn.model.config import TrainConfig
from textrnn.model.stacking import Floats, cross_fitted, softmax
from textrnn.text import subwords
from textrnn.text.ngrams import bags, indices, ngrams, size, split
from textrnn.text.settings import Vectorize
from textrnn.text.vocabulary import UNKNOWN
from textrnn.training import branches, costs, loop, machine, trainer
from textrnn.training import learn as learning
from textrnn.training.batches import Collator, folds, out_of_fold
from textrnn.training.branches import PENALTIES, Setting, Task, fitted, linear_branch
from textrnn.training.learn import TrainedModel, TrainingSet, known_words, learn, leaving_out
from textrnn.training.members import one_by_one

VECTORIZE = Vectorize(tokenizer="word", min_word_frequency=0, max_sequence_length=6)
BUCKETS = 30

# Three messages a group, those of the first, third and so on of label 1; no two groups share their last word.
PLEAS = ["claim your", "win a free", "collect the"]
CHATS = ["see you at", "bring me", "mum left"]
THINGS = ["lamp", "ticket", "bike", "voucher", "soup", "box", "café", "boat", "cup"]
TEXTS = [f"{start} {thing}" for place, thing in enumerate(THINGS) for start in (PLEAS, CHATS)[place % 2]]
LABELS = [1 - row // 3 % 2 for row in range(len(TEXTS))]
GROUPS = np.arange(len(TEXTS)) // 3
TOKENS = sorted({word for text in TEXTS for word in text.split()})
STRANGE = ["a-word-which-is-much-longer-than-all-the-others", "zeppelin", "aardvark"]

MEMBERS = small(cell="rnn", epochs=2, ensemble=3, subword_buckets=BUCKETS, word_dropout=0.1, token_dropout=0.1)
RECIPES = {
    "single": small(cell="rnn", units=6, embedding_size=6, epochs=2),
    "ensemble": MEMBERS,
    "linear": MEMBERS.model_copy(update={"linear": True}),
    "linear alone": MEMBERS.model_copy(update={"ensemble": 0, "linear": True}),
    "cascade": MEMBERS.model_copy(update={"cascade": True, "linear": True}),
}


@pytest.fixture(autouse=True)
def trainers_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a trainer for all tests, and no checkpoint for two of them."""
    monkeypatch.setattr(trainer, "Trainer", trainer_of)
    monkeypatch.setattr(learning, "side_by_side", one_by_one)
    monkeypatch.setattr(machine, "report", lambda *_: None)
    monkeypatch.setattr(loop, "CHECKPOINT", tmp_path / "checkpoint")


def part_of(texts: list[str], labels: list[int], tokens: list[str], groups: NDArray[np.int64] = GROUPS) -> TrainingSet:
    return TrainingSet(
        rows_of([[tokens.index(word) for word in text.split()] for text in texts], labels), groups, texts
    )


def learned_from(
    config: TrainConfig, texts: list[str] = TEXTS, labels: list[int] = LABELS, tokens: list[str] = TOKENS,
    held_out: tuple[str, ...] = (),
) -> TrainedModel:  # fmt: skip
    """Return what is learned; a single network is held out on the messages `held_out`, or on those it learns."""
    loop.CHECKPOINT.unlink(missing_ok=True)
    part = part_of(texts, labels, tokens)
    beside = part_of(list(held_out), [0] * len(held_out), tokens).rows if held_out else part.rows
    return learn(config, VECTORIZE, tokens, list("abcd"[: 1 + max(labels)]), part, beside, "fingerprint")


@cache
def learned(name: str) -> TrainedModel:
    return learned_from(RECIPES[name])


def fold_of(config: TrainConfig, labels: list[int] = LABELS) -> NDArray[np.int64]:
    return folds(GROUPS, np.array(labels, np.int16), config.ensemble, config.seed)


def answers(model: bytes, config: TrainConfig, found: TrainedModel, texts: list[str]) -> Floats:
    """Return the graph's probabilities, for messages read with the vocabulary that was learned."""
    tokens = sorted({word for text in texts for word in text.split()})
    ids = {word: number for number, (word, _) in enumerate(found.words, UNKNOWN + 1)}
    words = np.array([ids.get(token, UNKNOWN) for token in tokens], np.int32)
    pieces = subwords.of_many(tokens, BUCKETS) if config.subword_buckets else None
    collator = Collator(words, pieces, VECTORIZE.max_sequence_length, config.masking)
    rows = part_of(texts, [0] * len(texts), tokens).rows
    inputs: dict[str, Any] = dict(collator.batch(rows, np.arange(len(texts)), collator.lengths(rows)))
    if config.linear:
        inputs |= linear_inputs(indices(found.ngrams), texts)
    return np.asarray(probabilities_of(model, inputs), np.float64)


ENSEMBLES = pytest.mark.parametrize("name", ["ensemble", "linear"])


@pytest.mark.parametrize(
    ("least", "words", "kept"),
    [
        (0, [3, 1, 0, 2, 4], [("b", 3), ("d", 2), ("a", 1), ("e", 1)]),
        (1, [0, 1, 0, 2, 0], [("b", 3), ("d", 2)]),
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


def test_neither_the_numbering_of_tokens_nor_tokens_of_other_rows_change_a_bit() -> None:
    tokens, first = [*TOKENS, *STRANGE], learned("linear")
    order = np.random.default_rng(3).permutation(len(tokens))
    again = learned_from(RECIPES["linear"], tokens=[tokens[number] for number in order])
    assert (again.words, again.model, again.held_out.tobytes()) == (first.words, first.model, first.held_out.tobytes())


def test_a_word_which_only_held_out_rows_hold_is_unknown_and_the_graph_answers_as_the_network_does() -> None:
    held_out = ("see zeppelin soup", "see aardvark soup", "see bike soup")
    found = learned_from(RECIPES["single"], tokens=sorted([*TOKENS, *STRANGE]), held_out=held_out)
    assert {word for word, _ in found.words} == set(TOKENS)
    assert found.model == learned("single").model
    assert found.held_out[0].tolist() == found.held_out[1].tolist() != found.held_out[2].tolist()
    expected = answers(found.model, RECIPES["single"], found, list(held_out))
    np.testing.assert_allclose(found.held_out, expected, rtol=0, atol=1e-6)
    assert len(found.ngrams) == 0


@ENSEMBLES
def test_a_word_that_a_member_does_not_know_has_its_vector_of_unknown_words(name: str) -> None:
    config, found = RECIPES[name], learned(name)
    fold = fold_of(config)
    for number, arrays in enumerate(found.fitted.weights):
        seen = {word for text, one in zip(TEXTS, fold, strict=True) if one != number for word in text.split()}
        vectors = arrays["words"]
        unknown = [word for place, (word, _) in enumerate(found.words, 1) if (vectors[place] == vectors[0]).all()]
        assert sorted(unknown) == sorted(set(TOKENS) - seen)
        assert len(unknown) >= 2


def test_a_word_rare_among_a_members_rows_is_unknown_to_it_though_all_rows_hold_it_often() -> None:
    rows, fold = rows_of([[0], [0], [0], [1]]), np.array([0, 0, 1, 2])
    collator = Collator(np.array([1, UNKNOWN], np.int32), None, 6, masking=True)
    frequent = VECTORIZE.model_copy(update={"min_word_frequency": 1})
    members = [leaving_out(number, fold, rows, collator, frequent) for number in range(3)]
    assert [member.collator.words.tolist() for member in members] == [[0, 0], [1, 0], [1, 0]]
    assert [member.held_out.rows.tolist() for member in members] == [[0, 1], [2], [3]]


@pytest.mark.parametrize("is_chosen", [True, False])
def test_in_a_cascade_one_network_more_learns_all_rows_and_answers_for_those_of_the_folds_which_weigh_it(
    is_chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascade, "SURE", (0.5,))
    monkeypatch.setattr(cascade, "chosen", lambda *_: 0.5 if is_chosen else None)
    found, folds_alone = learned_from(RECIPES["cascade"]), learned("linear")
    if not is_chosen:
        assert found.model == folds_alone.model
        assert not found.first
        return
    (arrays,) = found.fitted.weights
    assert not (arrays["words"][1:] == arrays["words"][0]).all(axis=1).any(), "it knows every word"
    assert {name: array.tolist() for name, array in found.sources.items()} == {
        name: array.tolist() for name, array in folds_alone.sources.items()
    }, "the blend is fitted to the same answers, of networks which have not learnt the rows"
    assert found.alone_from == 0.5
    nodes = [node.op_type for node in onnx.load_from_string(found.model).graph.node]
    assert nodes.count("RNN") == 1


@pytest.mark.parametrize("sure", [0.5, 1.1])
def test_a_training_is_reckoned_again_once_it_is_known_that_a_cascade_wants_one_network_more(
    sure: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    reckoned: list[costs.Costs] = []
    monkeypatch.setattr(cascade, "SURE", (sure,))
    monkeypatch.setattr(costs, "check", reckoned.append)
    found, networks = learned_from(RECIPES["cascade"]), RECIPES["cascade"].ensemble
    assert [one.networks for one in reckoned] == ([networks, networks + 1] if sure < 1 else [networks])
    assert len({one.file["words"] for one in reckoned}) == 1, "no graph holds all of them"
    assert len(found.fitted.weights) in (1, networks)


@pytest.mark.parametrize(("sure", "times"), [(0.5, 2), (1.1, 1)])
def test_the_linear_branch_is_blended_alone_only_where_it_may_be_sure_of_enough_rows(
    sure: float, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    blended: list[int] = []
    real = stacking.blended

    def noting(sources: list[Floats], *others: Any) -> Any:
        blended.append(len(sources))
        return real(sources, *others)

    monkeypatch.setattr(cascade, "SURE", (sure,))
    monkeypatch.setattr(stacking, "blended", noting)
    learned_from(RECIPES["cascade"])
    assert blended == ([3, 4] if times == 2 else [4])


@ENSEMBLES
def test_the_held_out_rows_of_the_members_are_blended_in_the_order_of_all_rows(name: str) -> None:
    config, found = RECIPES[name], learned(name)
    fold = fold_of(config)
    sources = [np.zeros((len(TEXTS), 2))]
    for number, logits in enumerate(found.fitted.logits):
        sources[0][fold == number] = logits
    labels = np.array(LABELS, np.int16)
    if config.linear:
        branch = linear_branch(TEXTS, labels, fold)
        sources += [source.decisions for source in branch.values()] + [np.array([[size(text)] for text in TEXTS])]
    expected = softmax(cross_fitted(sources, labels, fold))
    np.testing.assert_allclose(found.held_out, expected, rtol=0, atol=1e-12)


def test_a_members_logits_of_a_held_out_row_do_not_depend_on_its_label() -> None:
    config = RECIPES["ensemble"]
    first = LABELS.copy()
    first[4] = 1 - first[4]  # one of three in its group: the group's commonest label stays, and so do the folds
    fold = fold_of(config)
    assert fold_of(config, first).tolist() == fold.tolist()
    changed = learned_from(config, labels=first)
    for number, (one, other) in enumerate(zip(changed.fitted.logits, learned("ensemble").fitted.logits, strict=True)):
        assert (one.tobytes() == other.tobytes()) == (number == fold[4])


@pytest.mark.parametrize("classes", [2, 3])
def test_the_linear_branch_decides_on_a_row_without_its_fold(classes: int) -> None:
    labels = np.array([row // 3 % classes for row in range(len(TEXTS))], np.int16)
    fold = np.arange(len(TEXTS)) // 3 % 4
    branch = linear_branch(TEXTS, labels, fold)
    assert list(branch) == ["characters", "words"]
    for source, of_kind in zip(branch.values(), split(bags(TEXTS)), strict=True):
        assert source.decisions.shape == (len(TEXTS), 1 if classes == 2 else 3)
        task = Task(of_kind, labels, fold, None)
        settings = [Setting(penalty, False) for penalty in PENALTIES]
        machines = [fitted(task, setting, None) for setting in settings]
        (chosen,) = [at for at, one in enumerate(machines) if one.weights.tobytes() == source.machine.weights.tobytes()]
        parts = [[fitted(task, setting, number) for number in range(4)] for setting in settings]
        decided = [out_of_fold(of_setting, fold) for of_setting in parts]
        assert source.decisions.tolist() == decided[chosen].tolist()
        loss = [stacking.losses(stacking.apply(stacking.fit([one], labels), [one]), labels).mean() for one in decided]
        assert chosen == int(np.argmin(np.round(loss, 6))), "the first of those with the least loss"
        for row in range(0, len(TEXTS), 5):
            changed = labels.copy()
            changed[row] = (labels[row] + 1) % classes
            here = fold == fold[row]
            again = [fitted(task._replace(labels=changed), settings[chosen], number) for number in range(4)]
            differ = out_of_fold(again, fold) != source.decisions
            assert differ.any(axis=1).tolist() == (~here).tolist()


def test_n_grams_are_counted_where_texts_are_long_and_it_pays() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.int16) % 2
    fold = np.arange(60) // 2 % 3
    # Both labels have the same words, and each repeats another one.
    often = [[1, 9, *[2] * 6], [9, 1, *[2] * 6]]
    texts = [" ".join(random.permutation(np.repeat([f"word{n}" for n in range(8)], often[label]))) for label in labels]
    branch = linear_branch([" ".join([text] * 4) for text in texts], labels, fold)
    assert [source.machine.counted for source in branch.values()] == [True, True]
    short = linear_branch(texts, labels, fold)
    assert [source.machine.counted for source in short.values()] == [False, False]


def test_processes_decide_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, fold = np.array(LABELS, np.int16), np.arange(len(TEXTS)) // 3 % 4
    alone = linear_branch(TEXTS, labels, fold)
    monkeypatch.setattr(branches, "WORK", 0)
    beside = linear_branch(TEXTS, labels, fold)
    for one, other in zip(alone.values(), beside.values(), strict=True):
        assert other.decisions.tobytes() == one.decisions.tobytes()
        assert [array.tobytes() for array in other.machine[:4]] == [array.tobytes() for array in one.machine[:4]]


def test_the_graph_of_an_ensemble_blends_the_mean_of_its_members_with_the_branch_fitted_to_all_rows() -> None:
    config, found = RECIPES["linear"], learned("linear")
    assert found.ngrams.tolist() == sorted({gram for text in TEXTS for gram in ngrams(text).tolist()})
    said = answers(found.model, config, found, TEXTS)
    assert said.argmax(axis=1).tolist() == LABELS
    assert answers(found.model, config, found, ["win a free boat", "mum left cup"]).argmax(axis=1).tolist() == [1, 0]


def test_an_ensemble_of_none_is_the_linear_branch_alone_calibrated_on_the_rows_left_out() -> None:
    config, found = RECIPES["linear alone"], learned("linear alone")
    fold = folds(GROUPS, np.array(LABELS, np.int16), 5, config.seed)
    assert (found.fold.tolist(), list(found.sources)) == (fold.tolist(), ["characters", "words", "size"])
    assert (len(found.fitted.history), found.fitted.weights, found.words) == (0, [], [])
    expected = softmax(cross_fitted(list(found.sources.values()), np.array(LABELS, np.int16), fold))
    np.testing.assert_allclose(found.held_out, expected, rtol=0, atol=1e-12)
    (said,) = graph.session(found.model).run(["probabilities"], linear_inputs(indices(found.ngrams), TEXTS))
    assert np.asarray(said).argmax(axis=1).tolist() == LABELS
    assert {node.op_type for node in onnx.load_from_string(found.model).graph.node}.isdisjoint({"RNN", "Transpose"})


@pytest.mark.parametrize(
    ("rare", "told"),
    [([12, 13, 14], "'c' (rows: 3, groups: 1)"), ([0, 5], "'c' (rows: 1, groups: 1), 'd' (rows: 1, groups: 1)")],
)
def test_labels_in_a_single_fold_are_named_with_their_rows_and_groups(rare: list[int], told: str) -> None:
    labels = LABELS.copy()
    for place, row in enumerate(rare):
        labels[row] = 2 if len(rare) == 3 else 2 + place
    with pytest.raises(UserError) as error:
        learned_from(small(ensemble=3), labels=labels)
    assert str(error.value).startswith(
        "expected training rows of every label in 2 or more of the 3 folds of train.ensemble, "
        f"found all in one of {told}: give more rows"
    )


@pytest.mark.parametrize("name", ["single", "linear"])
def test_balanced_class_weights_reach_the_networks_the_branch_and_the_blend(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def heard(function: Any, *given: Any) -> Any:
        asked.append([one for one in given if one is None or isinstance(one, str)])
        return function(*given)

    for module, function in ((linear, "fit"), (stacking, "fit"), (trainer, "compute_sample_weight")):
        monkeypatch.setattr(module, function, partial(heard, getattr(module, function)))
    found = learned_from(RECIPES[name].model_copy(update={"class_weights": "balanced"}))
    # Two epochs of 3 networks, two sources of 10 machines and 3 calibrations, and 4 blends.
    assert len(asked) == {"single": 2, "linear": 36}[name]
    assert all(one[0] == "balanced" for one in asked)
    pairs = zip(found.fitted.weights, learned(name).fitted.weights, strict=True)
    assert any((one["words"] != other["words"]).any() for one, other in pairs)
