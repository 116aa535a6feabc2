"""Training: what a step does, what an epoch reports, when it stops, and that it can be interrupted anywhere."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from stages.train import held_out_table, summary
from tests.configs import rows_of, small
from textrnn.artifacts import ragged
from textrnn.artifacts.ragged import Rows
from textrnn.core import paths
from textrnn.model.config import TrainConfig
from textrnn.model.export import export
from textrnn.model.stacking import log_loss, softmax
from textrnn.model.runtime import deterministic, keras, tf
from textrnn.text.vocabulary import UNKNOWN
from textrnn.training import checkpoint, loop, machine, trainer
from textrnn.training.batches import Collator
from textrnn.training.loop import COLUMNS, Fitted, Member, best_epoch, fit
from textrnn.training.members import one_by_one
from textrnn.training.trainer import Trainer, cosine, tensors

VOCABULARY, CLASSES, BUCKETS = 12, 2, 9
WORDS = np.arange(VOCABULARY, dtype=np.int32)
PARTS = np.stack([WORDS % BUCKETS + 1, WORDS % 4], axis=1).astype(np.int32)

Floats = NDArray[np.float64]


def toy(rows: int, seed: int = 0, wrong: float = 0.0) -> Rows:
    """Return rows that hold token 1 or 2, which says their label; a share has the wrong one."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    tokens = []
    for label in labels:
        row = random.integers(3, VOCABULARY, random.integers(1, 8)).tolist()
        row[random.integers(len(row))] = 1 + int(label)
        tokens.append(row)
    swapped = np.where(random.random(rows) < wrong, 1 - labels, labels)
    return rows_of(tokens, swapped.tolist())


def encoder_of(config: TrainConfig) -> Collator:
    return Collator(WORDS, PARTS if config.subword_buckets else None, 8, config.masking)


def members_of(config: TrainConfig, rows: Rows) -> list[Member]:
    """Return the one member, or those which each leave out a part of the rows; a word is unknown to each."""
    if config.ensemble == 1:
        return [Member(rows, HELD_OUT, encoder_of(config))]
    fold = np.arange(len(rows.rows)) ** 2 % 3 % config.ensemble  # of unequal size
    members = []
    for number in range(config.ensemble):
        train, held_out = (ragged.take(rows, np.flatnonzero(here)) for here in (fold != number, fold == number))
        words = np.where(np.isin(WORDS, VOCABULARY - 1 - number), UNKNOWN, WORDS)
        members.append(Member(train, held_out, encoder_of(config).knowing(words)))
    return members


def new_trainer(config: TrainConfig) -> Trainer:
    deterministic(config.seed)
    return Trainer(config, VOCABULARY, CLASSES)


@cache
def made(config: TrainConfig) -> tuple[Trainer, checkpoint.Arrays]:
    trainer = new_trainer(config)
    return trainer, trainer.state()


def trainer_of(config: TrainConfig) -> Trainer:
    """Return the trainer of a recipe as if it were new: to compile its steps takes a second.

    Where the rate is constant, how long it trains is not its to know.
    """
    untold = {"patience": 0, "ensemble": 1} | ({"epochs": 1} if config.schedule == "constant" else {})
    trainer, first = made(config.model_copy(update=untold))
    trainer.restore(first)
    return trainer


def ignore(*_: object) -> None:
    """Let every step be taken, and all be told to nobody."""


class Trained(NamedTuple):
    """All that a training leaves."""

    fitted: Fitted
    exported: bytes
    steps: int  # how often it was asked whether to go on


def trained(config: TrainConfig, file: Path, stop_at: int = sys.maxsize, rows: Rows | None = None) -> Trained:
    """Train from the first weights or the checkpoint in `file`. Ctrl-C comes at the `stop_at`th question to go on."""
    asked = 0

    def alive() -> None:
        nonlocal asked
        asked += 1
        if asked == stop_at:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "parent_watch", lambda: alive)
        patch.setattr(loop, "CHECKPOINT", file)
        patch.setattr(machine, "tell", ignore)
        patch.setattr(trainer, "Trainer", lambda config, *_: trainer_of(config))
        members = members_of(config, rows or TRAIN)
        fitted = fit(one_by_one(config, VOCABULARY, CLASSES, members), members, config, repr(config))
    return Trained(fitted, export(fitted.weights, config, CLASSES), asked)


