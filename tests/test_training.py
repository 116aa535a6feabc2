"""Training: what a step does, what an epoch reports, when it stops, and that it resumes exactly."""

import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from stages.train import summary, write_numbers
from tests.configs import rows_of, small
from tests.ensembles import BUCKETS, CLASSES, TRAIN, VOCABULARY, collator_of, ensemble_of
from tests.trainers import trainer_of
from textrnn.model.config import TrainConfig
from textrnn.model.runtime import keras, tf
from textrnn.model.stacking import Floats, softmax
from textrnn.training import loop, machine, optimizers, trainer
from textrnn.training.batches import InputDropout
from textrnn.training.history import COLUMNS, best_epoch, calibrated_loss, rounds_without_fall
from textrnn.training.loop import LOGITS, EpochResult, Fitted, fit, measured, rounds
from textrnn.training.members import one_by_one
from textrnn.training.optimizers import ETA, WARM_STEPS, Optimizer, cosine, rate, share
from textrnn.training.trainer import RAW, Trainer


class Trained(NamedTuple):
    """A training, and how many steps it took."""

    fitted: Fitted
    steps: int


def trained(config: TrainConfig, file: Path, stop_before: int = sys.maxsize) -> Trained:
    """Train from the first weights or the checkpoint in `file`. Ctrl-C comes before the step of that number."""
    steps = 0

    def counted(*given: Any) -> Trainer:
        found = trainer_of(*given)
        step = found.step

        def counting(batch: dict[str, Any]) -> Any:
            nonlocal steps
            steps += 1
            if steps == stop_before:
                raise KeyboardInterrupt
            return step(batch)

        patch.setattr(found, "step", counting)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT", file)
        patch.setattr(loop, "ROUND", 1)  # a measurement after each epoch, few as the rows are
        patch.setattr(machine, "report", lambda *_: None)
        patch.setattr(trainer, "Trainer", counted)
        fitted = fit(one_by_one, ensemble_of(config), repr(config))
    return Trained(fitted, steps)


