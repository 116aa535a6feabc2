"""Which messages belong together: read some at a time, told apart by digests, compared without being in memory.

What is said of distinct strings stands in arrays, the strings themselves one after the other in a file without a name.
"""

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.messages import columns
from textrnn.artifacts.ragged import gathered, offsets_of
from textrnn.core.progress import counter
from textrnn.dedup.near_duplicates import Sets, by_rarity, distinct, similar
from textrnn.dedup.sort_strings import alphabetical
from textrnn.dedup.templates import templates
from textrnn.partitions.digests import Digests, digests, first_occurrence
from textrnn.partitions.execute import ordered
from textrnn.partitions.factorize import Numbered, numbered, numbers, places

ROWS = 100_000  # templates whose words are in memory at a time

N = TypeVar("N", bound=np.generic)

Files = Sequence[IO[bytes]]
Ints = NDArray[np.int64]
Narrow = NDArray[np.int32]  # numbers of messages, of which memory does not hold two thousand millions


class Strings(NamedTuple):
    """Strings of which some may be equal."""

    letters: NDArray[np.uint8]  # UTF-8, one string after the other
    lengths: Ints  # in bytes
    digests: Digests
    order: Digests  # by which groups are dealt: the first 16 bytes of a seeded hash
    rows: Narrow  # of each message, which of the strings is its own


class Described(NamedTuple):
    """What some messages have in common with others."""

    texts: Digests
    templates: Strings
    keys: Strings  # of what is to be kept together, none if that is templates
    words: Numbered  # of each of the templates


class Settled(NamedTuple):
    """Strings in the order of the alphabet, the distinct ones numbered by it."""

    kept: NDArray[np.bool_]  # which of the strings, as they came, are equal to none before
    ranks: Narrow  # the number of each that is kept
    rows: Narrow  # the number of each message's own
    order: Digests  # of each number


class Groups(NamedTuple):
    """A number for each message: of the group it belongs to, and, the same for the same, of what it has in common."""

    numbers: Narrow  # 0 … groups - 1, in the order of the alphabet of what a group shares
    order: Digests  # of each group
    texts: Narrow
    templates: Narrow
    families: Narrow  # of templates that nearly coincide


def described(lines: bytes, keep_together: str, seed: int) -> Described:
    """Return what is to be known of some lines of messages.tsv."""
    text = lines.decode("utf-8")
    texts = columns(text)[1]
    own = templates(texts)
    keys = texts if keep_together == "duplicates" else []
    if keep_together == "none":
        keys = [f"{line}\t1" for line in text.split("\n")[:-1]]
    cut = numbered(dict.fromkeys(own), str.split)
    members, offsets = distinct(cut.numbers, offsets_of(cut.lengths))
    words = Numbered(cut.words, members, np.diff(offsets))
    return Described(digests(text.encode("utf-8") for text in texts), strings(own, seed), strings(keys, seed), words)


def strings(texts: list[str], seed: int) -> Strings:
    """Return the texts, each once."""
    known = numbers()
    rows = places(texts, known).astype(np.int32)
    return encoded_strings([text.encode("utf-8") for text in known], rows, seed)


def encoded_strings(encoded: list[bytes], rows: Narrow, seed: int) -> Strings:
    """Return the strings, and which of them is the own one of each row."""
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return Strings(np.frombuffer(b"".join(encoded), np.uint8), lengths, digests(encoded), seeded(encoded, seed), rows)


def seeded(keys: Iterable[bytes], seed: int) -> Digests:
    """Return 128 bits for each key that order the keys in a way which differs for each seed."""
    joined = b"".join(sha256(b"%d\t%s" % (seed, key)).digest()[:16] for key in keys)
    return np.frombuffer(joined, ">u8").reshape(-1, 2).astype(np.uint64)


def groups(lines: Iterable[bytes], keep_together: str, seed: int, folder: Path) -> Groups:
    """Return which messages belong together. `lines` are those of messages.tsv, some at a time.

    `keep_together` is what they then have in common: the whole line, and how often it has come before (none), the text
    (duplicates), or templates that nearly coincide (templates). Files without a name in `folder` hold what would be too
    much for the memory.
    """
    with ExitStack() as stack:
        texts, words, lengths, *others = (stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(13))
        templates, keys = others[:5], others[5:]
        vocabulary = collected(lines, keep_together, seed, (texts, words, lengths), templates, keys)
        own = settled(templates)
        nearest = similar(sets_of(words, column(lengths, np.int64), own.kept, vocabulary), folder)
        families = firsts_of(nearest, own.ranks)[own.rows]
        del nearest
        of_texts = first_occurrence(column(texts, np.uint64).reshape(-1, 2)).astype(np.int32)
        if keep_together == "templates":
            present, of_rows = np.unique(families, return_inverse=True)
            return Groups(of_rows.astype(np.int32), own.order[present], of_texts, own.rows, families)
        if keep_together == "none":
            count(keys, seed)
        together = settled(keys)
        return Groups(together.rows, together.order, of_texts, own.rows, families)