TRAIN, HELD_OUT = toy(18, wrong=0.2), toy(12, seed=1)

RECIPES = {
    "rnn, rmsprop": small(cell="rnn", optimizer="rmsprop", dropout=0.3),
    "lstm, adamw, patience": small(cell="lstm", dropout=0.3, patience=2, learning_rate=0.3, epochs=6),
    "gru, ensemble, subwords, noise, cosine": small(
        dropout=0.3, ensemble=3, subword_buckets=BUCKETS, token_dropout=0.2, word_dropout=0.2, subword_dropout=0.2,
        embedding_dropout=0.2, schedule="cosine", epochs=4,
    ),
    "two layers, rmsprop, patience": small(
        optimizer="rmsprop", dropout=0.3, patience=2, layers=2, pooling="mean_max", learning_rate=0.3, epochs=5,
    ),
    "rnn, ensemble, patience": small(cell="rnn", dropout=0.3, ensemble=2, patience=2, learning_rate=0.3, epochs=6),
}  # fmt: skip


def questions(config: TrainConfig) -> int:
    """Return how often an epoch asks whether to go on: before each step, and before it is saved."""
    return sum(-(-len(member.train.rows) // config.batch_size) for member in members_of(config, TRAIN)) + 1


def each_once(configs: dict[str, TrainConfig], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Return what gives the training of a recipe, done once."""
    done: dict[str, Trained] = {}

    def give(name: str) -> Trained:
        if name not in done:
            done[name] = trained(configs[name], tmp_path_factory.mktemp("checkpoint") / "file")
        return done[name]

    return give


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Return what gives the training of a recipe, done once."""
    return each_once(RECIPES, tmp_path_factory)


def in_bytes(arrays: dict[str, NDArray[Any]]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays.items()}


def assert_same(found: Trained, expected: Trained) -> None:
    assert found.fitted.history.tolist() == expected.fitted.history.tolist()
    assert list(map(in_bytes, found.fitted.weights)) == list(map(in_bytes, expected.fitted.weights))
    assert [one.tobytes() for one in found.fitted.logits] == [one.tobytes() for one in expected.fitted.logits]
    assert found.exported == expected.exported


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_interrupted_anywhere_ends_as_if_it_had_not_been(
    name: str, uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    config = RECIPES[name]
    epoch = questions(config)
    for stop_at in (
        3,  # amid the first epoch
        epoch + 1,  # it is saved: before the first step of the second
        epoch - 2,  # amid the second, perhaps of another member
        epoch,  # after the last step of the second, which is not saved
        epoch + 3,  # the second is saved: amid the third
    ):
        with pytest.raises(KeyboardInterrupt):
            trained(config, tmp_path / "file", stop_at)
    resumed = trained(config, tmp_path / "file")
    assert_same(resumed, uninterrupted(name))
    assert resumed.steps == uninterrupted(name).steps - 2 * epoch


def test_a_training_interrupted_after_its_last_epoch_trains_no_more(
    uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    name = "lstm, adamw, patience"
    trained(RECIPES[name], tmp_path / "file")
    resumed = trained(RECIPES[name], tmp_path / "file", stop_at=1)
    assert resumed.steps == 0
    assert_same(resumed, uninterrupted(name))


@pytest.mark.parametrize("damage", [lambda _: b"", lambda raw: raw[:-1], lambda raw: raw[: len(raw) // 2]])
def test_a_training_with_a_damaged_checkpoint_begins_anew(
    damage: Callable[[bytes], bytes], uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    name, file = "rnn, rmsprop", tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        trained(RECIPES[name], file, questions(RECIPES[name]) + 2)
    file.write_bytes(damage(file.read_bytes()))
    again = trained(RECIPES[name], file)
    assert again.steps == uninterrupted(name).steps
    assert_same(again, uninterrupted(name))


def test_a_checkpoint_of_another_recipe_is_not_taken_up(
    uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    name, file = "rnn, rmsprop", tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        trained(RECIPES[name].model_copy(update={"seed": 1}), file, questions(RECIPES[name]) + 2)
    assert_same(trained(RECIPES[name], file), uninterrupted(name))


@pytest.mark.parametrize("name", ["lstm, adamw, patience", "rnn, ensemble, patience"])
def test_patience_leaves_the_weights_of_the_best_epoch(
    name: str, uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    stopped = uninterrupted(name)
    history = stopped.fitted.history
    losses = history[:, COLUMNS.index("held_out_loss")]
    best = best_epoch(history)
    assert losses[best - 1] == losses.min()
    assert len(losses) == best + RECIPES[name].patience < RECIPES[name].epochs
    short = trained(RECIPES[name].model_copy(update={"patience": 0, "epochs": best}), tmp_path / "file")
    assert_same(stopped._replace(fitted=stopped.fitted._replace(history=history[:best])), short)


def test_without_patience_every_epoch_is_trained_and_the_last_weights_stay(tmp_path: Path) -> None:
    config = RECIPES["lstm, adamw, patience"].model_copy(update={"patience": 0})
    fitted = trained(config, tmp_path / "file").fitted
    assert fitted.history[:, 0].tolist() == list(range(1, config.epochs + 1))
    assert best_epoch(fitted.history) < config.epochs
    stored = checkpoint.load(tmp_path / "file", repr(config))
    assert stored is not None
    assert not stored.best
    variables = {array.tobytes() for array in stored.now.values()}
    assert set(in_bytes(fitted.weights[0]).values()) <= variables


@pytest.mark.parametrize(
    ("losses", "best"), [([], 0), ([0.5], 1), ([0.5, 0.4, 0.6], 2), ([0.5, 0.4, 0.4], 2), ([0.1, 0.2, 0.1], 1)]
)
def test_the_best_epoch_is_the_first_with_the_lowest_held_out_loss(losses: list[float], best: int) -> None:
    history = np.zeros((len(losses), len(COLUMNS)))
    history[:, COLUMNS.index("held_out_loss")] = losses
    assert best_epoch(history) == best


def test_the_metrics_are_those_of_the_epoch_whose_weights_are_kept() -> None:
    history = np.array([[1, 0.5, 0.75, 0.4, 0.8], [2, 0.25, 1, 0.3, 0.9], [3, 0.125, 1, 0.6, 0.7]])
    member = {"words": np.zeros((4, 3), np.float32), "output.bias": np.zeros(2, np.float32)}
    assert summary(Fitted(history, [member, member], []), 2, "validation") == {
        "epochs": 3,
        "kept_epoch": 2,
        "parameters": 28,
        "loss": {"train": 0.25, "validation": 0.3},
        "accuracy": {"train": 1, "validation": 0.9},
    }


def test_the_held_out_rows_are_written_with_a_probability_for_each_label() -> None:
    table = held_out_table(np.array([7, 2]), np.array([[0.25, 0.75], [1 / 3, 2 / 3]]), ["ham", "spam"])
    assert table == "row\tham\tspam\n7\t0.250000\t0.750000\n2\t0.333333\t0.666667\n"
    assert held_out_table(np.zeros(0, np.int64), np.zeros((0, 2)), ["ham", "spam"]) == "row\tham\tspam\n"


@pytest.mark.parametrize(
    "changes",
    [{"cell": "rnn"}, {"cell": "lstm"}, {"cell": "gru", "optimizer": "rmsprop", "learning_rate": 0.3}],
    ids=lambda changes: " ".join(map(str, changes.values())),
)
def test_what_can_be_learnt_is_learnt(changes: dict[str, Any], tmp_path: Path) -> None:
    config = small(**({"units": 8, "embedding_size": 8, "epochs": 8, "learning_rate": 0.03} | changes))
    history = trained(config, tmp_path / "file", rows=toy(150, seed=2)).fitted.history
    columns = dict(zip(COLUMNS, history.T, strict=True))
    for side in ("train", "held_out"):
        assert columns[f"{side}_loss"][-1] < columns[f"{side}_loss"][0] / 2
        assert columns[f"{side}_accuracy"][-1] > 0.9


def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    name = "rnn, rmsprop"
    first, again = (in_bytes(make(RECIPES[name]).state()) for make in (trainer_of, new_trainer))
    assert again == first
    assert_same(trained(RECIPES[name], tmp_path / "again"), uninterrupted(name))
    other = trained(RECIPES[name].model_copy(update={"seed": 1}), tmp_path / "other")
    assert other.exported != uninterrupted(name).exported


def test_each_member_of_an_ensemble_begins_with_other_weights_and_another_dropout() -> None:
    trainer = new_trainer(small(dropout=0.3, embedding_dropout=0.3, subword_buckets=BUCKETS))
    states = [trainer.beginning(number) for number in range(3)]
    for one, other in combinations(states, 2):
        alike = {name for name in one if (one[name] == other[name]).all()}
        assert {name for name in alike if not name.startswith("optimizer/")} == {
            "weights/layer0.forward.bias", "weights/output.bias",
        }, "all others are drawn"  # fmt: skip
        assert len(alike) == 2 + len(trainer.optimizer.variables)


def test_a_member_begins_alike_whoever_began_before_it_and_whatever_was_trained() -> None:
    trainer = trainer_of(RECIPES["gru, ensemble, subwords, noise, cosine"])
    first = [trainer.beginning(number) for number in range(3)]
    trainer.epoch(TRAIN, encoder_of(trainer.config), 1, (0, 1, 0), ignore)
    assert [in_bytes(trainer.beginning(number)) for number in (2, 0, 1)] == [in_bytes(first[n]) for n in (2, 0, 1)]


def test_a_state_that_is_put_back_is_trained_as_before() -> None:
    config = RECIPES["gru, ensemble, subwords, noise, cosine"]
    trainer, collator = trainer_of(config), encoder_of(config)
    trainer.epoch(TRAIN, collator, 1, (0, 1, 0), ignore)
    between = trainer.state()
    first = trainer.epoch(TRAIN, collator, 2, (0, 2, 0), ignore), in_bytes(trainer.state())
    trainer.restore(between)
    assert (trainer.epoch(TRAIN, collator, 2, (0, 2, 0), ignore), in_bytes(trainer.state())) == first
    assert first[1] != in_bytes(between)


ENSEMBLES = [name for name, config in RECIPES.items() if config.ensemble > 1]


@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_members_of_an_ensemble_end_with_other_weights(name: str, uninterrupted: Callable[[str], Trained]) -> None:
    arrays = uninterrupted(name).fitted.weights
    assert len(arrays) == RECIPES[name].ensemble
    assert all((arrays[0][one] != other[one]).any() for other in arrays[1:] for one in other)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_an_ensemble_is_measured_on_what_each_member_says_of_the_rows_it_left_out(
    name: str, uninterrupted: Callable[[str], Trained]
) -> None:
    config, fitted = RECIPES[name], uninterrupted(name).fitted
    members = members_of(config, TRAIN)
    assert sorted(row for member in members for row in member.held_out.rows.tolist()) == TRAIN.rows.tolist()
    assert [len(logits) for logits in fitted.logits] == [len(member.held_out.rows) for member in members]
    probabilities, labels = softmax(np.vstack(fitted.logits)), np.concatenate([one.held_out.labels for one in members])
    accuracy = np.mean(probabilities.argmax(axis=1) == labels)
    best = best_epoch(fitted.history) if config.patience else config.epochs
    assert fitted.history[best - 1, 3:].tolist() == [round(log_loss(probabilities, labels), 6), round(accuracy, 6)]


@pytest.fixture
def descent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put plain gradient descent in the place of AdamW: at rate 1, a step is the gradient that was applied."""
    monkeypatch.setitem(trainer.OPTIMIZERS, "adamw", keras.optimizers.SGD)
    tf.config.run_functions_eagerly(True)  # a step or two are sooner taken than compiled
    yield
    tf.config.run_functions_eagerly(False)


def step_of(config: TrainConfig, rows: Rows, chosen: list[int]) -> tuple[Floats, Floats]:
    """Return all weights at the start, and by how much one step over the chosen rows lowers them."""
    trainer = new_trainer(config)
    before = flat(trainer)
    collator = encoder_of(config)
    trainer.step(tensors(collator.batch(rows, np.array(chosen), collator.lengths(rows))))
    return before, before - flat(trainer)


def flat(trainer: Trainer) -> Floats:
    arrays = [variable.numpy().ravel() for variable in trainer.network.trainable_variables]
    return np.concatenate(arrays).astype(np.float64)


REPEATED = rows_of([[1, 1, 1, 1], [1, 5, 1], [2, 2]], [0, 0, 1])  # a sparse gradient has a word's rows many times


@pytest.mark.usefixtures("descent")
@pytest.mark.parametrize("changes", [{"cell": "rnn"}, {"cell": "gru", "subword_buckets": BUCKETS}])
def test_a_gradient_is_scaled_down_to_the_norm_it_is_clipped_to(changes: dict[str, Any]) -> None:
    config = small(learning_rate=1.0, embedding_range=2.0, **changes)
    _, whole = step_of(config.model_copy(update={"clip_norm": 0.0}), REPEATED, [0, 1, 2])
    norm = float(np.linalg.norm(whole))
    assert norm > 0.1
    for limit in (norm / 10, norm * 2):
        _, clipped = step_of(config.model_copy(update={"clip_norm": limit}), REPEATED, [0, 1, 2])
        np.testing.assert_allclose(np.linalg.norm(clipped), min(limit, norm), rtol=1e-4)
        np.testing.assert_allclose(clipped, whole * min(1, limit / norm), atol=1e-6)


@pytest.mark.usefixtures("descent")
@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 1]])
def test_a_step_follows_the_mean_gradient_of_its_rows(rows: list[int]) -> None:
    config = small(learning_rate=1.0, clip_norm=0.0)
    alone = [step_of(config, REPEATED, [row])[1] for row in rows]
    np.testing.assert_allclose(step_of(config, REPEATED, rows)[1], np.mean(alone, axis=0), atol=1e-6)


@pytest.mark.usefixtures("descent")
def test_the_first_step_of_rmsprop_divides_by_a_mean_square_that_begins_at_one() -> None:
    config = small(embedding_range=2.0, clip_norm=0.0, learning_rate=1.0)
    start, gradient = step_of(config, REPEATED, [0, 1, 2])
    same, taken = step_of(config.model_copy(update={"optimizer": "rmsprop"}), REPEATED, [0, 1, 2])
    assert (start == same).all()
    assert np.abs(gradient).max() > 0.1
    np.testing.assert_allclose(taken, gradient / np.sqrt(0.9 + 0.1 * gradient**2), atol=1e-6)


@pytest.mark.usefixtures("descent")
def test_an_epoch_reports_means_over_rows_though_its_last_batch_is_smaller() -> None:
    trainer = new_trainer(small(learning_rate=1e-30, embedding_range=5.0))  # nothing is learnt in between
    collator = encoder_of(trainer.config)
    asked = []
    loss, accuracy = trainer.epoch(TRAIN, collator, 1, (0, 1, 0), lambda: asked.append(True))
    probabilities = softmax(trainer.predict(TRAIN, collator))
    right = probabilities.argmax(axis=1) == TRAIN.labels
    assert 0 < right.mean() < 1
    assert accuracy == right.mean()
    assert loss == pytest.approx(log_loss(probabilities, TRAIN.labels), rel=1e-5)
    assert len(asked) == 5


@pytest.mark.usefixtures("descent")
@pytest.mark.parametrize("noise", ["token_dropout", "word_dropout", "subword_dropout"])
def test_noise_changes_what_is_learnt_and_not_what_is_predicted(noise: str) -> None:
    plain = small(subword_buckets=BUCKETS, embedding_range=2.0, learning_rate=1.0, batch_size=100)
    ends = []
    for config in (plain, plain.model_copy(update={noise: 0.5})):
        trainer, collator = new_trainer(config), encoder_of(config)
        assert (trainer.predict(TRAIN, collator) == trainer.predict(TRAIN, collator)).all()
        trainer.epoch(TRAIN, collator, 1, (0, 1, 0), ignore)
        ends.append(flat(trainer))
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("done", "share"),
    [(0, 0), (0.05, 0.5), (0.1, 1), (0.325, 0.5 + 0.5**1.5), (0.55, 0.5), (0.775, 0.5 - 0.5**1.5), (1, 0)],
)
def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_as_half_a_cosine(done: float, share: float) -> None:
    assert cosine(done) == pytest.approx(share, abs=1e-12)


@pytest.mark.usefixtures("descent")
def test_each_step_has_the_rate_of_its_place_among_all_steps() -> None:
    trainer = new_trainer(small(schedule="cosine", epochs=2, learning_rate=0.1))
    rates: list[float] = []

    def look() -> None:
        rates.append(float(trainer.optimizer.learning_rate.numpy()))

    for number in (1, 2):
        trainer.epoch(TRAIN, encoder_of(trainer.config), number, (0, number, 0), look)
    look()
    expected = [0.1 * cosine(place) for place in (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)]
    np.testing.assert_allclose(rates[1:], expected, rtol=1e-5)  # each is seen when the next step is about to come


@pytest.mark.usefixtures("descent")
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_step_is_as_large_as_the_rate_of_its_epoch(number: int) -> None:
    moved = {}
    for schedule in ("constant", "cosine"):
        trainer = new_trainer(small(schedule=schedule, epochs=4, batch_size=100, learning_rate=1.0, clip_norm=0.0))
        before = flat(trainer)
        trainer.epoch(TRAIN, encoder_of(trainer.config), number, (0, 1, 0), ignore)
        moved[schedule] = before - flat(trainer)
    share = {1: 0.5 * (1 + np.cos(np.pi * 0.025 / 0.9)), 2: 0.5 * (1 + np.cos(np.pi * 0.275 / 0.9)),
             4: 0.5 * (1 + np.cos(np.pi * 0.775 / 0.9))}[number]  # fmt: skip
    assert np.abs(moved["constant"]).max() > 0.01
    np.testing.assert_allclose(moved["cosine"], share * moved["constant"], rtol=0, atol=1e-6)


def test_logits_come_in_the_order_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = new_trainer(small(embedding_range=5.0))
    collator = encoder_of(trainer.config)
    monkeypatch.setattr(trainer, "PREDICTION_BATCH", 4)
    found = trainer.predict(TRAIN, collator)
    lengths = collator.lengths(TRAIN)
    for row, logits in enumerate(found):
        expected = trainer.network(tensors(collator.batch(TRAIN, np.array([row]), lengths))).numpy()
        np.testing.assert_allclose(logits, expected[0], atol=1e-6)
    assert np.ptp(found[:, 1] - found[:, 0]) > 0.1
    assert trainer.predict(rows_of([]), collator).shape == (0, CLASSES)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [([0.0, 0.0], [0.5, 0.5]), ([0.0, np.log(3)], [0.25, 0.75]), ([1000.0, 1000.0 + np.log(3)], [0.25, 0.75]),
     ([-1000.0, 1000.0], [0.0, 1.0]), ([np.log(1), np.log(2), np.log(5)], [0.125, 0.25, 0.625])],
)  # fmt: skip
def test_the_softmax_of_any_logits_is_finite(logits: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(softmax(np.array([logits, logits])), [expected, expected], atol=1e-12)


def test_the_loss_is_the_mean_cross_entropy_and_finite_for_what_was_held_impossible() -> None:
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]])
    labels = np.array([0, 1, 0], np.int8)
    assert log_loss(probabilities, labels) == pytest.approx(-np.log([0.5, 0.75, 0.1]).mean())
    assert 50 < log_loss(np.array([[1.0, 0.0]]), np.array([1], np.int8)) < 100


def digest(file: Path, stop_at: int = sys.maxsize) -> str:
    """Return a hash of what a few epochs make of a network large enough for several threads."""
    config = small(units=64, embedding_size=64, batch_size=64, pooling="mean_max", dropout=0.3,
                   subword_buckets=BUCKETS)  # fmt: skip
    return hashlib.sha256(trained(config, file, stop_at, toy(256)).exported).hexdigest()


def test_a_training_goes_on_in_another_process_with_other_threads_and_variables(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.test_training import digest\n"
        "print(digest(Path(sys.argv[1]), int(sys.argv[2])))"
    )
    interrupted, resumed = (
        subprocess.run(
            [sys.executable, "-c", program, tmp_path / "file", stop_at],
            cwd=paths.ROOT, env=os.environ | variables, capture_output=True, text=True, check=False,
        )
        for stop_at, variables in (
            ("8", {"PYTHONHASHSEED": "0", "TF_NUM_INTRAOP_THREADS": "1"}),  # amid the second of three epochs
            ("1000", {"PYTHONHASHSEED": "1", "LC_ALL": "C", "ONEDNN_MAX_CPU_ISA": "SSE41", "TZ": "Asia/Tokyo",
                      "TF_NUM_INTRAOP_THREADS": "4"}),
        )
    )  # fmt: skip
    assert "KeyboardInterrupt" in interrupted.stderr
    assert "resuming after epoch 1" in resumed.stdout
    assert resumed.stdout.split()[-1] == digest(tmp_path / "other")