SINGLE = small(cell="lstm", optimizer="rmsprop", dropout=0.3, patience=2, learning_rate=0.05, epochs=6)
ENSEMBLE = small(
    cell="rnn", dropout=0.3, ensemble=3, subword_buckets=BUCKETS, token_dropout=0.2, word_dropout=0.2,
    subword_dropout=0.2, embedding_dropout=0.2, schedule="cosine", epochs=3,
)  # fmt: skip
AVERAGED = ENSEMBLE.model_copy(update={"schedule": "averaged", "patience": 3, "epochs": 8, "learning_rate": 0.05})
RECIPES = {"single": SINGLE, "ensemble": ENSEMBLE, "averaged": AVERAGED}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Return a function that gives the training of a recipe, done once."""
    return cache(lambda name: trained(RECIPES[name], tmp_path_factory.mktemp("checkpoint") / "file"))


def in_bytes(arrays: dict[str, NDArray[Any]]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays.items()}


def assert_same(one: Fitted, other: Fitted) -> None:
    assert one.history.tolist() == other.history.tolist()
    assert list(map(in_bytes, one.weights)) == list(map(in_bytes, other.weights))
    assert [logits.tobytes() for logits in one.logits] == [logits.tobytes() for logits in other.logits]


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_stopped_amid_each_epoch_resumes_exactly(
    name: str, uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    config, whole = RECIPES[name], uninterrupted(name)
    epochs = len(whole.fitted.history)
    steps = whole.steps // epochs
    assert steps * epochs == whole.steps
    for epoch in range(epochs):  # each resumes after the epochs that the one before it has finished
        with pytest.raises(KeyboardInterrupt):
            trained(config, tmp_path / "file", (steps if epoch else 0) + (2, steps, 1)[epoch % 3])
    resumed = trained(config, tmp_path / "file")
    assert resumed.steps == steps, "only the last epoch was left to train"
    assert_same(resumed.fitted, whole.fitted)
    again = trained(config, tmp_path / "file")
    assert again.steps == 0
    assert_same(again.fitted, whole.fitted)


def test_patience_keeps_the_weights_of_the_best_epoch(uninterrupted: Callable[[str], Trained], tmp_path: Path) -> None:
    fitted = uninterrupted("single").fitted
    losses = fitted.history[:, COLUMNS.index("held_out_loss")]
    assert losses[fitted.kept_epoch - 1] == losses.min()
    assert len(losses) == fitted.kept_epoch + SINGLE.patience < SINGLE.epochs
    short = trained(SINGLE.model_copy(update={"patience": 0, "epochs": fitted.kept_epoch}), tmp_path / "file").fitted
    assert short.kept_epoch == fitted.kept_epoch, "without patience the last epoch is kept"
    assert_same(fitted._replace(history=fitted.history[: fitted.kept_epoch]), short)


def test_of_two_epochs_with_the_lowest_held_out_loss_the_first_is_the_best() -> None:
    history = history_of([0.5, 0.4, 0.6, 0.4])
    assert (best_epoch(history), best_epoch(history[:0])) == (2, 0)


def history_of(losses: list[float], epochs: int = 1) -> Floats:
    """Return a history with these held-out losses, measured after so many epochs each."""
    history = np.zeros((len(losses), len(COLUMNS)))
    history[:, 0] = epochs * np.arange(1, len(losses) + 1)
    history[:, COLUMNS.index("held_out_loss")] = losses
    return history


def test_patience_ends_where_the_loss_has_not_fallen_by_half_a_percent_and_the_lowest_is_kept() -> None:
    losses = [1.0, 0.5, 0.4985, 0.499, 0.4974, 0.6]
    counted = [rounds_without_fall(history_of(losses[:number])) for number in range(len(losses) + 1)]
    assert counted == [0, 0, 0, 1, 2, 0, 1]
    assert best_epoch(history_of(losses, epochs=4)) == 20


def test_patience_ends_where_the_loss_is_zero() -> None:
    without = measured([EpochResult(0.0, 1.0, {LOGITS: np.array([[0.0, 1000.0]])})], np.array([1], np.int16))
    assert str(without[2]) == "0.0"
    assert [rounds_without_fall(history_of([0.1, *[0.0] * more])) for more in range(4)] == [0, 0, 1, 2]


def test_with_patience_a_small_corpus_is_measured_after_sixteen_steps_and_a_large_one_after_each_epoch() -> None:
    def numbers(done: int, **changes: Any) -> list[list[int]]:
        return [list(epochs) for epochs in rounds(ensemble_of(small(epochs=9, **changes)), done)]

    steps = len(TRAIN.rows) // 4  # of an epoch
    assert 4 <= steps < 8, "so that sixteen steps are some epochs"
    size = -(-16 // (steps + (len(TRAIN.rows) % 4 > 0)))
    assert numbers(0, patience=2)[0] == list(range(1, size + 1))
    assert [epoch for epochs in numbers(0, patience=2) for epoch in epochs] == list(range(1, 10))
    assert numbers(2 * size, patience=2) == numbers(0, patience=2)[2:]
    assert numbers(0) == numbers(0, patience=2, batch_size=1) == [[epoch] for epoch in range(1, 10)]


def test_the_held_out_loss_of_an_ensemble_is_that_of_the_best_temperature() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(200, 3))
    labels = (logits + random.gumbel(size=logits.shape)).argmax(axis=1).astype(np.int16)  # of temperature 1
    best = min(log_loss(labels, softmax(logits * scale)) for scale in np.linspace(0.5, 2, 301))
    for scale in (0.1, 1.0, 15.0):
        assert calibrated_loss(logits * scale, labels) == pytest.approx(best, abs=1e-4)


def test_the_metrics_are_those_of_the_epoch_whose_weights_are_kept() -> None:
    history = np.array([[1, 0.5, 0.75, 0.4, 0.8], [2, 0.25, 1, 0.3, 0.9], [3, 0.125, 1, 0.6, 0.7]])
    member = {"words": np.zeros((4, 3), np.float32), "output.bias": np.zeros(2, np.float32)}
    assert summary(Fitted(history, 2, [member, member], []), "validation") == {
        "epochs": 3,
        "kept_epoch": 2,
        "parameters": 28,
        "loss": {"train": 0.25, "validation": 0.3},
        "accuracy": {"train": 1, "validation": 0.9},
    }


def test_the_held_out_rows_are_written_with_a_probability_for_each_label(tmp_path: Path) -> None:
    columns, formats = ["row", "ham", "spaß"], ["%d", "%.6f", "%.6f"]
    for lines, text in (
        ([[7, 0.25, 0.75], [2, 1 / 3, 2 / 3]], "7\t0.250000\t0.750000\n2\t0.333333\t0.666667\n"),
        ([], ""),
    ):
        write_numbers(tmp_path / "table", columns, np.reshape(lines, (-1, 3)), formats)
        assert (tmp_path / "table").read_text("utf-8") == f"row\tham\tspaß\n{text}"


def test_the_seed_decides_where_each_member_begins() -> None:
    trainer = trainer_of(ENSEMBLE, VOCABULARY, CLASSES)
    begin = partial(Trainer.initial_state, trainer)
    states = [begin(number) for number in range(2)]
    same = {name for name, array in states[0].items() if (array == states[1][name]).all()}
    assert {name for name in same if not name.startswith("optimizer/")} == {
        "weights/layer0.forward.bias", "weights/output.bias",
    }, "all others are drawn, and the dropout's generators too"  # fmt: skip
    trainer.fit_rows(TRAIN, collator_of(ENSEMBLE), 1, (0, 1, 0))
    assert in_bytes(begin(1)) == in_bytes(states[1])
    trainer.config = ENSEMBLE.model_copy(update={"seed": 1})
    assert (begin(0)["weights/words"] != states[0]["weights/words"]).any()


def test_an_ensemble_is_measured_on_each_members_held_out_rows(uninterrupted: Callable[[str], Trained]) -> None:
    fitted, members = uninterrupted("ensemble").fitted, ensemble_of(ENSEMBLE).members
    assert sorted(row for member in members for row in member.held_out.rows.tolist()) == TRAIN.rows.tolist()
    assert [len(logits) for logits in fitted.logits] == [len(member.held_out.rows) for member in members]
    probabilities, labels = softmax(np.vstack(fitted.logits)), np.concatenate([one.held_out.labels for one in members])
    accuracy = np.mean(probabilities.argmax(axis=1) == labels)
    loss = calibrated_loss(np.vstack(fitted.logits), labels)
    assert fitted.history[-1, 3:].tolist() == [round(loss, 6), round(accuracy, 6)]
    assert loss < log_loss(labels, probabilities)
    first, *others = fitted.weights
    assert all((first[name] != other[name]).any() for other in others for name in first)


PLAIN = small(learning_rate=1.0, clip_norm=0.0, embedding_range=2.0, subword_buckets=BUCKETS)


def descend(optimizer: Optimizer, variable: Any, gradient: Any, _: list[Any]) -> None:
    variable.assign_sub(optimizer.learning_rate * gradient)


@pytest.fixture
def descent() -> Iterator[Trainer]:
    """Return a trainer that descends at rate 1, so that a step is the gradient that was applied."""
    tf.config.run_functions_eagerly(True)  # a step or two take less time than compiling them
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(optimizers.OPTIMIZERS, "adamw", (descend, []))
        yield trainer_of(PLAIN, VOCABULARY, CLASSES)
    tf.config.run_functions_eagerly(False)


def step_of(trainer: Trainer, chosen: list[int], **changes: Any) -> Floats:
    """Return by how much one step over the chosen rows lowers the weights, which it leaves as they were."""
    first, before, collator = trainer.state(), flat(trainer), collator_of(PLAIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "config", trainer.config.model_copy(update=changes))
        trainer.step(collator.batch(REPEATED, np.array(chosen), collator.lengths(REPEATED)))
    step = before - flat(trainer)
    trainer.restore(first)
    return step


def flat(trainer: Trainer) -> Floats:
    arrays = [variable.numpy().ravel() for variable in trainer.network.trainable_variables]
    return np.concatenate(arrays).astype(np.float64)


REPEATED = rows_of([[1, 1, 1, 1], [1, 5, 1], [2, 2]], [0, 0, 1])  # a sparse gradient has a word's rows many times


def test_a_gradient_is_clipped_to_the_norm_of_all_variables_together(descent: Trainer) -> None:
    whole = step_of(descent, [0, 1, 2])
    norm = float(np.linalg.norm(whole))
    assert norm > 0.1
    for limit in (norm / 10, norm * 2):
        clipped = step_of(descent, [0, 1, 2], clip_norm=limit)
        np.testing.assert_allclose(clipped, whole * min(1, limit / norm), atol=1e-6)


def test_a_step_follows_the_mean_gradient_of_its_rows(descent: Trainer) -> None:
    alone = [step_of(descent, [row]) for row in (2, 1)]
    np.testing.assert_allclose(step_of(descent, [2, 1]), np.mean(alone, axis=0), atol=1e-6)


def test_balanced_class_weights_scale_each_rows_gradient_and_not_the_loss_that_is_reported(descent: Trainer) -> None:
    alone, balanced = (
        [step_of(descent, [row]) for row in range(3)],
        PLAIN.model_copy(update={"class_weights": "balanced", "batch_size": 3}),
    )
    before, trainer = flat(descent), trainer_of(balanced, VOCABULARY, CLASSES)
    trainer.optimizer.learning_rate.assign(1)
    loss, _ = trainer.fit_rows(REPEATED, collator_of(PLAIN), 1, (0, 1, 0))
    expected = (
        3 / (2 * 2) * (alone[0] + alone[1]) + 3 / (2 * 1) * alone[2]
    ) / 3  # two rows of one label, one of another
    np.testing.assert_allclose(before - flat(trainer), expected, atol=1e-6)
    assert loss == pytest.approx(log_loss(REPEATED.labels, softmax(descent.predict(REPEATED, collator_of(PLAIN)))))


def test_the_first_step_of_rmsprop_divides_by_a_mean_square_that_begins_at_one(descent: Trainer) -> None:
    gradient = step_of(descent, [0, 1, 2])
    assert np.abs(gradient).max() > 0.1
    rmsprop = trainer_of(PLAIN.model_copy(update={"optimizer": "rmsprop"}), VOCABULARY, CLASSES)
    taken = step_of(rmsprop, [0, 1, 2])
    np.testing.assert_allclose(taken, gradient / np.sqrt(0.9 + 0.1 * gradient**2), atol=1e-6)


def test_two_steps_of_adamw_are_those_of_keras() -> None:
    gradients = [tf.constant([0.3, -2.0, 1e-9]), tf.constant([-0.1, 1.0, 0.0])]
    own, theirs = (keras.Variable(np.array([1.0, -2.0, 0.5], np.float32)) for _ in range(2))
    optimizer, peer = Optimizer(small(learning_rate=0.1), [own]), keras.optimizers.AdamW(0.1)
    for gradient in gradients:
        optimizer.apply([gradient])
        peer.apply([gradient], [theirs])
    np.testing.assert_allclose(own.numpy(), theirs.numpy(), atol=2e-6)  # other roundings of the same formula


def test_an_epoch_reports_means_over_rows_though_its_last_batch_is_smaller(descent: Trainer) -> None:
    descent.optimizer.learning_rate.assign(0)  # nothing is learned in between
    collator = collator_of(PLAIN)
    loss, accuracy = descent.fit_rows(TRAIN, collator, 1, (0, 1, 0))
    probabilities = softmax(descent.predict(TRAIN, collator))
    right = probabilities.argmax(axis=1) == TRAIN.labels
    assert 0 < right.mean() < 1
    assert accuracy == right.mean()
    assert loss == pytest.approx(log_loss(TRAIN.labels, probabilities), rel=1e-5)


def test_input_dropout_changes_the_steps_and_no_prediction(descent: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descent, "config", PLAIN.model_copy(update={"batch_size": 100}))
    collator, first, ends = collator_of(PLAIN), descent.state(), []
    prediction = descent.predict(TRAIN, collator)
    for dropout in (InputDropout(), InputDropout(token=0.5), InputDropout(word=0.5), InputDropout(subword=0.5)):
        descent.restore(first)
        monkeypatch.setattr(descent, "input_dropout", dropout)
        assert (descent.predict(TRAIN, collator) == prediction).all()
        descent.fit_rows(TRAIN, collator, 1, (0, 1, 0))
        ends.append(flat(descent))
    assert all(np.abs(ends[0] - end).max() > 1e-3 for end in ends[1:])


@pytest.mark.parametrize(
    ("done", "share"),
    [(0, 0), (0.05, 0.5), (0.1, 1), (0.325, 0.5 + 0.5**1.5), (0.55, 0.5), (0.775, 0.5 - 0.5**1.5), (1, 0)],
)
def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_as_half_a_cosine(done: float, share: float) -> None:
    assert cosine(done) == pytest.approx(share, abs=1e-12)


def test_an_averaged_training_has_the_whole_rate_after_some_steps_whatever_its_length() -> None:
    config = small(schedule="averaged")
    for done in (0.01, 0.9):
        assert [rate(config, step, done) for step in (1, WARM_STEPS, 10_000)] == [0.01 / WARM_STEPS, 0.01, 0.01]


def test_the_weights_that_predict_are_the_average_of_all_steps_the_later_the_more() -> None:
    config = PLAIN.model_copy(update={"schedule": "averaged", "batch_size": 4})
    trainer, collator = trainer_of(config, VOCABULARY, CLASSES), collator_of(PLAIN)
    seen: list[dict[str, NDArray[Any]]] = []

    def step(batch: dict[str, Any], taken: Callable[..., Any] = trainer.step) -> Any:
        sums = taken(batch)
        seen.append({name: one for name, one in trainer.state().items() if name.startswith(RAW)})
        return sums

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "step", step)
        member = ensemble_of(config).members[0]
        result = trainer.train_epochs(member, 0, range(1, 3), trainer.state())
    count = len(seen)
    # Shamir and Zhang's average gives the step t of n a weight that grows as t to the power ETA.
    weights = [
        share(one) * np.prod([1 - share(later) for later in range(one + 1, count + 1)]) for one in range(1, count + 1)
    ]
    assert sum(weights) == pytest.approx(1)
    assert weights[-1] == (1 + ETA) / (count + ETA) == max(weights)
    for name, last in seen[-1].items():
        expected = sum(weight * one[name].astype(float) for weight, one in zip(weights, seen, strict=True))
        average = result.state[name.replace(RAW, "weights/")]
        np.testing.assert_allclose(average, expected, atol=1e-5)
        assert (result.state[name] == last).all()
    raw = trainer.predict(member.held_out, collator)
    assert (raw == result.state["logits"]).all(), "the network predicts by the averages"
    trainer.restore(result.state)
    assert (trainer.predict(member.held_out, collator) != raw).any(), "and trains on from the weights themselves"


def test_each_step_has_the_rate_of_its_place_among_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(ENSEMBLE.model_copy(update={"epochs": 2}), VOCABULARY, CLASSES)
    rates: list[float] = []

    def step(_: object) -> Any:
        rates.append(float(trainer.optimizer.learning_rate.numpy()))
        return tf.zeros(2)

    monkeypatch.setattr(trainer, "step", step)
    for epoch in (1, 2):
        trainer.fit_rows(TRAIN, collator_of(trainer.config), epoch, (0, epoch, 0))
    expected = [0.01 * cosine(place) for place in (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def test_logits_come_in_the_order_of_the_rows(descent: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    collator = collator_of(PLAIN)
    monkeypatch.setattr("textrnn.training.trainer.PREDICTION_BATCH", 4)
    found = descent.predict(TRAIN, collator)
    for row, logits in enumerate(found[:3]):
        batch = collator.batch(TRAIN, np.array([row]), collator.lengths(TRAIN))
        np.testing.assert_allclose(logits, descent.network(batch).numpy()[0], atol=1e-6)
    assert np.ptp(found[:, 1] - found[:, 0]) > 0.1
    assert descent.predict(rows_of([]), collator).shape == (0, CLASSES)
