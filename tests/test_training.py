"""Training: what a step does, what an epoch reports, when it stops, and that it can be interrupted anywhere."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from stages import train
from stages.train import COLUMNS, best_epoch, fit, known_words, restore, state, summary
from tests.recipes import rows_of, small
from textrnn import checkpoint, paths, training
from textrnn.batches import Encoder
from textrnn.export import export
from textrnn.network import weights
from textrnn.ragged import Rows
from textrnn.recipe import Recipe
from textrnn.tensorflow import deterministic, keras, tf
from textrnn.training import Trainer, log_loss, softmax, tensors
from textrnn.vocabulary import UNKNOWN

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


def encoder_of(recipe: Recipe) -> Encoder:
    return Encoder(WORDS, PARTS if recipe.subword_buckets else None, 8, recipe.masking)


def new_trainers(recipe: Recipe) -> list[Trainer]:
    deterministic(recipe.seed)
    return [Trainer(recipe, VOCABULARY, CLASSES, member) for member in range(recipe.ensemble)]


@cache
def made(recipe: Recipe) -> tuple[list[Trainer], checkpoint.Arrays]:
    trainers = new_trainers(recipe)
    return trainers, state(trainers)


def trainers_of(recipe: Recipe) -> list[Trainer]:
    """Return the trainers of a recipe as if they were new: to compile their steps takes a second each.

    How long they train is not theirs to know.
    """
    trainers, first = made(recipe.model_copy(update={"epochs": 1, "patience": 0}))
    restore(trainers, first)
    return trainers


def ignore() -> None:
    """Let every step be taken."""


class Trained(NamedTuple):
    """All that a training leaves."""

    history: Floats
    arrays: list[dict[str, NDArray[np.float32]]]  # weights by name, of each member
    exported: bytes
    trainers: list[Trainer]
    steps: int  # how often it was asked whether to go on


def fitted(recipe: Recipe, file: Path, stop_at: int = sys.maxsize, rows: Rows | None = None) -> Trained:
    """Train from the first weights or the checkpoint in `file`. Ctrl-C comes at the `stop_at`th question to go on."""
    asked = 0

    def alive() -> None:
        nonlocal asked
        asked += 1
        if asked == stop_at:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "parent_watch", lambda: alive)
        patch.setattr(train, "CHECKPOINT", file)
        trainers = trainers_of(recipe)
        history = fit(trainers, recipe, encoder_of(recipe), rows or TRAIN, HELD_OUT, repr(recipe))
    arrays = [weights(one.network) for one in trainers]
    return Trained(history, arrays, export(arrays, recipe, CLASSES), trainers, asked)


TRAIN, HELD_OUT = toy(18, wrong=0.2), toy(12, seed=1)
BATCHES = 5  # of TRAIN in an epoch

RECIPES = {
    "rnn, rmsprop": small(cell="rnn", optimizer="rmsprop", dropout=0.3),
    "lstm, adamw, patience": small(cell="lstm", dropout=0.3, patience=2, learning_rate=0.3, epochs=6),
    "gru, adamw, ensemble, subwords": small(cell="gru", dropout=0.3, ensemble=2, subword_buckets=BUCKETS),
    "two layers, rmsprop, patience": small(
        optimizer="rmsprop", dropout=0.3, patience=2, layers=2, pooling="mean_max", learning_rate=0.3, epochs=5,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Return what gives the training of a recipe, done once."""
    done: dict[str, Trained] = {}

    def give(name: str) -> Trained:
        if name not in done:
            done[name] = fitted(RECIPES[name], tmp_path_factory.mktemp("checkpoint") / "file")
        return done[name]

    return give


