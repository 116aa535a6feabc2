"""cell: one model learns from all folds but one of a protocol, and answers for that one.

Reads   compare/prepared/PROTOCOL.tsv
Writes  compare/answers/PROTOCOL/MODEL/SPLIT.tsv: row, label, score, and 1 for spam
Run     python -m compare.cell PROTOCOL MODEL SPLIT   (SPLIT is REPEAT-FOLD, such as 0-3)
"""

import argparse
import sys
from functools import partial

import numpy as np

from compare.models import MODELS, Task
from compare.protocols import ANSWERS, LABELS, PREPARED, PROTOCOLS, REPEATS, SPLITS
from textrnn.core.errors import run
from textrnn.core.files import read_text, write_text


def task(protocol: str, split: str) -> tuple[Task, list[int], list[str]]:
    """Return the task of a model in this split, the numbers of the test rows, and their labels."""
    repeat, fold = split.split("-")
    lines = [line.split("\t", REPEATS + 2) for line in read_text(PREPARED / f"{protocol}.tsv").split("\n")[:-1]]
    groups, labels, texts = zip(*(line[REPEATS:] for line in lines), strict=True)
    test = [row for row, line in enumerate(lines) if line[int(repeat)] == fold]
    train = [row for row, line in enumerate(lines) if line[int(repeat)] != fold]
    return (
        Task(
            [texts[row] for row in train],
            np.array([LABELS.index(labels[row]) for row in train], np.int16),
            np.array([int(groups[row]) for row in train], np.int64),
            [texts[row] for row in test],
        ),
        test,
        [labels[row] for row in test],
    )


def answers(protocol: str, model: str, split: str) -> str:
    """Train the model and return its answers: a header, then a line for each test row."""
    todo, rows, labels = task(protocol, split)
    score, spam = MODELS[model](todo)
    lines = zip(rows, labels, score, spam, strict=True)
    text = "".join(f"{row}\t{label}\t{value:.6f}\t{int(answer)}\n" for row, label, value, answer in lines)
    return "row\tlabel\tscore\tspam\n" + text


def main(protocol: str, model: str, split: str) -> None:
    """Run the stage."""
    write_text(ANSWERS / protocol / model / f"{split}.tsv", answers(protocol, model, split))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("split", choices=SPLITS)
    sys.exit(run(partial(main, **vars(parser.parse_args()))))
