"""clean: every row of the corpus is parsed, validated and normalised, or rejected with a reason.

Reads   data/raw/{corpus,test}; section `clean`, the columns of section `split` and evaluate.positive_label of
        params.yaml
Writes  data/clean/messages.tsv (label, tab, text), data/clean/columns/{part,group,time}.npy,
        data/clean/{rejected,contradictions}.tsv (with a header), metrics/clean.json
Run     python -m stages.clean
"""

if __spec__ is None:
    raise SystemExit("error: stages/clean.py is part of a package: run `python -m stages.clean`")

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, groupby
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from textrnn.artifacts.messages import Positive, positive_label
from textrnn.core import params, paths
from textrnn.core.errors import UserError, note, run
from textrnn.core.files import replacing, write_array, write_metrics, write_text
from textrnn.core.process_pool import uncollected
from textrnn.core.progress import progress
from textrnn.corpus import labels, readers
from textrnn.corpus.readers import Batch, Seen
from textrnn.corpus.rows import Row
from textrnn.corpus.settings import Parts, Reading, reading_of
from textrnn.partitions import lines
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Digests, digests, distinct_digests, encode, new_codes, ranks
from textrnn.text.normalise import Normalisation, normalise


class Clean(Normalisation, Reading):
    """Section `clean` of params.yaml."""

    labels: labels.Labels
    duplicates: Literal["keep", "drop"]
    max_rejected_share: float = Field(ge=0, le=1)


class Cleaned(NamedTuple):
    """A batch after cleaning: its messages as lines of messages.tsv, and the rows rejected."""

    lines: bytes
    lengths: NDArray[np.int64]  # of each line, in bytes
    digests: Digests  # of each text, if duplicates are to be dropped
    columns: tuple[list[str], NDArray[np.int8], list[str], NDArray[np.float64]]  # label, part, group and time
    rejected: list[Row]


class Tally(NamedTuple):
    """What became of the rows."""

    labels: Counter[str]  # of the messages kept
    rejected: int
    first: Row | None  # the first row rejected
    duplicates: int
    contradictions: list[tuple[int, str, str]]  # a message kept, its label, and another that its text has elsewhere
    columns: dict[str, NDArray[Any]]  # part, group and time of the messages kept, of length 0 if the corpus has none

    @property
    def rows(self) -> int:
        """The number of rows read."""
        return self.labels.total() + self.duplicates + self.rejected


def cleaned(batch: Batch, chosen: Clean) -> Cleaned:
    """Clean a batch. Duplicates are still in it."""
    rows = list(batch())
    names = {label: labels.corrected(label, chosen.labels) for label in {row.label for row in rows}}
    if not all(names.values()):
        missing = "the label is missing ({})"
        rows = [
            row if names[row.label] or row.reason else Row(row.line, reason=missing.format(row.label)) for row in rows
        ]
    good, rejected = [row for row in rows if not row.reason], [row for row in rows if row.reason]
    _, given, raw, _, parts, groups, times, _ = zip(*good, strict=True) if good else [()] * len(Row._fields)
    texts = [normalise(text, chosen).encode("utf-8") for text in raw]
    found = [names[label] for label in given]
    written = [b"%s\t%s\n" % (label.encode("utf-8"), text) for label, text in zip(found, texts, strict=True)]
    lengths = np.fromiter(map(len, written), np.int64, len(written))
    if max(parts, default=-1) >= 0:  # a text that two parts have is no duplicate: a given test part stays as it is
        texts = [b"%d\n%s" % (part, text) for part, text in zip(parts, texts, strict=True)]
    of_texts = digests(texts if chosen.duplicates == "drop" else [])
    columns = found, np.array(parts, np.int8), list(groups) if any(groups) else [""] * len(good), np.array(times, float)
    return Cleaned(b"".join(written), lengths, of_texts, columns, rejected)


def in_order(corpus: Iterable[Batch], chosen: Clean) -> Iterator[Cleaned]:
    """Clean the batches in their order: raw ones by workers, those whose rows are parsed already here."""
    work = partial(cleaned, chosen=chosen)
    for is_raw, batches in groupby(corpus, readers.is_raw):
        apply: Callable[..., Iterator[Cleaned]] = map_ordered if is_raw else map
        yield from apply(work, batches)


