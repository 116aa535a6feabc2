"""promise: how evaluate.promise goes on five corpora and ten splits, and with texts that belong to none of the labels.

The default without its networks learns the training rows of a split. Their out-of-fold answers choose the probability
that an answer needs, and the test rows show how many are given and how many of these are wrong. Of clinc150, whose
makers added requests that are out of scope, one split shows how many of these are answered all the same.

Reads   compare/prepared/NAME.tsv, the file of clinc150
Writes  compare/promise.tsv
Run     python -m compare.promise [NAME ...]   (default: all, an hour of a processor)
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from compare.cell import task
from compare.corpora import CORPORA, OUT_OF_SCOPE, fetched
from compare.models import Learnt, Task, learnt
from compare.protocols import PROMISES, SPLITS, STRANGE
from textrnn.core.errors import run
from textrnn.core.files import DIGITS, read_table, write_text
from textrnn.inference import decision
from textrnn.metrics import promise
from textrnn.metrics.scores import Labels

CORPUS_SPLITS = dict.fromkeys(("sms", "film", "arabic", "hate-speech", "banking77"), SPLITS) | {STRANGE: SPLITS[:1]}
PROMISED = (0.8, 0.9, 0.95, 0.99)


class Row(NamedTuple):
    """A line of compare/promise.tsv."""

    corpus: str
    split: str
    promise: float
    each_label: bool
    labels: int  # that answers are given with
    texts: int
    answered: int
    wrong: int
    out_of_scope: int  # texts
    out_of_scope_answered: int


def main(names: list[str]) -> None:
    """Run the program."""
    known = read_table(PROMISES) if PROMISES.exists() else [list(Row._fields)]
    for name in names or CORPUS_SPLITS:
        found = [list(map(str, row)) for split in CORPUS_SPLITS[name] for row in of_split(name, split)]
        known = [known[0], *sorted([*(line for line in known[1:] if line[0] != name), *found])]
        write_text(PROMISES, "".join("\t".join(line) + "\n" for line in known))


def of_split(name: str, split: str) -> Iterator[Row]:
    """Yield the rows of a split, for which a model is trained."""
    todo, _, labels = task(name, split)
    others = out_of_scope() if name == STRANGE else []
    found = learnt(todo._replace(test_texts=todo.test_texts + others), "train.ensemble=0")
    numbers = np.array([todo.names.index(label) for label in labels], np.int16)
    return measured(name, split, todo, found, numbers)


def measured(name: str, split: str, todo: Task, found: Learnt, labels: Labels) -> Iterator[Row]:
    """Yield a row for each promise. `labels` are those of the test texts, after which texts out of scope may follow."""
    held_out = np.round(found.held_out, DIGITS)
    predicted = decision.answers(held_out, todo.positive, found.cut)
    known, groups = todo.labels[found.rows], todo.groups[found.rows]
    for promised in PROMISED:
        for each in (False, True):
            least = promise.of_labels(held_out, predicted, known, groups, promised, each)
            given = decision.final(found.test, decision.Rule(todo.positive, found.cut, least))
            sure, tested = given != decision.UNSURE, len(labels)
            wrong = (sure[:tested] & (given[:tested] != labels)).sum()
            yield Row(
                name, split, promised, each, int((np.array(least) < np.inf).sum()), tested, int(sure[:tested].sum()),
                int(wrong), len(given) - tested, int(sure[tested:].sum()),
            )  # fmt: skip


def out_of_scope() -> list[str]:
    """Return the test requests of clinc150 that are none of its intents."""
    (content,) = fetched(CORPORA[STRANGE].files)
    return [text for text, _ in json.loads(content)[f"{OUT_OF_SCOPE}_test"]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *CORPUS_SPLITS], metavar="NAME")
    sys.exit(run(partial(main, parser.parse_args().names)))