def assert_same(found: Trained, expected: Trained) -> None:
    assert found.history.tolist() == expected.history.tolist()
    for one, other in zip(found.arrays, expected.arrays, strict=True):
        assert {name: array.tobytes() for name, array in one.items()} == {
            name: array.tobytes() for name, array in other.items()
        }
    assert found.exported == expected.exported


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_interrupted_anywhere_ends_as_if_it_had_not_been(
    name: str, uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    recipe = RECIPES[name]
    epoch = BATCHES * recipe.ensemble + 1  # questions in an epoch: before each step, and before it is saved
    for stop_at in (
        3,  # amid the first epoch
        epoch + 1,  # it is saved: before the first step of the second
        epoch - 2,  # amid the second, perhaps of the second member
        epoch,  # after the last step of the second, which is not saved
        epoch + 3,  # the second is saved: amid the third
    ):
        with pytest.raises(KeyboardInterrupt):
            fitted(recipe, tmp_path / "file", stop_at)
    resumed = fitted(recipe, tmp_path / "file")
    assert_same(resumed, uninterrupted(name))
    assert resumed.steps == uninterrupted(name).steps - 2 * epoch


def test_a_training_interrupted_after_its_last_epoch_trains_no_more(
    uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    name = "lstm, adamw, patience"
    fitted(RECIPES[name], tmp_path / "file")
    resumed = fitted(RECIPES[name], tmp_path / "file", stop_at=1)
    assert resumed.steps == 0
    assert_same(resumed, uninterrupted(name))


@pytest.mark.parametrize("damage", [lambda _: b"", lambda raw: raw[:-1], lambda raw: raw[: len(raw) // 2]])
def test_a_training_with_a_damaged_checkpoint_begins_anew(
    damage: Callable[[bytes], bytes], uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    name, file = "rnn, rmsprop", tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        fitted(RECIPES[name], file, BATCHES + 3)
    file.write_bytes(damage(file.read_bytes()))
    again = fitted(RECIPES[name], file)
    assert again.steps == uninterrupted(name).steps
    assert_same(again, uninterrupted(name))


def test_a_checkpoint_of_another_recipe_is_not_taken_up(
    uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    name, file = "rnn, rmsprop", tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        fitted(RECIPES[name].model_copy(update={"seed": 1}), file, BATCHES + 3)
    assert_same(fitted(RECIPES[name], file), uninterrupted(name))


def test_patience_leaves_the_weights_of_the_best_epoch(uninterrupted: Callable[[str], Trained], tmp_path: Path) -> None:
    name = "lstm, adamw, patience"
    stopped = uninterrupted(name)
    losses = stopped.history[:, COLUMNS.index("held_out_loss")]
    best = best_epoch(stopped.history)
    assert losses[best - 1] == losses.min()
    assert len(losses) == best + RECIPES[name].patience < RECIPES[name].epochs
    short = fitted(RECIPES[name].model_copy(update={"patience": 0, "epochs": best}), tmp_path / "file")
    assert_same(stopped._replace(history=stopped.history[:best]), short)


def test_without_patience_every_epoch_is_trained_and_the_last_weights_stay(tmp_path: Path) -> None:
    recipe = RECIPES["lstm, adamw, patience"].model_copy(update={"patience": 0})
    trained = fitted(recipe, tmp_path / "file")
    assert trained.history[:, 0].tolist() == list(range(1, recipe.epochs + 1))
    assert best_epoch(trained.history) < recipe.epochs
    stored = checkpoint.load(tmp_path / "file", repr(recipe))
    assert stored is not None
    assert not stored.best
    variables = {array.tobytes() for array in stored.now.values()}
    assert {array.tobytes() for array in trained.arrays[0].values()} <= variables


@pytest.mark.parametrize(
    ("losses", "best"), [([], 0), ([0.5], 1), ([0.5, 0.4, 0.6], 2), ([0.5, 0.4, 0.4], 2), ([0.1, 0.2, 0.1], 1)]
)
def test_the_best_epoch_is_the_first_with_the_lowest_held_out_loss(losses: list[float], best: int) -> None:
    history = np.zeros((len(losses), len(COLUMNS)))
    history[:, COLUMNS.index("held_out_loss")] = losses
    assert best_epoch(history) == best


def test_the_metrics_are_those_of_the_epoch_whose_weights_are_kept() -> None:
    history = np.array([[1, 0.5, 0.75, 0.4, 0.8], [2, 0.25, 1, 0.3, 0.9], [3, 0.125, 1, 0.6, 0.7]])
    trainers = trainers_of(small(ensemble=2))
    parameters = sum(array.size for one in trainers for array in weights(one.network).values())
    assert summary(history, 2, "validation", trainers) == {
        "epochs": 3,
        "best_epoch": 2,
        "parameters": parameters,
        "loss": {"train": 0.25, "validation": 0.3},
        "accuracy": {"train": 1, "validation": 0.9},
    }


@pytest.mark.parametrize(
    "changes",
    [{"cell": "rnn"}, {"cell": "lstm"}, {"cell": "gru", "optimizer": "rmsprop", "learning_rate": 0.3}],
    ids=lambda changes: " ".join(map(str, changes.values())),
)
def test_what_can_be_learnt_is_learnt(changes: dict[str, Any], tmp_path: Path) -> None:
    recipe = small(**({"units": 8, "embedding_size": 8, "epochs": 8, "learning_rate": 0.03} | changes))
    history = fitted(recipe, tmp_path / "file", rows=toy(150, seed=2)).history
    columns = dict(zip(COLUMNS, history.T, strict=True))
    for side in ("train", "held_out"):
        assert columns[f"{side}_loss"][-1] < columns[f"{side}_loss"][0] / 2
        assert columns[f"{side}_accuracy"][-1] > 0.9


def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    name = "rnn, rmsprop"
    first, again = (state(make(RECIPES[name])) for make in (trainers_of, new_trainers))
    assert {key: array.tobytes() for key, array in again.items()} == {
        key: array.tobytes() for key, array in first.items()
    }
    assert_same(fitted(RECIPES[name], tmp_path / "again"), uninterrupted(name))
    other = fitted(RECIPES[name].model_copy(update={"seed": 1}), tmp_path / "other")
    assert other.exported != uninterrupted(name).exported


def test_the_members_of_an_ensemble_differ_and_are_measured_by_their_mean_probability(
    uninterrupted: Callable[[str], Trained],
) -> None:
    name = "gru, adamw, ensemble, subwords"
    trained, recipe = uninterrupted(name), RECIPES[name]
    first, second = trained.arrays
    assert all((first[one] != second[one]).any() for one in first)
    mean = np.mean([one.probabilities(HELD_OUT, encoder_of(recipe)) for one in trained.trainers], axis=0)
    accuracy = np.mean(mean.argmax(axis=1) == HELD_OUT.labels)
    assert trained.history[-1, 3:].tolist() == [round(log_loss(mean, HELD_OUT.labels), 6), round(accuracy, 6)]


@pytest.fixture
def descent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put plain gradient descent in the place of AdamW: at rate 1, a step is the gradient that was applied."""
    monkeypatch.setitem(training.OPTIMIZERS, "adamw", keras.optimizers.SGD)
    tf.config.run_functions_eagerly(True)  # a step or two are sooner taken than compiled
    yield
    tf.config.run_functions_eagerly(False)


def step_of(recipe: Recipe, rows: Rows, chosen: list[int]) -> tuple[Floats, Floats]:
    """Return all weights at the start, and by how much one step over the chosen rows lowers them."""
    (trainer,) = new_trainers(recipe)
    before = flat(trainer)
    encoder = encoder_of(recipe)
    trainer.step(tensors(encoder.batch(rows, np.array(chosen), encoder.lengths(rows))))
    return before, before - flat(trainer)


def flat(trainer: Trainer) -> Floats:
    arrays = [variable.numpy().ravel() for variable in trainer.network.trainable_variables]
    return np.concatenate(arrays).astype(np.float64)


REPEATED = rows_of([[1, 1, 1, 1], [1, 5, 1], [2, 2]], [0, 0, 1])  # a sparse gradient has a word's rows many times


@pytest.mark.usefixtures("descent")
@pytest.mark.parametrize("changes", [{"cell": "rnn"}, {"cell": "gru", "subword_buckets": BUCKETS}])
def test_a_gradient_is_scaled_down_to_the_norm_it_is_clipped_to(changes: dict[str, Any]) -> None:
    recipe = small(learning_rate=1.0, embedding_range=2.0, **changes)
    _, whole = step_of(recipe.model_copy(update={"clip_norm": 0.0}), REPEATED, [0, 1, 2])
    norm = float(np.linalg.norm(whole))
    assert norm > 0.1
    for limit in (norm / 10, norm * 2):
        _, clipped = step_of(recipe.model_copy(update={"clip_norm": limit}), REPEATED, [0, 1, 2])
        np.testing.assert_allclose(np.linalg.norm(clipped), min(limit, norm), rtol=1e-4)
        np.testing.assert_allclose(clipped, whole * min(1, limit / norm), atol=1e-6)


@pytest.mark.usefixtures("descent")
@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 1]])
def test_a_step_follows_the_mean_gradient_of_its_rows(rows: list[int]) -> None:
    recipe = small(learning_rate=1.0, clip_norm=0.0)
    alone = [step_of(recipe, REPEATED, [row])[1] for row in rows]
    np.testing.assert_allclose(step_of(recipe, REPEATED, rows)[1], np.mean(alone, axis=0), atol=1e-6)


@pytest.mark.usefixtures("descent")
def test_the_first_step_of_rmsprop_divides_by_a_mean_square_that_begins_at_one() -> None:
    recipe = small(embedding_range=2.0, clip_norm=0.0, learning_rate=1.0)
    start, gradient = step_of(recipe, REPEATED, [0, 1, 2])
    same, taken = step_of(recipe.model_copy(update={"optimizer": "rmsprop"}), REPEATED, [0, 1, 2])
    assert (start == same).all()
    assert np.abs(gradient).max() > 0.1
    np.testing.assert_allclose(taken, gradient / np.sqrt(0.9 + 0.1 * gradient**2), atol=1e-6)


@pytest.mark.usefixtures("descent")
def test_an_epoch_reports_means_over_rows_though_its_last_batch_is_smaller() -> None:
    (trainer,) = new_trainers(small(learning_rate=1e-30, embedding_range=5.0))  # nothing is learnt in between
    encoder = encoder_of(trainer.recipe)
    asked = []
    loss, accuracy = trainer.epoch(TRAIN, encoder, (0, 1, 0), lambda: asked.append(True))
    probabilities = trainer.probabilities(TRAIN, encoder)
    right = probabilities.argmax(axis=1) == TRAIN.labels
    assert 0 < right.mean() < 1
    assert accuracy == right.mean()
    assert loss == pytest.approx(log_loss(probabilities, TRAIN.labels), rel=1e-5)
    assert len(asked) == BATCHES


def test_probabilities_come_in_the_order_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    (trainer,) = new_trainers(small(embedding_range=5.0))
    encoder = encoder_of(trainer.recipe)
    monkeypatch.setattr(training, "PREDICTION_BATCH", 4)
    found = trainer.probabilities(TRAIN, encoder)
    lengths = encoder.lengths(TRAIN)
    for row, probabilities in enumerate(found):
        logits = trainer.network(tensors(encoder.batch(TRAIN, np.array([row]), lengths))).numpy()
        np.testing.assert_allclose(probabilities, softmax(logits)[0], atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)


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
    found, counts = known_words(
        rows_of([[1, 3, 1], [0, 1], [3, 4]]), list("abcde"), least
    )  # 2 stands in a test row alone
    assert found.tolist() == words
    assert found.dtype == np.int32
    assert counts == kept
    assert found[2] == UNKNOWN


def test_words_as_frequent_as_each_other_stand_by_the_alphabet_whatever_other_rows_hold() -> None:
    for tokens in (list("abcde"), list("ecadb")):  # what test rows hold decides which of them comes first
        found, counts = known_words(rows_of([[4, 2, 0, 3, 1]]), tokens, 0)
        assert counts == [(token, 1) for token in "abcde"]
        assert [counts[number - 1][0] for number in found] == tokens


def digest(file: Path, stop_at: int = sys.maxsize) -> str:
    """Return a hash of what a few epochs make of a network large enough for several threads."""
    recipe = small(units=64, embedding_size=64, batch_size=64, pooling="mean_max", dropout=0.3,
                   subword_buckets=BUCKETS)  # fmt: skip
    return hashlib.sha256(fitted(recipe, file, stop_at, toy(256)).exported).hexdigest()


def test_a_training_goes_on_in_another_process_with_other_threads_and_variables(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from textrnn.tensorflow import tf\n"
        "threads, file, stop_at = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])\n"
        "tf.config.threading.set_intra_op_parallelism_threads(threads)\n"
        "tf.config.threading.set_inter_op_parallelism_threads(threads)\n"
        "from tests.test_training import digest; print(digest(file, stop_at))"
    )
    interrupted, resumed = (
        subprocess.run(
            [sys.executable, "-c", program, threads, tmp_path / "file", stop_at],
            cwd=paths.ROOT, env=os.environ | variables, capture_output=True, text=True, check=False,
        )
        for threads, stop_at, variables in (
            ("1", "8", {"PYTHONHASHSEED": "0"}),  # amid the second of three epochs
            ("2", "1000", {"PYTHONHASHSEED": "1", "LC_ALL": "C", "ONEDNN_MAX_CPU_ISA": "SSE41", "TZ": "Asia/Tokyo"}),
        )
    )  # fmt: skip
    assert "KeyboardInterrupt" in interrupted.stderr
    assert "resuming after epoch 1" in resumed.stdout
    assert resumed.stdout.split()[-1] == digest(tmp_path / "other")
