"""Which messages belong together: read some at a time, told apart by digests, compared without being in memory.

What is said of distinct strings stands in arrays, the strings themselves one after the other in a file without a name.
"""

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.alphabet import alphabetical
from textrnn.digests import Digests, digests, firsts
from textrnn.messages import columns
from textrnn.numbering import Numbered, numbered, numbers, places
from textrnn.progress import counter
from textrnn.ragged import gathered, offsets_of
from textrnn.similar import Sets, by_rarity, distinct, similar
from textrnn.templates import templates as templates_of
from textrnn.workers import ordered

ROWS = 100_000  # templates whose words are in memory at a time

Ints = NDArray[np.int64]
Narrow = NDArray[np.int32]  # numbers of messages, of which memory does not hold two thousand millions


class Strings(NamedTuple):
    """Strings of which some may be equal."""

    letters: bytes | IO[bytes]  # UTF-8, one string after the other
    lengths: Ints  # in bytes
    digests: Digests
    order: Digests  # by which groups are dealt: the first 16 bytes of a seeded hash
    rows: Narrow  # of each message, which of the strings is its own


class Described(NamedTuple):
    """What some messages have in common with others."""

    texts: Digests
    templates: Strings
    keys: Strings | None  # of what is to be kept together, unless that is templates
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
    own = templates_of(texts)
    keys = None
    if keep_together != "templates":
        keys = strings(
            texts if keep_together == "duplicates" else [f"{line}\t1" for line in text.split("\n")[:-1]], seed
        )
    cut = numbered(dict.fromkeys(own), str.split)
    members, offsets = distinct(cut.numbers, offsets_of(cut.lengths))
    words = Numbered(cut.words, members, np.diff(offsets))
    return Described(digests(text.encode("utf-8") for text in texts), strings(own, seed), keys, words)


def strings(texts: list[str], seed: int) -> Strings:
    """Return the texts, each once."""
    known = numbers()
    rows = places(texts, known)
    encoded = [text.encode("utf-8") for text in known]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return Strings(b"".join(encoded), lengths, digests(encoded), seeded(encoded, seed), rows.astype(np.int32))


def seeded(keys: Iterable[bytes], seed: int) -> Digests:
    """Return 128 bits for each key that order the keys in a way which differs for each seed."""
    joined = b"".join(sha256(b"%d\t%s" % (seed, key)).digest()[:16] for key in keys)
    return np.frombuffer(joined, ">u8").reshape(-1, 2).astype(np.uint64)


def groups(lines: Iterable[bytes], keep_together: str, seed: int, folder: Path) -> Groups:
    """Return which messages belong together. `lines` are those of messages.tsv, some at a time.

    `keep_together` is what they then have in common: the whole line, and how often it has come before (none), the text
    (duplicates), or templates that nearly coincide (templates).
    """
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(3)]
        texts, templates, keys, lengths, vocabulary = collected(lines, keep_together, seed, files)
        own = settled(templates)
        del templates  # here and below: what is no longer needed would be gigabytes
        nearest = similar(sets_of(files[2], lengths, own.kept, vocabulary), folder)
        del lengths
        families = firsts_of(nearest, own.ranks)[own.rows]
        del nearest
        if keep_together == "templates":
            present, numbers = np.unique(families, return_inverse=True)
            return Groups(numbers.astype(np.int32), own.order[present], texts, own.rows, families)
        own = own._replace(order=own.order[:0])
        together = settled(counted(keys, seed) if keep_together == "none" else keys)
        return Groups(together.rows, together.order, texts, own.rows, families)


