"""model/reference.tsv: what a model's messages are usually like, for `python -m textrnn.drift` to compare others with.

It has numbers of the test rows, which training has not seen, and no text.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import provenance
from textrnn.core.files import DIGITS, read_table, write_text
from textrnn.inference.inputs import tokens_of
from textrnn.inference.loading import Model

NAME = "reference.tsv"
MOST_ROWS, SEED = 10_000, 0  # of the file


class Rows(NamedTuple):
    """A number for each message."""

    tokens: NDArray[np.int64]
    unknown: NDArray[np.int64]  # tokens that are not in the model's vocabulary
    answers: NDArray[np.int64]  # the number of the label
    confidence: NDArray[np.float64]  # the probability of the likeliest label

    def some(self, chosen: NDArray[np.int64]) -> "Rows":
        """Return these rows."""
        return Rows._make(column[chosen] for column in self)


def rows(
    model: Model, texts: list[str], probabilities: NDArray[np.float64], answers: NDArray[np.int16]
) -> tuple[Rows, list[list[str]]]:
    """Return the numbers of cleaned texts that the model has answered, and the unknown tokens of each.

    A model without networks knows no tokens, and so none is news to it.
    """
    tokens = [tokens_of(text, model.settings.tokenizer) for text in texts]
    unknown = [[token for token in row if model.ids and token not in model.ids] for row in tokens]
    total, of_unknown = (np.fromiter(map(len, column), np.int64, len(texts)) for column in (tokens, unknown))
    return Rows(total, of_unknown, answers.astype(np.int64), probabilities.max(axis=1)), unknown


def write(directory: Path, found: Rows) -> None:
    """Write the rows beside their model, a sample of them if they are many."""
    count = len(found.tokens)
    if count > MOST_ROWS:
        found = found.some(np.sort(np.random.default_rng(SEED).choice(count, MOST_ROWS, replace=False)))
    lines = (f"{one}\t{two}\t{three}\t{four:.{DIGITS}f}\n" for one, two, three, four in zip(*found, strict=True))
    write_text(directory / NAME, "\t".join(Rows._fields) + "\n" + "".join(lines))


def read(directory: Path, labels: int) -> Rows:
    """Return what `write` wrote, of a model with so many labels. Raises UserError if it is missing or damaged."""
    with provenance.whole(directory / NAME) as path:
        header, *lines = read_table(path) or [[]]
        if header != list(Rows._fields) or not lines:
            raise ValueError(f"expected the columns {', '.join(Rows._fields)} and a row or more")
        table = np.array(lines, float).T
        if not (0 <= table.min() <= table.max() < 1 << 31 and table[2].max() < labels):
            raise ValueError(f"expected numbers from 0, and of labels below {labels}")
    return Rows._make([*table[:3].astype(np.int64), table[3]])
