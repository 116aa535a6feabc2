"""What earlier stages know of the messages, as the stage evaluate reads it."""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import origins, ragged
from textrnn.artifacts.messages import Scalar, class_names, positive_label, read_messages
from textrnn.core import paths
from textrnn.evaluation import comparison
from textrnn.evaluation.tables import Answers, Messages
from textrnn.metrics.scores import Labels


class Known(NamedTuple):
    """What earlier stages know of the messages."""

    messages: Messages
    places: origins.Origins
    names: list[str]  # of the labels
    label: str | None  # the positive one
    train: ragged.Rows
    validation: ragged.Rows
    test: ragged.Rows
    held_out: Answers  # to training rows, by models that have not learnt them
    out_of_fold: comparison.OutOfFold

    @property
    def positive(self) -> int | None:
        """The number of the positive label."""
        return None if self.label is None else self.names.index(self.label)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows that training has seen."""
        return np.concatenate([self.train.rows, self.validation.rows])

    @property
    def labels(self) -> Labels:
        """The labels of these rows."""
        return np.concatenate([self.train.labels, self.validation.labels])

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the texts of these rows."""
        return [self.messages[row][1] for row in rows.tolist()]


def read_known(wanted: Scalar) -> Known:
    """Return what earlier stages have written. Raises UserError if the label that is `wanted` as positive is none."""
    messages = read_messages(paths.MESSAGES)
    of_labels = Counter(label for label, _ in messages)
    names, label = class_names(of_labels), positive_label(of_labels, wanted)
    train, validation, test = (ragged.load(path) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST))
    held_out, out_of_fold = comparison.read_held_out(messages, names), comparison.read_out_of_fold()
    return Known(messages, origins.read(paths.ORIGINS), names, label, train, validation, test, held_out, out_of_fold)
