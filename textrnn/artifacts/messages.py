"""data/clean/messages.tsv, a line for each message: its label, a tab, and its text as it is. And what labels mean."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.core.files import read_text
from textrnn.core.params import Section

MOST_CLASSES = 127  # labels.npy is int8


def read_messages(path: Path) -> list[tuple[str, str]]:
    """Return the (label, text) pairs. Only the first tab of a line is a separator."""
    return list(zip(*columns(read_text(path)), strict=True))


def columns(lines: str) -> tuple[list[str], list[str]]:
    """Return the labels and the texts of some lines."""
    labels, texts = [], []
    for line in lines.split("\n")[:-1]:
        label, _, text = line.partition("\t")
        labels.append(label)
        texts.append(text)
    return labels, texts


class Positive(Section):
    """The key of section `evaluate` that names the positive label."""

    positive_label: str = Field(min_length=1)


def class_names(labels: Iterable[str], positive: Positive) -> list[str]:
    """Return the distinct labels in alphabetical order: a label's number is its place among them.

    Raises UserError when there are fewer than two labels, or too many, or the positive one is missing.
    """
    names = sorted(set(labels))
    if not 2 <= len(names) <= MOST_CLASSES:
        raise UserError(
            f"expected 2 to {MOST_CLASSES} labels in data/raw/corpus, found {len(names)} ({listed(names)}): "
            "check clean.format, clean.label_column and clean.text_column"
        )
    if positive.positive_label not in names:
        raise UserError(
            f"params.yaml: expected evaluate.positive_label to be one of {listed(names)}, "
            f"found {positive.positive_label!r}"
        )
    return names


def commonest(groups: NDArray[np.integer], labels: NDArray[np.int8], count: int) -> NDArray[np.int64]:
    """Return the commonest label of each group, 0 … count - 1. Of labels that tie, it is the smallest."""
    pairs, times = np.unique(groups.astype(np.int64) << 8 | labels, return_counts=True)
    group, label = pairs >> 8, pairs & 255
    order = np.lexsort((-label, times, group))  # the last of each group is the one
    result = np.zeros(count, np.int64)
    result[group[order]] = label[order]
    return result
