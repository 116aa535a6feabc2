"""score: the scores of every cell, and the rows that no good model gets right.

Reads   compare/answers/, compare/prepared/code.json
Writes  compare/cells.tsv, compare/ceiling.json, compare/code.json
Run     python -m compare.score
"""

import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compare.code import FINGERPRINTS, RECORD
from compare.protocols import ABLE, ANSWERS, CEILING, CELLS, LABELS, NAMES, PROTOCOLS, SCORES, SPLITS
from textrnn.core.errors import run
from textrnn.core.files import read_json, read_text, write_json, write_metrics, write_text
from textrnn.metrics import scores


class Answers(NamedTuple):
    """What a cell has written, by test row."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int16]  # 1: spam
    score: NDArray[np.float64]  # grows with the probability of spam
    spam: NDArray[np.int16]


def parsed(text: str) -> Answers:
    """Return the answers that the file of a cell holds."""
    rows, labels, score, spam = zip(*(line.split("\t") for line in text.splitlines()[1:]), strict=True)
    numbers = np.array([LABELS.index(label) for label in labels], np.int16)
    return Answers(np.array(rows, np.int64), numbers, np.array(score, float), np.array(spam, np.int16))


def scored(answers: Answers) -> list[str]:
    """Return SCORES of a cell, as cells.tsv has them."""
    span = np.ptp(answers.score) or 1.0  # average precision depends on the order alone
    probability = (answers.score - answers.score.min()) / span
    both = np.stack([1 - probability, probability], axis=1)
    found = scores.scores(answers.labels, answers.spam, both, positive=1)
    return [f"{found[name]:.6f}" for name in SCORES]


def ceiling(cells: list[Answers]) -> dict[str, Any]:
    """Return how many rows every cell that tests them gets wrong, and the score of a model that misses only those."""
    rows = np.concatenate([cell.rows for cell in cells])
    wrong = np.concatenate([cell.labels != cell.spam for cell in cells])
    tested, first = np.unique(rows, return_index=True)
    labels = np.concatenate([cell.labels for cell in cells])[first]
    right = np.unique(rows[~wrong])
    never = ~np.isin(tested, right)
    answered = np.where(never, 1 - labels, labels)
    confusion = np.array([[[np.sum((labels == i) & (answered == j)) for j in (0, 1)] for i in (0, 1)]])
    return {
        "rows": int(never.sum()),
        "spam": int(labels[never].sum()),
        "of": len(tested),
        "mcc": float(scores.matthews(confusion)[0]),
        "numbers": " ".join(map(str, tested[never])),
    }


def main() -> None:
    """Run the stage."""
    lines, ceilings = ["\t".join(["protocol", "model", "split", *SCORES])], {}
    for protocol in PROTOCOLS:
        models = [model for model in NAMES if (ANSWERS / protocol / model).is_dir()]
        cells = {
            (model, split): parsed(read_text(ANSWERS / protocol / model / f"{split}.tsv"))
            for model in models
            for split in SPLITS
        }
        lines += ["\t".join([protocol, *key, *scored(cell)]) for key, cell in cells.items()]
        if set(ABLE) <= set(models):
            ceilings[protocol] = ceiling([cell for (model, _), cell in cells.items() if model in ABLE])
    write_text(CELLS, "".join(f"{line}\n" for line in lines))
    write_metrics(CEILING, ceilings)
    write_json(RECORD, {"code": read_json(FINGERPRINTS), "recomputed": []})


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