def collected(
    lines: Iterable[bytes], keep_together: str, seed: int, files: Sequence[IO[bytes]]
) -> tuple[Narrow, Strings, Strings, Ints, int]:
    """Return numbers of the texts, the templates, the other keys, how many words each template has, and all do.

    The letters of templates and keys, and the words of templates as numbers, int32, are written to the files.
    """
    texts: list[Digests] = [np.zeros((0, 2), np.uint64)]
    templates, keys = [spooled(strings([], seed), files[0])], [spooled(strings([], seed), files[1])]
    lengths = [np.zeros(0, np.int64)]
    known = numbers()
    with counter("compare", "message") as bar:
        for part in ordered(partial(described, keep_together=keep_together, seed=seed), lines):
            texts.append(part.texts)
            templates.append(spooled(part.templates, files[0]))
            keys += [spooled(part.keys, files[1])] if part.keys else []
            files[2].write(places(part.words.words, known).astype(np.int32)[part.words.numbers].tobytes())
            lengths.append(part.words.lengths)
            bar.update(len(part.texts))
    told_apart = np.concatenate(texts)
    del texts
    first = firsts(told_apart).astype(np.int32)
    del told_apart
    return first, joined(templates, files[0]), joined(keys, files[1]), np.concatenate(lengths), len(known)


def firsts_of(nearest: Ints, ranks: Narrow) -> Narrow:
    """Return for each rank the least of those whose strings have the same `nearest` one."""
    least = np.full(len(ranks), len(ranks), np.int32)
    np.minimum.at(least, nearest, ranks)
    result = np.empty_like(least)
    result[ranks] = least[nearest]
    return result


def spooled(part: Strings, file: IO[bytes]) -> Strings:
    """Write the letters to the file, and return the rest."""
    assert isinstance(part.letters, bytes)
    file.write(part.letters)
    return part._replace(letters=b"")


def joined(parts: list[Strings], file: IO[bytes]) -> Strings:
    """Return all strings whose letters have been written to the file. The list is emptied."""
    bases = offsets_of(np.array([len(part.lengths) for part in parts], np.int64))
    rows = np.concatenate([part.rows + base for part, base in zip(parts, bases.tolist(), strict=False)])
    lengths, told_apart, order = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("lengths", "digests", "order")
    )
    parts.clear()
    return Strings(file, lengths, told_apart, order, rows)


def settled(of: Strings) -> Settled:
    """Return the strings in the order of the alphabet."""
    first = firsts(of.digests)
    kept = first == np.arange(len(first))
    chosen = np.flatnonzero(kept)
    order = chosen[alphabetical(letters_of(of), offsets_of(of.lengths)[chosen], of.lengths[chosen])]
    ranks = np.empty(len(first), np.int32)
    ranks[order] = np.arange(len(order))
    return Settled(kept, ranks[chosen], ranks[first[of.rows]], of.order[order])


def letters_of(of: Strings) -> NDArray[np.uint8]:
    """Return the letters of all strings, mapped."""
    assert not isinstance(of.letters, bytes)
    of.letters.flush()
    return np.memmap(of.letters, np.uint8, "r") if of.lengths.any() else np.zeros(0, np.uint8)


def counted(of: Strings, seed: int) -> Strings:
    """Return a string for each row: the 1 at the end of its own becomes the number of rows so far that have it."""
    first = firsts(of.digests)[of.rows]
    by = np.argsort(first, kind="stable")
    new = np.ones(len(by), np.bool_)
    new[1:] = np.diff(first[by]) != 0
    seen = np.empty_like(by)
    seen[by] = np.arange(len(by)) - np.flatnonzero(new)[np.cumsum(new) - 1] + 1
    again = np.flatnonzero(seen > 1)
    letters, starts = letters_of(of), offsets_of(of.lengths)
    more = [
        letters[starts[string] : starts[string + 1] - 1].tobytes() + b"%d" % number
        for string, number in zip(first[again].tolist(), seen[again].tolist(), strict=True)
    ]
    assert not isinstance(of.letters, bytes)
    of.letters.seek(0, 2)
    of.letters.write(b"".join(more))
    rows = of.rows.copy()
    rows[again] = len(of.lengths) + np.arange(len(again), dtype=np.int32)
    lengths = np.concatenate([of.lengths, np.fromiter(map(len, more), np.int64, len(more))])
    told_apart = np.concatenate([of.digests, digests(more)])
    return Strings(of.letters, lengths, told_apart, np.concatenate([of.order, seeded(more, seed)]), rows)


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
