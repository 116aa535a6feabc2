"""data/clean/messages.tsv, a line for each message: its label, a tab, and its text as it is. And what labels mean."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import runs
from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.core.files import read_text

SIDES = ("test", "validation", "train")  # in the order in which split fills them
# What a test row shares with a row outside the test part, in twins.npy from 1 on; whoever shares more shares these too.
TWINS = ("near_template", "same_template", "same_text")
MOST_CLASSES = 32_767  # labels.npy is int16
Scalar = str | bool | int | float | None  # of YAML

BLANKS = re.compile("  +")
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}\.0+", re.ASCII)


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


def class_names(counts: Mapping[str, int]) -> list[str]:
    """Return the labels that have messages, in alphabetical order: a label's number is its place among them.

    Raises UserError when there are fewer than two labels, or too many.
    """
    names = sorted(counts)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise UserError(
            f"expected 2 to {MOST_CLASSES:,} labels among the messages, found {len(names):,} ({listed(names)}): "
            "check clean.label_column and clean.text_column"
        )
    return names


def positive_label(counts: Mapping[str, int], wanted: Scalar) -> str | None:
    """Return the label that evaluate.positive_label names, as the corpus spells it.

    Without a name it is the rarer one of two labels, the later in the alphabet if both are as frequent; of more than
    two, none is positive. YAML's numbers and booleans stand for the labels that print so. Raises UserError.
    """
    names = class_names(counts)
    if wanted is None:
        return min(reversed(names), key=counts.__getitem__) if len(names) == 2 else None
    label = printed(str(wanted))
    if label not in names:
        raise UserError(
            f"params.yaml: expected evaluate.positive_label to be null or one of {listed(names)}, found {label!r}"
        )
    return label


@lru_cache(maxsize=1 << 16)
def printed(label: str) -> str:
    """Return a label as it is compared: single blanks, Unicode composed, 1.0 as 1, and booleans as true and false."""
    label = unicodedata.normalize("NFC", BLANKS.sub(" ", label.strip()))
    if WHOLE_NUMBER.fullmatch(label):
        return label.partition(".")[0]
    return label.lower() if label.lower() in ("true", "false") else label


def commonest(groups: NDArray[np.integer], labels: NDArray[np.int16], count: int) -> NDArray[np.int64]:
    """Return the commonest label of each group, 0 … count - 1. Of labels that tie, it is the smallest."""
    pairs = np.sort(groups.astype(np.int64) << 16 | labels)
    starts, times = runs(pairs)
    group, label = pairs[starts] >> 16, pairs[starts] & 0xFFFF
    order = np.lexsort((-label, times, group))  # the last of each group is the one
    result = np.zeros(count, np.int64)
    result[group[order]] = label[order]
    return result