def collected(
    lines: Iterable[bytes], keep_together: str, seed: int, files: Files, templates: Files, keys: Files
) -> int:
    """Write what is to be known of the messages, and return how many words all templates have.

    The files hold the digests of texts, the words of each of the templates as numbers, and how many those are.
    """
    known = numbers()
    so_far = [0, 0]
    with counter("compare", "message") as bar:
        for part in ordered(partial(described, keep_together=keep_together, seed=seed), lines):
            words = places(part.words.words, known).astype(np.int32)[part.words.numbers]
            append(files, part.texts, words, part.words.lengths)
            for which, (own, spool) in enumerate(((part.templates, templates), (part.keys, keys))):
                append(spool, *own._replace(rows=own.rows + np.int32(so_far[which])))
                so_far[which] += len(own.lengths)
            bar.update(len(part.texts))
    return len(known)


def append(files: Files, *arrays: NDArray[Any]) -> None:
    """Write each array at the end of its file."""
    for file, array in zip(files, arrays, strict=True):
        file.seek(0, 2)
        file.write(array.tobytes())


def column(file: IO[bytes], kind: type[N]) -> NDArray[N]:
    """Return the array that a file holds."""
    file.seek(0)
    return np.frombuffer(file.read(), kind)


def mapped(file: IO[bytes]) -> NDArray[np.uint8]:
    """Return the bytes that a file holds, which are in memory only when they are used."""
    file.flush()
    return np.memmap(file, np.uint8, "r") if file.seek(0, 2) else np.zeros(0, np.uint8)


def settled(files: Files) -> Settled:
    """Return the strings that the files hold in the order of the alphabet."""
    letters, lengths, told_apart, order, rows = files
    first = first_occurrence(column(told_apart, np.uint64).reshape(-1, 2))
    kept = first == np.arange(len(first))
    chosen = np.flatnonzero(kept)
    sizes = column(lengths, np.int64)
    by = chosen[alphabetical(mapped(letters), offsets_of(sizes)[chosen], sizes[chosen])]
    ranks = np.empty(len(first), np.int32)
    ranks[by] = np.arange(len(by))
    of_rows = ranks[first[column(rows, np.int32)]]
    return Settled(kept, ranks[chosen], of_rows, column(order, np.uint64).reshape(-1, 2)[by])


def count(files: Files, seed: int) -> None:
    """Give each row a string of its own: the 1 at the end becomes the number of rows so far that have it."""
    letters, sizes, told_apart, _, of_rows = files
    rows = column(of_rows, np.int32).copy()
    first = first_occurrence(column(told_apart, np.uint64).reshape(-1, 2))[rows]
    by = np.argsort(first, kind="stable")
    new = np.ones(len(by), np.bool_)
    new[1:] = np.diff(first[by]) != 0
    seen = np.empty_like(by)
    seen[by] = np.arange(len(by)) - np.flatnonzero(new)[np.cumsum(new) - 1] + 1
    again = np.flatnonzero(seen > 1)
    found, starts = mapped(letters), offsets_of(column(sizes, np.int64))
    more = [
        found[starts[string] : starts[string + 1] - 1].tobytes() + b"%d" % number
        for string, number in zip(first[again].tolist(), seen[again].tolist(), strict=True)
    ]
    rows[again] = len(starts) - 1 + np.arange(len(again), dtype=np.int32)
    of_rows.truncate(0)
    append(files, *encoded_strings(more, rows, seed))


def firsts_of(nearest: Ints, ranks: Narrow) -> Narrow:
    """Return for each rank the least of those whose strings have the same `nearest` one."""
    least = np.full(len(ranks), len(ranks), np.int32)
    np.minimum.at(least, nearest, ranks)
    result = np.empty_like(least)
    result[ranks] = least[nearest]
    return result


def sets_of(file: IO[bytes], sizes: Ints, kept: NDArray[np.bool_], vocabulary: int) -> Sets:
    """Return the words of the templates that are kept, each set's rarest first. The file has the words of all."""
    offsets = offsets_of(sizes[kept])
    words = np.empty(int(offsets[-1]), np.int32)
    counts = np.zeros(vocabulary, np.int64)
    file.seek(0)
    done = 0
    for start in range(0, len(sizes), ROWS):
        some = slice(start, start + ROWS)
        ends = offsets_of(sizes[some])
        flat = np.frombuffer(file.read(4 * int(ends[-1])), np.int32)
        chosen = gathered(flat, ends, np.flatnonzero(kept[some]))[0]
        words[done : done + len(chosen)] = chosen
        done += len(chosen)
        counts += np.bincount(chosen, minlength=vocabulary)
    rarity = by_rarity(counts)
    for start in range(0, len(offsets) - 1, ROWS):
        ends = offsets[start : start + ROWS + 1]
        some = slice(int(ends[0]), int(ends[-1]))
        words[some] = distinct(rarity[words[some]], ends - ends[0])[0]
    return Sets(words, offsets)
