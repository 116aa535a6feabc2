"""A network trained on three replicas in one process, and the same network on one.

Batches have two rows, so that each leaves a replica without any. Prints the largest difference between the two, and
between one trained with clipping and one without.

Run     python -m bench.replicas
"""

from contextlib import nullcontext
from typing import Any

import numpy as np

from tests.configs import features_of, rows_of, small
from textrnn.model.config import TrainConfig
from textrnn.model.runtime import deterministic, tf
from textrnn.training.batches import Collator
from textrnn.training.trainer import Trainer

WORDS = np.arange(12, dtype=np.int32)
EVERYTHING: dict[str, Any] = {
    "cell": "rnn", "units": 6, "pooling": "mean_max", "subword_buckets": 9, "dropout": 0.3, "batch_size": 2,
    "embedding_dropout": 0.3, "token_dropout": 0.2, "word_dropout": 0.2, "subword_dropout": 0.2,
}  # fmt: skip
# Its steps are as long as the gradients: AdamW's would hide a wrong norm.
CLIPPED = small(**EVERYTHING, optimizer="rmsprop", clip_norm=0.01, learning_rate=0.1)


def learned(config: TrainConfig, strategy: Any = None) -> dict[str, Any]:
    """Return a network's variables and predictions after an epoch."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 5).tolist()  # the last batch has one row
    rows = rows_of([[1 + label, *random.integers(3, 12, random.integers(1, 8))] for label in labels], labels)
    collator = Collator(WORDS, features_of(np.stack([WORDS % 9 + 1, WORDS % 4], axis=1)), 8, True)
    deterministic(0)
    with strategy.scope() if strategy else nullcontext():
        trainer = Trainer(config, len(WORDS), 2)
        means = trainer.fit_rows(rows, collator, 1, (0, 1, 0))
        return trainer.state() | {"means": np.array(means), "logits": trainer.predict(rows, collator)}


def apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the largest difference between two trainings."""
    return max(float(np.abs(one[name].astype(np.float64) - other[name]).max()) for name in one)


def main() -> None:
    """Train, and print the differences."""
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 3)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(3)], tf.distribute.ReductionToOneDevice())
    together = learned(CLIPPED, strategy)
    tf.config.run_functions_eagerly(True)  # a few steps on one replica take less time than compiling them
    alone, unclipped = learned(CLIPPED), learned(CLIPPED.model_copy(update={"clip_norm": 0.0}))
    print(apart(alone, together), apart(alone, unclipped))


if __name__ == "__main__":
    main()
