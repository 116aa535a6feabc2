"""A small ensemble on invented rows, trained side by side by two processes until it is stopped.

Run     python -m tests.ensembles CHECKPOINT
"""

import sys
from pathlib import Path

import numpy as np

from tests.configs import rows_of, small
from textrnn.artifacts import ragged
from textrnn.core import paths, process_pool
from textrnn.core.errors import run
from textrnn.training import loop, members
from textrnn.training.batches import Collator
from textrnn.training.loop import Ensemble, Fitted, Member, Run

WORDS = np.arange(12, dtype=np.int32)
SUBWORDS = np.stack([WORDS % 9 + 1, WORDS % 4], axis=1).astype(np.int32)


def ensemble(epochs: int) -> Ensemble:
    """Return three networks with every kind of dropout, each of which leaves out a third of 24 rows."""
    config = small(
        pooling="mean_max", subword_buckets=9, dropout=0.3, embedding_dropout=0.2,
        token_dropout=0.2, word_dropout=0.2, subword_dropout=0.2,
        epochs=epochs, ensemble=3, batch_size=6,
    )  # fmt: skip
    random = np.random.default_rng(0)
    labels = [int(label) for label in random.integers(0, 2, 24)]
    rows = rows_of([[1 + label, *random.integers(3, 12, random.integers(1, 8))] for label in labels], labels)
    collator = Collator(WORDS, SUBWORDS, 8, masking=True)
    folds = [(np.flatnonzero(np.arange(24) % 3 != one), np.flatnonzero(np.arange(24) % 3 == one)) for one in range(3)]
    parts = [Member(ragged.take(rows, others), ragged.take(rows, fold), collator) for others, fold in folds]
    return Ensemble(config, len(WORDS), 2, parts)


def learned(run: Run, file: Path, epochs: int) -> str:
    """Train from the checkpoint in `file`, if there is one, and return all that was learned, to the last bit."""
    loop.CHECKPOINT, paths.MACHINE = file, file.with_name("machine.json")
    fitted: Fitted = loop.fit(run, ensemble(epochs), "fingerprint")
    weights = [sorted((name, array.tobytes().hex()) for name, array in one.items()) for one in fitted.weights]
    return f"{fitted.history.tolist()} {weights} {[one.tolist() for one in fitted.logits]}"


def main() -> None:
    """Train side by side."""
    process_pool.processors = lambda: 2
    assert "tensorflow" not in sys.modules
    learned(members.side_by_side, Path(sys.argv[1]), 10_000)


if __name__ == "__main__":
    sys.exit(run(main))
