"""cell: a model learns from some rows of a protocol or a corpus, and answers for others.

Reads   compare/prepared/NAME.tsv
Writes  compare/answers/NAME/MODEL/SPLIT.tsv: row, label, answer, the score of the positive one of two labels, the
        probability of the row's own label if the model gives probabilities, and the number of training rows
Run     python -m compare.cell NAME MODEL SPLIT ...   (compare/protocols.py explains the splits)
"""

import argparse
import sys
from collections import Counter
from functools import partial

import numpy as np
from numpy.typing import NDArray

from compare.corpora import CORPORA
from compare.models import MODELS, Task
from compare.protocols import ANSWERS, CURVE, LEAST, OFFICIAL, PREPARED, PROTOCOLS, REPEATS, SAMPLE, SPAM, SPLITS
from textrnn.artifacts.messages import positive_label
from textrnn.core.errors import run
from textrnn.core.files import read_text, write_text


def task(name: str, split: str) -> tuple[Task, list[int], list[str]]:
    """Return the task of a model in this split, the numbers of the test rows, and their labels."""
    lines = [line.split("\t", REPEATS + 3) for line in read_text(PREPARED / f"{name}.tsv").split("\n")[:-1]]
    *dealt, ranks, groups, labels, texts = zip(*lines, strict=True)
    repeat, fold, *size = (f"0-{OFFICIAL}" if split == OFFICIAL else split).split("-")
    fold_of, rank = np.array(dealt[int(repeat)]), np.array(ranks, np.int64)
    test, others = fold_of == fold, (fold_of != fold) & (fold_of != OFFICIAL)
    if name in CORPORA and split != OFFICIAL:
        test &= rank < SAMPLE
        others &= bool(size) | (rank < SAMPLE)
    rows, train = np.flatnonzero(test).tolist(), np.flatnonzero(others)
    if size:
        train = nested(train[rank[train].argsort()], labels, groups, int(size[0]))
    names = sorted(set(labels))
    learnt = [labels[row] for row in train]
    # SMS has a positive label in params.yaml; the stage `evaluate` would choose that of another corpus.
    positive = positive_label(Counter(learnt), SPAM if name in PROTOCOLS else None)
    return (
        Task(
            [texts[row] for row in train],
            np.array([names.index(label) for label in learnt], np.int16),
            np.array([int(groups[row]) for row in train], np.int64),
            [texts[row] for row in rows],
            names,
            None if positive is None else names.index(positive),
        ),
        rows,
        [labels[row] for row in rows],
    )


def nested(train: NDArray[np.int64], labels: tuple[str, ...], groups: tuple[str, ...], count: int) -> NDArray[np.int64]:
    """Return the first `count` training rows, in the order of the corpus, but LEAST groups' rows of every label first.

    The rows of a smaller count are among those of a greater one. If labels are many, there are more than `count`.
    """
    found: dict[str, set[str]] = {}
    first = []
    for row in train.tolist():
        known = found.setdefault(labels[row], set())
        if len(known) < LEAST and groups[row] not in known:
            known.add(groups[row])
            first.append(row)
    return np.sort(list(dict.fromkeys([*first, *train.tolist()]))[: max(count, len(first))])


def answers(name: str, model: str, split: str) -> str:
    """Train the model and return its answers: a header, then a line for each test row."""
    todo, rows, labels = task(name, split)
    found = MODELS[model](todo)
    own = found.scores[np.arange(len(rows)), [todo.names.index(label) for label in labels]]
    lines = zip(
        rows,
        labels,
        [todo.names[answer] for answer in found.labels],
        [f"{score:.6f}" for score in found.scores[:, todo.positive or 0]],
        [f"{probability:.6f}" if found.probable else "" for probability in own],
        [len(todo.texts)] * len(rows),
        strict=True,
    )
    return "row\tlabel\tanswer\tscore\tprobability\ttraining_rows\n" + "".join(
        "\t".join(map(str, line)) + "\n" for line in lines
    )


def main(name: str, model: str, splits: list[str]) -> None:
    """Run the stage."""
    for split in splits:
        write_text(ANSWERS / name / model / f"{split}.tsv", answers(name, model, split))


if __name__ == "__main__":
    of_curves = [f"{split}-{rows}" for split in SPLITS for rows in CURVE]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[*PROTOCOLS, *CORPORA], metavar="NAME")
    parser.add_argument("model", choices=MODELS, metavar="MODEL")
    parser.add_argument("splits", choices=[*SPLITS, *of_curves, OFFICIAL], nargs="+", metavar="SPLIT")
    sys.exit(run(partial(main, **vars(parser.parse_args()))))
