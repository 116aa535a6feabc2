"""Small ensembles on invented rows; as a program, one trained side by side by two processes until it is stopped.

Run     python -m tests.ensembles CHECKPOINT
"""

import sys
from pathlib import Path

import numpy as np

from tests.configs import features_of, rows_of, small
from textrnn.artifacts import ragged
from textrnn.artifacts.ragged import Rows
from textrnn.core import paths, process_pool
from textrnn.core.errors import run
from textrnn.model.config import TrainConfig
from textrnn.text.vocabulary import UNKNOWN
from textrnn.training import loop, members
from textrnn.training.batches import Collator
from textrnn.training.loop import Ensemble, Fitted, Member, Run

VOCABULARY, CLASSES, BUCKETS = 12, 2, 9
WORDS = np.arange(VOCABULARY, dtype=np.int32)
SUBWORDS = features_of(np.stack([WORDS % BUCKETS + 1, WORDS % 4], axis=1))


def toy(rows: int, seed: int = 0, wrong: float = 0.0) -> Rows:
    """Return rows with token 1 or 2, according to their label, but for a share with the wrong one."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    tokens = []
    for label in labels:
        row = random.integers(3, VOCABULARY, random.integers(1, 8)).tolist()
        row[random.integers(len(row))] = 1 + int(label)
        tokens.append(row)
    swapped = np.where(random.random(rows) < wrong, 1 - labels, labels)
    return rows_of(tokens, swapped.tolist())


TRAIN, HELD_OUT = toy(18, wrong=0.2), toy(12, seed=1)


def collator_of(config: TrainConfig) -> Collator:
    """Return a collator to which every word is known."""
    return Collator(WORDS, SUBWORDS if config.subword_buckets else None, 8, config.masking)


def ensemble_of(config: TrainConfig, rows: Rows = TRAIN) -> Ensemble:
    """Return the single member, or one for each fold of unequal size; each does not know one word."""
    if config.ensemble == 1:
        return Ensemble(config, VOCABULARY, CLASSES, [Member(rows, HELD_OUT, collator_of(config))])
    fold = np.arange(len(rows.rows)) ** 2 % 3 % config.ensemble
    parts = []
    for number in range(config.ensemble):
        train, held_out = (ragged.take(rows, np.flatnonzero(here)) for here in (fold != number, fold == number))
        words = np.where(np.isin(WORDS, VOCABULARY - 1 - number), UNKNOWN, WORDS)
        parts.append(Member(train, held_out, collator_of(config).knowing(words)))
    return Ensemble(config, VOCABULARY, CLASSES, parts)


def learned(run: Run, file: Path, epochs: int) -> str:
    """Train from the checkpoint in `file`, if there is one, and return all that was learned, to the last bit."""
    loop.CHECKPOINT, paths.MACHINE = file, file.with_name("machine.json")
    config = small(
        pooling="mean_max", subword_buckets=BUCKETS, dropout=0.3, embedding_dropout=0.2, token_dropout=0.2,
        word_dropout=0.2, subword_dropout=0.2, epochs=epochs, ensemble=3,
    )  # fmt: skip
    fitted: Fitted = loop.fit(run, ensemble_of(config), "fingerprint")
    weights = [sorted((name, array.tobytes().hex()) for name, array in one.items()) for one in fitted.weights]
    return f"{fitted.history.tolist()} {weights} {[one.tolist() for one in fitted.logits]}"


def main() -> None:
    process_pool.processors = lambda: 2
    assert "tensorflow" not in sys.modules
    learned(members.side_by_side, Path(sys.argv[1]), 10_000)


if __name__ == "__main__":
    sys.exit(run(main))
