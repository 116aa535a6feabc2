"""A plain program that does what clean, vectorize and split do, in memory and in one process.

The stages must write the same.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby, pairwise, product
from operator import itemgetter

import numpy as np
from scipy.sparse.csgraph import connected_components

from textrnn.artifacts.messages import SIDES
from textrnn.cleaning.batch import Clean
from textrnn.corpus.rows import Row
from textrnn.dedup.sides import Split, quotas
from textrnn.dedup.templates import bare
from textrnn.dedup.word_sets import NEAR, NEAR_UNSPACED, SHORT
from textrnn.text.normalise import normalise
from textrnn.text.scripts import CLUSTER
from textrnn.text.vocabulary import Tokenizer, ranked, tokenize

Messages = list[tuple[str, str]]


def clean(rows: list[Row], settings: Clean) -> tuple[Messages, list[Row], int]:
    """Return the (label, text) pairs kept, the rows rejected, and the number of duplicates dropped."""
    rejected = [row for row in rows if row.reason]
    messages = [(row.label, normalise(row.text, settings.normalisation)) for row in rows if not row.reason]
    if settings.duplicates == "keep":
        return messages, rejected, 0
    first = {text: label for label, text in reversed(messages)}
    kept = [(first[text], text) for text in dict.fromkeys(text for _, text in messages)]
    return kept, rejected, len(messages) - len(kept)


def vocabulary(texts: list[str], tokenizer: Tokenizer) -> list[tuple[str, int]]:
    """Return the tokens with their counts, by falling count and then by token."""
    return ranked(Counter(token for text in texts for token in tokenize(text, tokenizer)))


def ids(texts: list[str], tokenizer: Tokenizer) -> list[list[int]]:
    numbers = {token: number for number, (token, _) in enumerate(vocabulary(texts, tokenizer))}
    return [[numbers[token] for token in tokenize(text, tokenizer)] for text in texts]


def template(text: str) -> str:
    """Return what is left of the text as a whole, or else the text itself."""
    return bare(text) or text


def unspaced(unit: str) -> bool:
    return re.match(CLUSTER, unit) is not None


def units(name: str) -> frozenset[str]:
    """Return the words of a template, and the pairs of neighbours where there are no blanks."""
    tokens = re.findall(rf"\s+|{CLUSTER}|(?:(?!{CLUSTER})\S)+", name)
    kinds = ["space" if one.isspace() else "unspaced" if unspaced(one) else "word" for one in tokens]
    found = set()
    for kind, run in groupby(zip(kinds, tokens, strict=True), key=itemgetter(0)):
        some = [token for _, token in run]
        if kind == "unspaced" and len(some) > 1:
            found |= {one + other for one, other in pairwise(some)}
        elif kind != "space":
            found.add(some[0])
    return frozenset(found)


def near_duplicate_keys(texts: Iterable[str]) -> list[str]:
    """Return a key for each text: of its near-duplicates' templates, the first in alphabetical order."""
    templates = [template(text) for text in texts]
    names = sorted(set(templates))
    sets = [units(name) for name in names]
    loose = [2 * sum(map(unspaced, one)) > len(one) <= SHORT for one in sets]
    near = np.zeros((len(names), len(names)), np.bool_)
    for one, other in product(range(len(names)), repeat=2):
        shared, least = len(sets[one] & sets[other]), NEAR_UNSPACED if loose[one] and loose[other] else NEAR
        near[one, other] = shared > 0 and 100 * shared >= least * len(sets[one] | sets[other])
    groups = connected_components(near)[1].tolist()
    first = dict(zip(groups[::-1], names[::-1], strict=True))  # the first name of a group is the one that stays
    keys = {name: first[group] for name, group in zip(names, groups, strict=True)}
    return [keys[name] for name in templates]


def group_keys(messages: Messages, keep_together: str) -> list[str]:
    """Return a key for each (label, text): rows with the same key belong together."""
    texts = [text for _, text in messages]
    if keep_together != "none":
        return near_duplicate_keys(texts) if keep_together == "templates" else texts
    before = (messages[: row + 1].count(message) for row, message in enumerate(messages))
    return [f"{label}\t{text}\t{count}" for (label, text), count in zip(messages, before, strict=True)]


def sides(messages: Messages, settings: Split) -> list[str]:
    """Return the side of each row."""
    names = sorted({label for label, _ in messages})
    labels = np.array([names.index(label) for label, _ in messages], np.int16)
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(group_keys(messages, settings.keep_together)):
        members[key].append(row)
    strata: defaultdict[int, list[str]] = defaultdict(list)
    for key, rows in members.items():
        counts = Counter(labels[rows].tolist())
        strata[min(counts, key=lambda label: (-counts[label], label))].append(key)
    sizes = [sum(len(members[key]) for key in strata[label]) for label in sorted(strata)]
    wanted = {"test": quotas(sizes, settings.test_share), "validation": quotas(sizes, settings.validation_share)}
    result = [""] * len(messages)
    for place, label in enumerate(sorted(strata)):
        room = {side: wanted[side][place] for side in wanted} | {"train": len(messages)}
        for key in sorted(strata[label], key=lambda key: (seeded_hash(settings.seed, key), key)):
            side = next(side for side in SIDES if room[side] >= len(members[key]))
            room[side] -= len(members[key])
            for row in members[key]:
                result[row] = side
    return result


def seeded_hash(seed: int, key: str) -> bytes:
    """Return 32 bytes that order the keys differently for each seed."""
    return hashlib.sha256(f"{seed}\t{key}".encode()).digest()


def twins(texts: list[str], of_rows: list[str]) -> dict[str, int]:
    """Return how many test rows share a text, a template or a near-duplicate with a row outside the test part."""
    notions = {
        "same_text": texts,
        "same_template": [template(text) for text in texts],
        "near_template": near_duplicate_keys(texts),
    }

    def elsewhere(keys: list[str]) -> int:
        outside = {key for key, side in zip(keys, of_rows, strict=True) if side != "test"}
        return sum(key in outside for key, side in zip(keys, of_rows, strict=True) if side == "test")

    return {name: elsewhere(keys) for name, keys in notions.items()}
