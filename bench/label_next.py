"""What the rows teach that `textrnn drift` asks to have labelled, beside as many drawn at random.

The linear branch learns FIRST rows of a corpus of the comparison, and MORE of POOL others: those that
textrnn.drift.choose chooses, or the first ones. Both answer TEST other rows. The differences of their Matthews
correlations are paired, over several draws.

Run     python -m bench.label_next [--draws N] NAME ...   (names of compare/corpora.py)
"""

if __spec__ is None:
    raise SystemExit("error: bench/label_next.py is part of a package: run `python -m bench.label_next`")

import argparse
from collections import Counter
from typing import NamedTuple

import numpy as np

from compare import models
from compare.corpora import CORPORA, messages
from textrnn.cleaning.batch import Clean
from textrnn.core import params
from textrnn.drift import choose
from textrnn.inference import decision
from textrnn.inference.inputs import tokens_of
from textrnn.inference.reference import Rows
from textrnn.metrics.scores import of_answers
from textrnn.text.vocabulary import Tokenizer

FIRST, MORE, POOL, TEST = 500, 300, 2000, 1500
FEWEST = 3  # rows of a label, which training leaves out else: not all of them may be in one fold
TOKENIZER: Tokenizer = "rich"


class Learnt(NamedTuple):
    """What a model that has learnt some rows says of others."""

    names: list[str]
    found: models.Learnt
    positive: int | None

    def answers(self) -> list[str]:
        """Return the label of each."""
        numbers = decision.answers(self.found.test, self.positive, self.found.cut)
        return [self.names[number] for number in numbers.tolist()]


def learnt(rows: list[tuple[str, str]], asked: list[str]) -> Learnt:
    """Train the linear branch on (label, text) pairs, and ask it."""
    counts = Counter(label for label, _ in rows)
    rows = [row for row in rows if counts[row[0]] >= FEWEST]
    names = sorted({label for label, _ in rows})
    labels = np.array([names.index(label) for label, _ in rows], np.int16)
    positive = int(np.argmin(np.bincount(labels))) if len(names) == 2 else None
    task = models.Task([text for _, text in rows], labels, np.arange(len(rows)), asked, names, positive)
    return Learnt(names, models.learnt(task, "train.ensemble=0"), positive)


def chosen(rows: list[tuple[str, str]], pool: list[str]) -> list[int]:
    """Return the places of the texts in the pool that a model of these rows would have labelled."""
    model = learnt(rows, pool)
    counts = Counter(token for _, text in rows for token in tokens_of(text, TOKENIZER))
    tokens = [tokens_of(text, TOKENIZER) for text in pool]
    unknown = np.array([sum(counts[token] < 2 for token in row) for row in tokens])
    probabilities = model.found.test
    of_rows = Rows(np.array(list(map(len, tokens))), unknown, probabilities.argmax(axis=1), probabilities.max(axis=1))
    return choose.chosen(pool, choose.unsure(probabilities, model.positive, model.found.cut), of_rows, MORE)


def mcc(rows: list[tuple[str, str]], tested: list[tuple[str, str]]) -> float:
    """Return the Matthews correlation of what a model of these rows answers."""
    answers, labels = learnt(rows, [text for _, text in tested]).answers(), [label for label, _ in tested]
    names = sorted({*answers, *labels})
    truth, said = (np.array([names.index(label) for label in column], np.int16) for column in (labels, answers))
    return of_answers(truth, said, None)["mcc"]


def drawn(rows: list[tuple[str, str]], seed: int) -> tuple[float, float]:
    """Return the Matthews correlation with rows that are chosen, and with rows drawn at random."""
    order = np.random.default_rng(seed).permutation(len(rows))[: FIRST + POOL + TEST]
    first, pool, tested = ([rows[row] for row in part] for part in np.split(order, [FIRST, FIRST + POOL]))
    more = [pool[place] for place in chosen(first, [text for _, text in pool])]
    return mcc(first + more, tested), mcc(first + pool[:MORE], tested)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=CORPORA, metavar="NAME")
    parser.add_argument("--draws", type=int, default=10)
    given = parser.parse_args()
    for name in given.names:
        rows, _ = messages(CORPORA[name], params.load("clean", Clean))
        found = np.array([drawn(rows, seed) for seed in range(given.draws)])
        gains = found[:, 0] - found[:, 1]
        error = gains.std(ddof=1) / len(gains) ** 0.5
        best, random = found.mean(axis=0)
        print(f"{name}: chosen {best:.3f}, at random {random:.3f}: {gains.mean():+.3f} ± {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
