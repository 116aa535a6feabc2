"""A training that is stopped in any epoch of any member, and goes on from its checkpoint, ends in the same bits."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.configs import small
from tests.test_training import (
    BUCKETS,
    TRAIN,
    Trained,
    assert_same,
    each_once,
    ignore,
    made,
    members_of,
    questions,
    trained,
)
from textrnn.model.config import TrainConfig
from textrnn.model.runtime import tf
from textrnn.training import checkpoint
from textrnn.training.loop import COLUMNS, best_epoch

# All that draws random numbers or counts steps, and patience, so that the best epoch's weights are carried along too.
EVERYTHING: dict[str, Any] = {
    "dropout": 0.3, "embedding_dropout": 0.2, "token_dropout": 0.2, "word_dropout": 0.2, "subword_dropout": 0.2,
    "subword_buckets": BUCKETS, "schedule": "cosine", "learning_rate": 0.3, "patience": 2, "epochs": 3,
    "pooling": "mean_max", "batch_size": 6,
}  # fmt: skip
RECIPES: dict[str, TrainConfig] = {
    "rnn, ensemble": small(**EVERYTHING, cell="rnn", optimizer="rmsprop", ensemble=3),
    "rnn, two directions": small(**EVERYTHING, cell="rnn", optimizer="adamw", bidirectional=True),
    "rnn, stacked": small(**EVERYTHING, cell="rnn", optimizer="rmsprop", layers=2),
    "lstm": small(**EVERYTHING, cell="lstm", optimizer="adamw"),
    "lstm, two directions": small(**EVERYTHING, cell="lstm", optimizer="rmsprop", bidirectional=True),
    "lstm, stacked": small(**EVERYTHING, cell="lstm", optimizer="adamw", layers=2),
    "gru, ensemble": small(**EVERYTHING, cell="gru", optimizer="adamw", ensemble=3),
    "gru, two directions": small(**EVERYTHING, cell="gru", optimizer="rmsprop", bidirectional=True),
    "gru, stacked, two directions": small(**EVERYTHING, cell="gru", optimizer="rmsprop", bidirectional=True, layers=2),
}
QUICK = "lstm"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Return what gives the training of a recipe, done once."""
    return each_once(RECIPES, tmp_path_factory)


def stopped(config: TrainConfig, file: Path, at: int) -> None:
    """Train until the question to go on at which Ctrl-C comes."""
    with pytest.raises(KeyboardInterrupt):
        trained(config, file, at)