def clean(corpus: Iterable[Batch], chosen: Clean, messages: IO[bytes], rejected: IO[bytes]) -> Tally:
    """Write the messages kept and the rows rejected.

    A message is a duplicate if an earlier one of its part has the same text after normalisation. The earlier one is
    kept.
    """
    lengths, of_texts, columns = [], [], [tuple(np.zeros(0, kind) for kind in (np.int64, np.int8, np.int64, float))]
    label_codes, group_codes = new_codes(), new_codes()
    group_codes[""] = -1
    rejects, first = 0, None
    rejected.write(b"line\treason\n")
    with progress(desc="clean", unit="row") as bar, uncollected():
        for part in in_order(corpus, chosen):
            messages.write(part.lines)
            rejected.write("".join(f"{row.line}\t{row.reason}\n" for row in part.rejected).encode("utf-8"))
            first = first or next(iter(part.rejected), None)
            rejects += len(part.rejected)
            names, parts, groups, times = part.columns
            of_groups = encode(groups, group_codes)
            columns.append((encode(names, label_codes), parts, of_groups, times))
            lengths.append(part.lengths)
            of_texts.append(part.digests)
            bar.update(len(names) + len(part.rejected))
    codes, *others = (np.concatenate(column) for column in zip(*columns, strict=True))
    earliest = np.arange(len(codes))  # of each row, the row with the same text that is kept
    if chosen.duplicates == "drop" and lengths:
        firsts, numbers = distinct_digests(np.concatenate(of_texts))
        earliest = firsts[numbers]
    kept = earliest == np.arange(len(codes))
    lines.drop(messages, lengths, kept)
    others[1] = ranks(group_codes)[others[1]]
    names = list(label_codes)
    counts = np.bincount(codes[kept], minlength=len(names)).tolist()
    of_kept = Counter({name: count for name, count in zip(names, counts, strict=True) if count})
    wrong, places = np.flatnonzero(codes != codes[earliest]), np.cumsum(kept) - 1
    pairs = zip(places[earliest[wrong]].tolist(), codes[earliest[wrong]], codes[wrong], strict=True)
    contradictions = [(place, names[label], names[other]) for place, label, other in pairs]
    known = [(column >= 0) if column.dtype.kind == "i" else ~np.isnan(column) for column in others]
    others = [column[kept if has.any() else []] for column, has in zip(others, known, strict=True)]
    of_columns = dict(zip(("part", "group", "time"), others, strict=True))
    return Tally(of_kept, rejects, first, int(np.sum(~kept)), contradictions, of_columns)


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
    chosen, positive = params.load("clean", Clean), params.load("evaluate", Positive, part=True)
    reading = reading_of(chosen, params.load("split", Parts, part=True))
    seen: list[Seen] = []
    corpus = readers.batches(paths.CORPUS, reading, "data/raw/corpus", seen.append)
    if paths.TEST_CORPUS.exists():
        corpus = chain(corpus, readers.test_batches(paths.TEST_CORPUS, reading, "data/raw/test", seen.append))
    with replacing(paths.MESSAGES) as messages:
        with replacing(paths.REJECTED) as rejected:
            tally = clean(corpus, chosen, messages, rejected)
        check(tally, chosen.max_rejected_share)
        for one in [*chain.from_iterable(one.notes for one in seen), *labels.notes(tally.labels)]:
            note(one)
        label = positive_label(tally.labels, positive)
        if label and positive.positive_label is None:
            note(f"the positive label is {label!r}, the rarer one of two: evaluate.positive_label may name the other")
    for name, column in tally.columns.items():
        write_array(paths.COLUMNS / f"{name}.npy", column)
    table = [("row", "label", "other_label"), *tally.contradictions]
    write_text(paths.CONTRADICTIONS, "".join("\t".join(map(str, line)) + "\n" for line in table))
    kept = tally.labels.total()
    counts = {"rows": tally.rows, "kept": kept, "duplicates": tally.duplicates, "rejected": tally.rejected}
    more = {"contradictions": len(tally.contradictions), "encoding": seen[0].encoding.name}
    share = {"positive_share": tally.labels[label] / kept} if label else {}
    write_metrics(paths.METRICS / "clean.json", counts | share | more)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
