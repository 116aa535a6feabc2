"""score: the scores of every cell that has answers, and the rows that no good model gets right.

A cell without answers keeps its scores.

Reads   compare/answers/, compare/prepared/code.json, compare/cells.tsv, compare/corpora.tsv
Writes  compare/cells.tsv, compare/corpora.tsv, compare/ceiling.json, compare/code.json
Run     python -m compare.score
"""

import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compare.code import FINGERPRINTS, RECORD
from compare.corpora import CORPORA
from compare.protocols import (
    ABLE,
    ANSWERS,
    CEILING,
    CELLS,
    CORPUS_CELLS,
    CORPUS_SCORES,
    NAMES,
    PROTOCOLS,
    SCORES,
    SPLITS,
)
from textrnn.core.errors import run
from textrnn.core.files import DIGITS, read_json, read_table, read_text, write_json, write_metrics, write_text
from textrnn.metrics import scores


class Answers(NamedTuple):
    """What a cell has written, by test row."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int16]  # in alphabetical order
    answers: NDArray[np.int16]
    score: NDArray[np.float64]  # of two labels, grows with the probability of the positive one
    probability: NDArray[np.float64]  # of the row's label; not a number if the model gives none
    training_rows: int


def parsed(text: str) -> Answers:
    """Return the answers that the file of a cell holds."""
    rows, labels, answers, score, probability, learnt = zip(
        *(line.split("\t") for line in text.splitlines()[1:]), strict=True
    )
    names = sorted({*labels, *answers})
    numbers, answered = (np.array([names.index(one) for one in each], np.int16) for each in (labels, answers))
    own = np.array([float(one or "nan") for one in probability])
    return Answers(np.array(rows, np.int64), numbers, answered, np.array(score, float), own, int(learnt[0]))


def scored(name: str, found: Answers) -> list[str]:
    """Return the scores of a cell, as cells.tsv or, of a corpus, corpora.tsv has them."""
    if name in CORPORA:
        values = scores.of_answers(found.labels, found.answers, None)
        values["loss"] = float(-np.log(np.maximum(found.probability, 0.5 * 10**-DIGITS)).mean())
        return [
            str(found.training_rows),
            *("" if np.isnan(values[one]) else f"{values[one]:.6f}" for one in CORPUS_SCORES),
        ]
    span = np.ptp(found.score) or 1.0  # average precision depends on the order alone
    probability = (found.score - found.score.min()) / span
    both = np.stack([1 - probability, probability], axis=1)
    values = scores.scores(found.labels, found.answers, both, positive=1)
    return [f"{values[one]:.6f}" for one in SCORES]


def ceiling(cells: list[Answers]) -> dict[str, Any]:
    """Return how many rows every cell that tests them gets wrong, and the score of a model that misses only those."""
    rows = np.concatenate([cell.rows for cell in cells])
    wrong = np.concatenate([cell.labels != cell.answers for cell in cells])
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


def committed() -> dict[str, list[str]]:
    """Return the scores in cells.tsv and corpora.tsv by NAME/MODEL/SPLIT."""
    files = [file for file in (CELLS, CORPUS_CELLS) if file.exists()]
    return {"/".join(line[:3]): line[3:] for file in files for line in read_table(file)[1:]}


def write(cells: dict[str, list[str]]) -> None:
    """Write cells.tsv and corpora.tsv."""
    order = {name: place for place, name in enumerate([*PROTOCOLS, *CORPORA, *NAMES])}
    lines = sorted((cell.split("/") for cell in cells), key=lambda cell: (order[cell[0]], order[cell[1]], cell[2]))
    for file, titles, names in (
        (CELLS, ["protocol", "model", "split", *SCORES], PROTOCOLS),
        (CORPUS_CELLS, ["corpus", "model", "split", "training_rows", *CORPUS_SCORES], CORPORA),
    ):
        table = [titles, *([*cell, *cells["/".join(cell)]] for cell in lines if cell[0] in names)]
        write_text(file, "".join("\t".join(line) + "\n" for line in table))


def main() -> None:
    """Run the stage."""
    cells = {
        f"{file.parts[-3]}/{file.parts[-2]}/{file.stem}": parsed(read_text(file))
        for file in sorted(ANSWERS.glob("*/*/*.tsv"))
    }
    known = committed() | {cell: scored(cell.partition("/")[0], answers) for cell, answers in cells.items()}
    write(known)
    of_protocol = {name: [f"{name}/{model}/{split}" for model in ABLE for split in SPLITS] for name in PROTOCOLS}
    whole = {name: [cells[cell] for cell in of] for name, of in of_protocol.items() if cells.keys() >= set(of)}
    write_metrics(CEILING, (read_json(CEILING) if CEILING.exists() else {}) | {
        name: ceiling(answers) for name, answers in whole.items()
    })  # fmt: skip
    recomputed = [] if known.keys() == cells.keys() else sorted(cells)
    write_json(RECORD, {"code": read_json(FINGERPRINTS), "recomputed": recomputed})


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
