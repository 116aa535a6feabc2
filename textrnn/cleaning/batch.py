"""Clean one batch of rows: reject, correct labels, normalise texts. It may run in a worker process."""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.corpus import labels
from textrnn.corpus.readers import Batch
from textrnn.corpus.rows import Row
from textrnn.corpus.settings import Reading
from textrnn.partitions.exchange import cut_at, leave, packed, shares
from textrnn.partitions.factorize import digests, encode, new_codes
from textrnn.text.normalise import normalise
from textrnn.text.settings import Normalise


class Clean(Normalise, Reading):
    """Section `clean` of params.yaml."""

    labels: labels.Labels
    duplicates: Literal["keep", "drop"]
    max_rejected_share: float = Field(ge=0, le=1)


# A message as a duplicate is looked for: its text and its label as digests, its place in the batch, and its bytes.
KEY = np.dtype([("text", "u8", 2), ("label", "u8"), ("row", "i4"), ("bytes", "i4")])


class Columns(NamedTuple):
    """What is known of each message of a batch: of labels and groups, their places among the batch's."""

    label: NDArray[np.int32]
    line: NDArray[np.int32]
    part: NDArray[np.int8]
    group: NDArray[np.int32]  # or -1
    time: NDArray[np.float64]


class Left(NamedTuple):
    """What `cleaned` leaves of a batch, after the slices of KEY."""

    columns: Columns
    lines: NDArray[np.uint8]  # of messages.tsv, one after the other
    lengths: NDArray[np.int64]  # of each line, in bytes
    labels: list[str]
    groups: list[str]  # in alphabetical order
    file: str

    def place(self, row: int) -> tuple[str, int, str]:
        """Return the file, the line and the label of a message."""
        return self.file, int(self.columns.line[row]), self.labels[self.columns.label[row]]


class Cleaned(NamedTuple):
    """What is told of a batch at once."""

    file: str
    messages: int  # duplicates included
    bytes: int  # of their lines
    rejected: list[Row]
    known: tuple[bool, bool, bool]  # whether any has a part, a group, a time
    groups: list[str]  # a few of them


def cleaned(item: tuple[int | str, tuple[str, Batch]], chosen: Clean, buckets: int, folder: Path) -> Cleaned:
    """Clean a batch of a file, and leave its messages. Duplicates are still in it, and found in so many buckets."""
    number, (file, read_rows) = item
    rows = list(read_rows())
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
    label_codes, group_codes = new_codes(), {name: code for code, name in enumerate(sorted({*groups} - {""}))}
    codes = encode((names[label] for label in given), label_codes)
    of_labels = [label.encode("utf-8") for label in label_codes]
    written = [b"%s\t%s\n" % (of_labels[code], text) for code, text in zip(codes.tolist(), texts, strict=True)]
    lengths = np.fromiter(map(len, written), np.int64, len(written))
    if max(part, default=-1) >= 0:  # a text that two parts have is no duplicate: a given test part stays as it is
        texts = [b"%d\n%s" % (number, text) for number, text in zip(part, texts, strict=True)]
    of_groups = np.fromiter((group_codes.get(name, -1) for name in groups), np.int32, len(good))
    columns = Columns(
        codes.astype(np.int32),
        np.array(line, np.int32),
        np.array(part, np.int8),
        of_groups,
        np.array(times, float),
    )
    keys = np.zeros(len(good) if buckets else 0, KEY)
    if buckets:
        keys["text"], keys["label"] = digests(texts), digests(of_labels)[:, 0][codes]
        keys["row"], keys["bytes"] = np.arange(len(good)), lengths
    order = np.argsort(of_bucket := shares(keys["text"], max(1, buckets)), kind="stable")
    slices = cut_at(keys[order], of_bucket[order], buckets)
    content = np.frombuffer(b"".join(written), np.uint8)
    left = Left(columns, content, lengths, list(label_codes), list(group_codes), file)
    leave(folder / "cleaned", number, [*slices, packed(*left)])
    known = max(part, default=-1) >= 0, bool(group_codes), not np.isnan(columns[4]).all()
    return Cleaned(
        file, len(good), int(lengths.sum()), rejected, known, list(group_codes)[:: len(group_codes) // 4 + 1]
    )