def stopped_everywhere(config: TrainConfig, file: Path, epochs: int, between: Callable[[], object] = ignore) -> Trained:
    """Train, stopped amid each epoch of each member and after each epoch's last step; each time it goes on anew."""
    for epoch in range(epochs):
        # Counted from the checkpoint; the first to be stopped in an epoch goes through the one before it first.
        earlier, asked = (questions(config) if epoch else 0), 0
        for member in members_of(config, TRAIN):
            stopped(config, file, earlier + asked + 2)
            assert file.exists() == (epoch > 0)
            between()
            earlier = 0
            asked += -(-len(member.train.rows) // config.batch_size)
        stopped(config, file, questions(config))
        between()
    return trained(config, file)


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_stopped_in_every_epoch_of_every_member_ends_in_the_same_bits(
    name: str, uninterrupted: Callable[[str], Trained], tmp_path: Path
) -> None:
    whole = uninterrupted(name)
    epochs = len(whole.fitted.history)
    resumed = stopped_everywhere(RECIPES[name], tmp_path / "file", epochs)
    assert_same(resumed, whole)
    assert resumed.steps == questions(RECIPES[name]), "only the last epoch was left to train"


def test_some_of_these_trainings_keep_an_epoch_before_their_last(uninterrupted: Callable[[str], Trained]) -> None:
    histories = [uninterrupted(name).fitted.history for name in RECIPES]
    assert any(best_epoch(history) < len(history) for history in histories)
    assert any(best_epoch(history) == len(history) for history in histories)


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """Let steps be taken without compiling them, and trainers be forgotten afterwards."""
    tf.config.run_functions_eagerly(True)
    made.cache_clear()
    yield
    tf.config.run_functions_eagerly(False)
    made.cache_clear()


@pytest.mark.usefixtures("uncompiled")
def test_a_training_goes_on_in_a_trainer_which_has_trained_nothing(tmp_path: Path) -> None:
    config = small(**EVERYTHING | {"epochs": 2, "cell": "rnn", "ensemble": 3, "patience": 0})
    whole = trained(config, tmp_path / "whole")
    made.cache_clear()
    assert_same(stopped_everywhere(config, tmp_path / "file", 2, between=made.cache_clear), whole)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda raw: raw[:-1],
    "torn in the middle": lambda raw: raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2),
    "shorter than its seal": lambda raw: raw[:10],
    "with a bit turned": lambda raw: raw[:-100] + bytes([raw[-100] ^ 1]) + raw[-99:],
    "foreign": lambda _: b"not a checkpoint at all\n",
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_told_in_a_line_and_not_used(
    kind: str, uninterrupted: Callable[[str], Trained], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, file, whole = RECIPES[QUICK], tmp_path / "file", uninterrupted(QUICK)
    stopped(config, file, questions(config) + 2)
    file.write_bytes(DAMAGES[kind](file.read_bytes()))
    capsys.readouterr()
    again = trained(config, file)
    assert_told(capsys)
    assert again.steps == whole.steps
    assert_same(again, whole)
    assert checkpoint.load(file, repr(config)) is not None, "a whole one has taken its place"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 0.2}, {"epochs": 5}], ids=str)
def test_the_checkpoint_of_an_older_recipe_is_told_in_a_line_and_replaced(
    change: dict[str, Any], uninterrupted: Callable[[str], Trained], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older, file, whole = RECIPES[QUICK].model_copy(update=change), tmp_path / "file", uninterrupted(QUICK)
    file.write_bytes(checkpoint_of(older, tmp_path / "older"))
    capsys.readouterr()
    again = trained(RECIPES[QUICK], file)
    assert_told(capsys)
    assert again.steps == whole.steps
    assert_same(again, whole)


def checkpoint_of(config: TrainConfig, file: Path) -> bytes:
    """Return a checkpoint of that recipe, sealed for it, whatever weights it holds."""
    arrays = made(RECIPES[QUICK].model_copy(update={"patience": 0, "ensemble": 1}))[1]
    history = np.zeros((2, len(COLUMNS)))
    checkpoint.save(file, repr(config), checkpoint.Checkpoint(history, {f"0/{k}": v for k, v in arrays.items()}, {}))
    return file.read_bytes()


def assert_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Assert that stderr is one line, of a checkpoint that was not used, and that nothing was resumed."""
    said = capsys.readouterr()
    assert "resuming" not in said.out
    told = [line for line in said.err.splitlines() if "checkpoint" in line]
    assert len(told) == 1
    assert told[0].startswith("checkpoint not used: ")


def test_where_there_is_no_checkpoint_nothing_is_said_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(RECIPES[QUICK], tmp_path / "file")
    said = capsys.readouterr()
    assert "checkpoint" not in said.out + said.err
    assert "resuming" not in said.out


def test_however_many_epochs_one_checkpoint_is_kept_and_it_does_not_grow(tmp_path: Path) -> None:
    config, sizes = RECIPES[QUICK].model_copy(update={"patience": 0}), []
    for epoch in (1, 2):
        stopped(config, tmp_path / f"of {epoch}" / "file", epoch * questions(config) + 1)
        (file,) = (tmp_path / f"of {epoch}").iterdir()
        sizes.append(file.stat().st_size)
    assert 0 <= sizes[1] - sizes[0] < 100, "a row of the history, and no more"
