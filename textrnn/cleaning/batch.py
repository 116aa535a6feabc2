"""Clean one batch of rows: reject, correct labels, normalise texts. It may run in a worker process."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.corpus import labels
from textrnn.corpus.readers import Batch
from textrnn.corpus.rows import Row
from textrnn.corpus.settings import Reading
from textrnn.partitions.factorize import Digests, digests
from textrnn.text.normalise import normalise
from textrnn.text.settings import Normalise


class Clean(Normalise, Reading):
    """Section `clean` of params.yaml."""

    labels: labels.Labels
    duplicates: Literal["keep", "drop"]
    max_rejected_share: float = Field(ge=0, le=1)


class Columns(NamedTuple):
    """What is known of each message of a batch."""

    label: list[str]
    line: NDArray[np.int32]
    part: NDArray[np.int8]
    group: list[str]
    time: NDArray[np.float64]


class Cleaned(NamedTuple):
    """A batch after cleaning: its messages as lines of messages.tsv, and the rows rejected."""

    file: str
    lines: bytes
    lengths: NDArray[np.int64]  # of each line, in bytes
    digests: Digests  # of each text, if duplicates are to be dropped
    columns: Columns
    rejected: list[Row]


def cleaned(batch: tuple[str, Batch], chosen: Clean) -> Cleaned:
    """Clean a batch of a file. Duplicates are still in it."""
    file, read = batch
    rows = list(read())
    names = {label: labels.corrected(label, chosen.labels) for label in {row.label for row in rows}}
    if not all(names.values()):
        missing = "the label is missing ({})"
        rows = [
            row if names[row.label] or row.reason else Row(row.line, reason=missing.format(row.label)) for row in rows
        ]
    good, rejected = [row for row in rows if not row.reason], [row for row in rows if row.reason]
    line, given, raw, _, part, groups, times, _ = zip(*good, strict=True) if good else [()] * len(Row._fields)
    normalisation = chosen.normalisation
    texts = [normalise(text, normalisation).encode("utf-8") for text in raw]
    found = [names[label] for label in given]
    written = [b"%s\t%s\n" % (label.encode("utf-8"), text) for label, text in zip(found, texts, strict=True)]
    lengths = np.fromiter(map(len, written), np.int64, len(written))
    if max(part, default=-1) >= 0:  # a text that two parts have is no duplicate: a given test part stays as it is
        texts = [b"%d\n%s" % (number, text) for number, text in zip(part, texts, strict=True)]
    of_texts = digests(texts if chosen.duplicates == "drop" else [])
    group = list(groups) if any(groups) else [""] * len(good)
    columns = Columns(found, np.array(line, np.int32), np.array(part, np.int8), group, np.array(times, float))
    return Cleaned(file, b"".join(written), lengths, of_texts, columns, rejected)
