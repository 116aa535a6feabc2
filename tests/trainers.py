"""Trainers that tests use again, as if they were new: to compile the steps of one takes two seconds."""

from functools import cache

from textrnn.model.config import TrainConfig
from textrnn.model.runtime import deterministic
from textrnn.training.checkpoint import Arrays
from textrnn.training.trainer import Trainer


class Reused(Trainer):
    """A trainer that draws the first state of each member once."""

    def initial_state(self, number: int) -> Arrays:
        """Return the state in which an ensemble member begins."""
        return drawn(self, self.config.seed, number)


@cache
def drawn(trainer: Reused, _: int, number: int) -> Arrays:
    """Return a member's first state under the trainer's seed."""
    return Trainer.initial_state(trainer, number)


@cache
def compiled(config: TrainConfig, vocabulary_size: int, classes: int) -> tuple[Reused, Arrays]:
    """Return a trainer and its first state."""
    deterministic(config.seed)
    trainer = Reused(config, vocabulary_size, classes)
    return trainer, trainer.state()


def trainer_of(config: TrainConfig, vocabulary_size: int, classes: int) -> Reused:
    """Return a trainer in its first state."""
    alike = {
        "patience": 0,
        "ensemble": 1,
        "epochs": 1,
        "batch_size": 4,
        "linear": False,
    }  # change nothing that is compiled
    trainer, first = compiled(config.model_copy(update=alike), vocabulary_size, classes)
    trainer.restore(first)
    trainer.config = config
    return trainer
