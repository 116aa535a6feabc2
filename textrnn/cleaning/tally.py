"""Clean a whole corpus, batch by batch: write its messages, drop duplicates, and count what became of the rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import origins
from textrnn.artifacts.ragged import offsets_of, unique
from textrnn.cleaning import whole
from textrnn.cleaning.batch import KEY, Clean, Cleaned, Left, cleaned
from textrnn.core.escape import field
from textrnn.core.files import array_file, fill, replacing
from textrnn.core.process_pool import uncollected
from textrnn.core.progress import progress
from textrnn.corpus import readers
from textrnn.corpus.readers import Batch, Whole
from textrnn.partitions import alphabet
from textrnn.partitions.exchange import cut_by, leave, read, read_all, shared, unpacked
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import distinct

FILES: dict[str, type[np.generic]] = {  # of data/clean, for what is known of each message
    "origins/line": np.int32, "columns/part": np.int8, "columns/group": np.int64, "columns/time": np.float64,
}  # fmt: skip
# A message that is dropped: its place in its batch, the batch and the place of the one that is kept, and whether their
# labels differ.
DROPPED = np.dtype([("row", "i4"), ("part", "i4"), ("first", "i4"), ("differs", "?")])


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
    contradictions: int
    contradiction: Contradiction | None  # the first

    @property
    def rows(self) -> int:
        """The number of rows read."""
        return self.labels.total() + self.duplicates + self.rejected


class Batches(NamedTuple):
    """The batches of a corpus, which workers have cleaned and left in a folder."""

    folder: Path
    total: int
    buckets: int  # 0 if duplicates are kept

    def left(self, number: int) -> Left:
        """Read a batch."""
        return Left(*unpacked(self.folder / "cleaned", number, self.buckets))

    def dropped(self, number: int) -> NDArray[Any]:
        """Return the duplicates in a batch, in its order."""
        every = [read(self.folder / "dropped", bucket, number, DROPPED) for bucket in range(self.buckets)]
        return np.sort(np.concatenate([*every, np.zeros(0, DROPPED)]), order="row")

    def kept(self) -> NDArray[np.int64]:
        """Return how many messages and bytes are kept before each batch, and in all: (batches + 1, 2)."""
        return read(self.folder / "kept", 0, 0, np.int64).reshape(-1, 2)


def in_order(
    corpus: Iterable[tuple[str, Batch | Whole]], work: Callable[[Any], Cleaned], folder: Path
) -> Iterator[Cleaned]:
    """Clean the batches in their order: files and raw ones by workers, those whose rows are parsed already here."""
    done = 0
    for is_raw, batches in groupby(corpus, lambda one: None if isinstance(one[1], Whole) else readers.is_raw(one[1])):
        if is_raw is None:
            results = whole.in_order((file for _, file in batches if isinstance(file, Whole)), work, done, folder)
        else:
            apply: Callable[..., Iterator[Cleaned]] = map_ordered if is_raw else map
            results = apply(work, enumerate(batches, done))
        for one in results:
            done += 1
            yield one


@contextmanager
def clean(
    corpus: Iterable[tuple[str, Batch | Whole]], chosen: Clean, directory: Path, size: int = 0
) -> Iterator[Tally]:
    """Write what is described in stages/clean.py to a directory; when the block ends well, all but rejected.tsv.

    A message is a duplicate if an earlier one of its part has the same text after normalisation. The earlier one is
    kept. `size` is that of the corpus in bytes.
    """
    ranges = 1 + size // alphabet.RANGE
    buckets = ranges if chosen.duplicates == "drop" else 0
    parts, rejects, first = list[Cleaned](), 0, ""
    directory.mkdir(parents=True, exist_ok=True)
    with shared(directory) as folder, ExitStack() as stack:
        work: Callable[..., Any] = partial(cleaned, chosen=chosen, buckets=buckets, folder=folder)
        with replacing(directory / "rejected.tsv") as file, progress(desc="clean", unit="row") as bar, uncollected():
            file.write(b"file\tline\treason\n")
            for part in in_order(corpus, work, folder):
                name = field(part.file)
                file.write("".join(f"{name}\t{row.line}\t{row.reason}\n" for row in part.rejected).encode("utf-8"))
                for row in part.rejected[: not first]:
                    first = f"{part.file}, line {row.line}: {row.reason}"
                rejects += len(part.rejected)
                parts.append(part._replace(rejected=[]))
                bar.update(part.messages + len(part.rejected))
        batches = Batches(folder, len(parts), buckets)
        sizes = np.array([(part.messages, part.bytes) for part in parts], np.int64).reshape(-1, 2)
        dropped = sum(map_ordered(partial(duplicates, batches=batches), range(buckets)), np.zeros_like(sizes))
        kept = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(sizes - dropped, axis=0)])
        leave(folder / "kept", 0, [kept])
        known = [any(column) for column in zip(*(part.known for part in parts), strict=True)] or [False] * 3
        starts = grouped(batches, alphabet.bounds(chain.from_iterable(part.groups for part in parts), ranges), known[1])
        messages = stack.enter_context(replacing(directory / "messages.tsv")).name
        files = [
            stack.enter_context(array_file(directory / f"{name}.npy", kind, int(kept[-1, 0]) * has))
            for (name, kind), has in zip(FILES.items(), [True, *known], strict=True)
        ]
        work = partial(write, batches=batches, messages=messages, files=files, known=known, starts=starts)
        labels, contradictions, one = Counter[str](), 0, None
        table = stack.enter_context(replacing(directory / "contradictions.tsv"))
        table.write("\t".join(Contradiction._fields).encode() + b"\n")
        for counts, found in map_ordered(work, range(len(parts))):
            labels += counts
            contradictions, one = contradictions + len(found), one or next(iter(found), None)
            table.write("".join("\t".join(map(field, line)) + "\n" for line in found).encode("utf-8"))
        of_files = Counter[str]()
        for part, count in zip(parts, np.diff(kept[:, 0]).tolist(), strict=True):
            of_files[part.file] += count
        origins.write_files(stack.enter_context(replacing(directory / "origins" / origins.FILES)), of_files)
        yield Tally(labels, rejects, first, int(dropped[:, 0].sum()), contradictions, one)


def duplicates(bucket: int, batches: Batches) -> NDArray[np.int64]:
    """Find the duplicates in a bucket. Leaves those of each batch. Returns how many these are, and their bytes."""
    of_batches = read_all(batches.folder / "cleaned", batches.total, bucket, KEY)
    keys = np.concatenate(of_batches)
    owners = np.repeat(np.arange(len(of_batches)), list(map(len, of_batches)))
    firsts, numbers = distinct(*keys["text"].T)
    earliest = firsts[numbers]
    found = np.zeros(len(keys), DROPPED)
    found["row"], found["part"], found["first"] = keys["row"], owners[earliest], keys["row"][earliest]
    found["differs"] = keys["label"] != keys["label"][earliest]
    dropped = earliest != np.arange(len(keys))
    counts, sizes = (np.bincount(owners[dropped], weights, batches.total) for weights in (None, keys["bytes"][dropped]))
    leave(batches.folder / "dropped", bucket, cut_by(found[dropped], counts.astype(np.int64)))
    return np.stack([counts, sizes], axis=1).astype(np.int64)


def grouped(batches: Batches, begins: list[bytes], known: bool) -> NDArray[np.int64]:
    """Give the groups of all batches numbers in alphabetical order. Returns the first number of each range."""
    if not known:
        return np.zeros(0, np.int64)
    list(map_ordered(partial(leave_groups, batches=batches, begins=begins), range(batches.total)))
    return offsets_of(np.array(list(map_ordered(partial(join_groups, batches=batches), range(len(begins) + 1)))))


def leave_groups(number: int, batches: Batches, begins: list[bytes]) -> None:
    """Leave the groups of a batch for the ranges of the alphabet."""
    leave(batches.folder / "groups", number, alphabet.cut(batches.left(number).groups, begins))


def join_groups(bucket: int, batches: Batches) -> int:
    """Join the groups of a range of the alphabet. Returns how many there are."""
    distinct, of_batches = alphabet.merged(batches.folder / "groups", batches.total, bucket)
    leave(batches.folder / "numbers", bucket, of_batches)
    return len(distinct)


def write(
    number: int, batches: Batches, messages: str, files: list[str], known: list[bool], starts: NDArray[np.int64]
) -> tuple[Counter[str], list[Contradiction]]:
    """Write the messages of a batch that are kept. Returns their labels, and the duplicates with another label."""
    some, dropped, (row, byte) = batches.left(number), batches.dropped(number), batches.kept()[number].tolist()
    kept = np.ones(len(some.lengths), np.bool_)
    kept[dropped["row"]] = False
    fill(messages, byte, some.lines[np.repeat(kept, some.lengths)].tobytes())
    _, line, part, group, time = some.columns
    if known[1]:
        names = [
            first + read(batches.folder / "numbers", bucket, number, np.int32)
            for bucket, first in enumerate(starts[:-1])
        ]
        group = np.append(np.concatenate(names), -1)[group]
    arrays: list[NDArray[Any]] = [line, part, group, time]
    for file, array, has in zip(files, arrays, [True, *known], strict=True):
        if has:
            fill(file, row, array[kept])
    counts = np.bincount(some.columns.label[kept], minlength=len(some.labels)).tolist()
    labels = Counter({name: count for name, count in zip(some.labels, counts, strict=True) if count})
    return labels, contradicting(some, dropped[dropped["differs"]], batches)


def contradicting(some: Left, dropped: NDArray[Any], batches: Batches) -> list[Contradiction]:
    """Return what these duplicates in a batch contradict. Each other batch is read once."""
    found, kept = dict[int, Contradiction](), batches.kept()[:, 0].tolist()
    for number in unique(dropped["part"]).tolist():
        other, before = batches.left(number), batches.dropped(number)["row"]
        for index in np.flatnonzero(dropped["part"] == number).tolist():
            row, first = dropped[["row", "first"]][index].tolist()
            place = kept[number] + first - int(np.searchsorted(before, first))
            found[index] = Contradiction(*other.place(first), *some.place(row), place)
    return [found[index] for index in range(len(dropped))]
