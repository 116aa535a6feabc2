"""Which messages belong together: messages of one text, of one template, or near-duplicates.

The messages are read a part at a time. Arrays hold what is known of each distinct string; the strings themselves lie in
unnamed temporary files (textrnn/dedup/strings.py).
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from textrnn.artifacts.messages import columns
from textrnn.artifacts.ragged import offsets_of
from textrnn.core.progress import progress
from textrnn.dedup.near_duplicates import near_duplicates
from textrnn.dedup.strings import Narrow, StringFiles, Strings, append, column, digest_column, files, strings
from textrnn.dedup.templates import templates
from textrnn.dedup.word_sets import Ints, Sets, distinct
from textrnn.partitions.digests import Digests, digests, first_occurrence
from textrnn.partitions.execute import map_ordered
from textrnn.partitions.factorize import Factorized, encode, factorize, new_codes

ROWS = 100_000  # templates whose words are in memory at a time


# What some messages may have in common with others: their texts, their templates, what the messages of a group share if
# it is not their templates, and the words of each distinct template.
Described = tuple[Digests, Strings, Strings, Factorized]


class Groups(NamedTuple):
    """Numbers of each message: of its group, and of its text, its template and its near-duplicates."""

    numbers: Narrow  # 0 … groups - 1, in the alphabetical order of what the messages of a group share
    order: Digests  # of each group: the seeded hashes by which groups are dealt to the sides
    texts: Narrow
    templates: Narrow
    near_duplicates: Narrow  # the lowest number of the templates connected by near-duplicates


def described(lines: bytes, keep_together: str, seed: int) -> Described:
    """Describe some lines of messages.tsv."""
    text = lines.decode("utf-8")
    texts = columns(text)[1]
    keys = texts if keep_together == "duplicates" else []
    if keep_together == "none":
        keys = [f"{line}\t1" for line in text.split("\n")[:-1]]
    names, of_templates = distinct_strings(templates(texts), seed)
    cut = factorize(names, str.split)
    words, offsets = distinct(cut.codes, offsets_of(cut.lengths))
    of_texts, of_keys = digests(text.encode("utf-8") for text in texts), distinct_strings(keys, seed)[1]
    return of_texts, of_templates, of_keys, cut._replace(codes=words, lengths=np.diff(offsets))


def distinct_strings(texts: list[str], seed: int) -> tuple[list[str], Strings]:
    """Return the distinct texts in alphabetical order, and the same as Strings, with the rows that have them."""
    names = sorted(set(texts))
    codes = {name: code for code, name in enumerate(names)}
    rows = np.fromiter(map(codes.__getitem__, texts), np.int32)
    return names, strings([name.encode("utf-8") for name in names], rows, seed)


def groups(lines: Iterable[bytes], keep_together: str, seed: int, folder: Path) -> Groups:
    """Return which messages belong together. `lines` are those of messages.tsv, some at a time.

    `keep_together` says what the messages of a group share: nothing, so that each is a group of its own (none), the
    text (duplicates), or a template, that of a near-duplicate included (templates). Unnamed temporary files in `folder`
    hold what memory does not.
    """
    with files(folder, 11) as opened:
        of_words, of_templates, of_keys = opened[:3], StringFiles(opened[3:7]), StringFiles(opened[7:])
        counts = collect(lines, keep_together, seed, of_words, of_templates, of_keys)
        texts, words, lengths = of_words
        ranks, of_rows, hashes = of_templates.ranked()
        found = near_duplicates(sets_of(words, column(lengths, np.int64), counts), folder)
        near = lowest_ranks(found, ranks)[of_rows]
        del found
        of_texts = first_occurrence(digest_column(texts)).astype(np.int32)
        if keep_together == "templates":
            present, of_groups = np.unique(near, return_inverse=True)
            return Groups(of_groups.astype(np.int32), hashes[present], of_texts, of_rows, near)
        if keep_together == "none":
            of_keys.make_unique(seed)
        _, numbers, order = of_keys.ranked()
        return Groups(numbers, order, of_texts, of_rows, near)


def collect(
    lines: Iterable[bytes],
    keep_together: str,
    seed: int,
    of_words: Sequence[IO[bytes]],
    of_templates: StringFiles,
    of_keys: StringFiles,
) -> Ints:
    """Write what describes the messages, and return how often each word's code occurs in the templates.

    `of_words` gets the digests of the texts, the words of each template as codes, and how many words each has.
    """
    codes = new_codes()
    counts = np.zeros(0, np.int64)
    with progress(desc="compare", unit="message") as bar:
        work = partial(described, keep_together=keep_together, seed=seed)
        for texts, templates_of, keys, cut in map_ordered(work, lines):
            words = encode(cut.words, codes)[cut.codes]
            counts = np.pad(counts, (0, len(codes) - len(counts)))
            counts += np.bincount(words, minlength=len(codes))
            append(of_words, texts, words.astype(np.int32), cut.lengths)
            of_templates.append(templates_of)
            of_keys.append(keys)
            bar.update(len(texts))
    return counts


def lowest_ranks(found: Ints, ranks: Narrow) -> Narrow:
    """Return, for each rank, the lowest rank of all strings with the same number in `found`."""
    lowest = np.full(len(ranks), len(ranks), np.int32)
    np.minimum.at(lowest, found, ranks)
    result = np.zeros(ranks.max(initial=-1) + 1, np.int32)
    result[ranks] = lowest[found]
    return result


def sets_of(file: IO[bytes], lengths: Ints, counts: Ints) -> Sets:
    """Return the sets of words of the templates. The file holds the words' codes, which occur `counts` times."""
    file.seek(0)
    words, offsets = np.fromfile(file, np.int32), offsets_of(lengths)
    by_rarity = np.argsort(np.argsort(counts, kind="stable"))  # the new code of each word
    for start in range(0, len(lengths), ROWS):
        ends = offsets[start : start + ROWS + 1]
        some = slice(int(ends[0]), int(ends[-1]))
        words[some] = distinct(by_rarity[words[some]], ends - ends[0])[0]
    return Sets(words, offsets)
