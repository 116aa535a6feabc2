"""Trainers that tests use again, as if they were new: to compile the steps of one takes two seconds."""

from functools import cache

from textrnn.model.config import TrainConfig
from textrnn.model.runtime import deterministic
from textrnn.training.checkpoint import Arrays
from textrnn.training.trainer import Trainer


@cache
def compiled(config: TrainConfig, vocabulary_size: int, classes: int) -> tuple[Trainer, Arrays]:
    """Return a trainer and its first state."""
    deterministic(config.seed)
    trainer = Trainer(config, vocabulary_size, classes)
    return trainer, trainer.state()


def trainer_of(config: TrainConfig, vocabulary_size: int, classes: int) -> Trainer:
    """Return a trainer in its first state."""
    alike = {"patience": 0, "ensemble": 1, "epochs": 1, "linear": False}  # change nothing that is compiled
    trainer, first = compiled(config.model_copy(update=alike), vocabulary_size, classes)
    trainer.restore(first)
    trainer.config = config
    return trainer
