"""clean: every row of the corpus is parsed, validated and normalised, or rejected with a reason.

Reads   data/raw/corpus; section `clean` and evaluate.positive_label of params.yaml
Writes  data/clean/messages.tsv (label, tab, text), data/clean/rejected.tsv (line, reason; with a header),
        metrics/clean.json
Run     python -m stages.clean
"""

import io
import sys
from collections import Counter
from functools import partial
from typing import IO, Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.artifacts.messages import Positive, positive_label
from textrnn.core import params, paths
from textrnn.core.errors import UserError, run
from textrnn.core.files import replacing, write_metrics
from textrnn.core.progress import progress
from textrnn.corpus.rows import Batch, Row, batches
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Digests, digests, distinct_digests, encode, new_codes
from textrnn.text.normalise import Normalisation, normalise

Column = Annotated[int, Field(ge=0, lt=16_384)] | Annotated[str, Field(min_length=1)]


class Clean(Normalisation):
    """Section `clean` of params.yaml."""

    format: Literal["tsv", "csv"]
    label_column: Column
    text_column: Column
    duplicates: Literal["keep", "drop"]
    max_rejected_share: float = Field(ge=0, le=1)


class Cleaned(NamedTuple):
    """A batch after cleaning: its messages as lines of messages.tsv, and the rows rejected."""

    lines: bytes
    lengths: NDArray[np.int64]  # of each line, in bytes
    digests: Digests  # of each text, if duplicates are to be dropped
    labels: list[str]
    rejected: list[Row]


class Tally(NamedTuple):
    """The counts of the stage."""

    rows: int
    duplicates: int
    rejected: int
    first: Row | None  # the first row rejected
    labels: Counter[str]  # of the messages kept


def cleaned(batch: Batch, settings: Clean) -> Cleaned:
    """Clean a batch. Duplicates are still in it."""
    rows = list(batch())
    labels = [row.label for row in rows if not row.reason]
    texts = [normalise(row.text, settings).encode("utf-8") for row in rows if not row.reason]
    lines = [b"%s\t%s\n" % (label.encode("utf-8"), text) for label, text in zip(labels, texts, strict=True)]
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    of_texts = digests(texts if settings.duplicates == "drop" else [])
    return Cleaned(b"".join(lines), lengths, of_texts, labels, [row for row in rows if row.reason])


def clean(corpus: io.BufferedReader, settings: Clean, messages: IO[bytes], rejected: IO[bytes]) -> Tally:
    """Write the messages kept and the rows rejected.

    A message is a duplicate if an earlier one has the same text after normalisation. The earlier one is kept.
    """
    parts: list[Cleaned] = []  # without their lines
    codes = new_codes()
    label_codes = [np.zeros(0, np.int64)]
    first = None
    rejects = 0
    rejected.write(b"line\treason\n")
    with progress(desc="clean", unit="row") as bar:
        rows = batches(corpus, settings.format, settings.label_column, settings.text_column)
        for part in map_ordered(partial(cleaned, settings=settings), rows):
            messages.write(part.lines)
            rejected.write("".join(f"{row.line}\t{row.reason}\n" for row in part.rejected).encode("utf-8"))
            first = first or next(iter(part.rejected), None)
            rejects += len(part.rejected)
            label_codes.append(encode(part.labels, codes))
            parts.append(part._replace(lines=b"", labels=[], rejected=[]))
            bar.update(len(part.lengths) + len(part.rejected))
    of_rows = np.concatenate(label_codes)
    kept = np.full(len(of_rows), settings.duplicates == "keep")
    if settings.duplicates == "drop" and parts:
        kept[distinct_digests(np.concatenate([part.digests for part in parts]))[0]] = True
        drop(messages, [part.lengths for part in parts], kept)
    counts = np.bincount(of_rows[kept], minlength=len(codes)).tolist()
    labels = Counter({label: count for label, count in zip(codes, counts, strict=True) if count})
    return Tally(len(kept) + rejects, int(np.sum(~kept)), rejects, first, labels)


def drop(file: IO[bytes], lengths: list[NDArray[np.int64]], kept: NDArray[np.bool_]) -> None:
    """Delete the lines that are not kept. `lengths` are those of all lines, in bytes; one part is read at a time."""
    row = start = end = 0
    for part in lengths:
        file.seek(start)
        content = np.frombuffer(file.read(int(part.sum())), np.uint8)
        start += len(content)
        file.seek(end)
        end += file.write(content[np.repeat(kept[row : row + len(part)], part)].tobytes())
        row += len(part)
    file.truncate(end)


def check(tally: Tally, limit: float) -> None:
    """Raise UserError if there is no row, or if more than a share of `limit` was rejected."""
    if not tally.rows:
        raise UserError("expected a row or more in data/raw/corpus, found none: check download.source")
    if tally.first and tally.rejected / tally.rows > limit:  # 0.29 * 100 is less than 29, and 29 / 100 is 0.29
        raise UserError(
            f"expected at most {limit:.2%} of the rows of data/raw/corpus to be rejected, found {tally.rejected} of "
            f"{tally.rows}. The first is line {tally.first.line}: {tally.first.reason}. Mend them "
            "(data/clean/rejected.tsv lists all), set clean.format and the columns as the file has them, or raise "
            "clean.max_rejected_share"
        )


def main() -> None:
    """Run the stage."""
    settings = params.load("clean", Clean)
    positive = params.load("evaluate", Positive, part=True)
    with replacing(paths.MESSAGES) as messages:
        with paths.CORPUS.open("rb") as corpus, replacing(paths.REJECTED) as rejected:
            tally = clean(corpus, settings, messages, rejected)
        check(tally, settings.max_rejected_share)
        label = positive_label(tally.labels, positive)
    kept = tally.labels.total()
    counts = {"rows": tally.rows, "kept": kept, "duplicates": tally.duplicates, "rejected": tally.rejected}
    share = {"positive_share": tally.labels[label] / kept} if label else {}
    write_metrics(paths.METRICS / "clean.json", counts | share)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
