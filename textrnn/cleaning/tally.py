"""Clean a whole corpus, batch by batch: write its messages, drop duplicates, and count what became of the rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.origins import Origins
from textrnn.cleaning import whole
from textrnn.cleaning.batch import Clean, Cleaned, cleaned
from textrnn.core.escape import field
from textrnn.core.process_pool import uncollected
from textrnn.core.progress import progress
from textrnn.corpus import readers
from textrnn.corpus.readers import Batch, Whole
from textrnn.partitions import lines
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import distinct_digests, encode, new_codes, ranks

KINDS = (np.int32, np.int32, np.int8, np.int32, np.float64)  # of the columns, labels and groups by their codes


class Contradiction(NamedTuple):
    """A message that is kept, and a duplicate of it that has another label and was dropped."""

    file: str
    line: int
    label: str
    other_file: str
    other_line: int
    other_label: str
    row: int  # of the message kept, in messages.tsv


class Tally(NamedTuple):
    """What became of the rows."""

    labels: Counter[str]  # of the messages kept
    rejected: int
    first: str  # where the first row rejected stands, and why
    duplicates: int
    contradictions: list[Contradiction]
    origins: Origins  # of the messages kept
    columns: dict[str, NDArray[Any]]  # part, group and time of the messages kept, of length 0 if the corpus has none

    @property
    def rows(self) -> int:
        """The number of rows read."""
        return self.labels.total() + self.duplicates + self.rejected


def in_order(corpus: Iterable[tuple[str, Batch | Whole]], chosen: Clean) -> Iterator[Cleaned]:
    """Clean the batches in their order: files and raw ones by workers, those whose rows are parsed already here."""
    work = partial(cleaned, chosen=chosen)
    for is_raw, batches in groupby(corpus, lambda one: None if isinstance(one[1], Whole) else readers.is_raw(one[1])):
        if is_raw is None:
            yield from whole.in_order((file for _, file in batches if isinstance(file, Whole)), chosen)
        else:
            apply: Callable[..., Iterator[Cleaned]] = map_ordered if is_raw else map
            yield from apply(work, batches)


def clean(
    corpus: Iterable[tuple[str, Batch | Whole]], chosen: Clean, messages: IO[bytes], rejected: IO[bytes]
) -> Tally:
    """Write the messages kept and the rows rejected.

    A message is a duplicate if an earlier one of its part has the same text after normalisation. The earlier one is
    kept.
    """
    lengths, of_texts, columns = [], [], [tuple(np.zeros(0, kind) for kind in KINDS)]
    label_codes, group_codes = new_codes(), new_codes()
    group_codes[""] = -1
    files, sizes, rejects, first = list[str](), list[int](), 0, ""
    rejected.write(b"file\tline\treason\n")
    with progress(desc="clean", unit="row") as bar, uncollected():
        for part in in_order(corpus, chosen):
            messages.write(part.lines)
            file = field(part.file)
            rejected.write("".join(f"{file}\t{row.line}\t{row.reason}\n" for row in part.rejected).encode("utf-8"))
            for row in part.rejected[: not first]:
                first = f"{part.file}, line {row.line}: {row.reason}"
            rejects += len(part.rejected)
            if files[-1:] != [part.file]:
                files, sizes = [*files, part.file], [*sizes, 0]
            sizes[-1] += len(part.columns.label)
            names, line, parts, groups, times = part.columns
            codes = encode(names, label_codes), line, parts, encode(groups, group_codes), times
            columns.append(tuple(np.asarray(array, kind) for array, kind in zip(codes, KINDS, strict=True)))
            lengths.append(part.lengths)
            of_texts.append(part.digests)
            bar.update(len(names) + len(part.rejected))
    earliest = np.arange(sum(sizes))  # of each row, the row with the same text that is kept
    if chosen.duplicates == "drop" and lengths:
        digests = np.concatenate(of_texts)
        of_texts.clear()
        firsts, numbers = distinct_digests(digests)
        earliest = firsts[numbers]
        del digests, firsts, numbers
    kept = earliest == np.arange(len(earliest))
    lines.drop(messages, lengths, kept)
    labels, line, *others = (np.concatenate([one[place] for one in columns]) for place in range(len(KINDS)))
    del columns, lengths
    others[1] = ranks(group_codes)[others[1]]
    counts = np.bincount(labels[kept], minlength=len(label_codes)).tolist()
    of_kept = Counter({name: count for name, count in zip(label_codes, counts, strict=True) if count})
    origins = Origins(files, np.array(sizes, np.int64), line)
    contradictions = contradicting(labels, earliest, np.cumsum(kept) - 1, list(label_codes), origins)
    known = [(column >= 0) if column.dtype.kind == "i" else ~np.isnan(column) for column in others]
    others = [column[kept if has.any() else []] for column, has in zip(others, known, strict=True)]
    of_columns = dict(zip(("part", "group", "time"), others, strict=True))
    return Tally(of_kept, rejects, first, int(np.sum(~kept)), contradictions, origins.kept(kept), of_columns)


def contradicting(
    codes: NDArray[np.int32], earliest: NDArray[np.int64], places: NDArray[np.int64], names: list[str], origins: Origins
) -> list[Contradiction]:
    """Return the duplicates with another label than the message kept; `places` says where that stands."""
    others = np.flatnonzero(codes != codes[earliest])
    kept = earliest[others]
    labels, other_labels = ([names[code] for code in codes[rows]] for rows in (kept, others))
    found = *origins.of(kept), labels, *origins.of(others), other_labels, places[kept].tolist()
    return [Contradiction._make(values) for values in zip(*found, strict=True)]
