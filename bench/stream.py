"""Endless streams of messages, the same for a seed: invented ones, and real ones with a word changed.

The invented ones are as long and as rich in words as the corpus, but their words say nothing together: a model doubts
most of them. Those of `varied` are as hard as the messages that a model meets.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from textrnn.core import paths
from textrnn.core.files import read_table

BATCH = 10_000  # messages made at once
WORDS = 17  # of a message on average; some 80 characters
NEW = 0.06  # share of the words that no model knows: names, misspellings and numbers
RECENT = 1000  # messages back from which a repeated one is taken
LETTERS = np.array(list("aaaabcdeeeeefghiiijklmnnooooprrsssttttuvwy"))


def messages(seed: int, repeated: float) -> Iterator[str]:
    """Yield messages without end; a share `repeated` of them repeats one of the last RECENT ones.

    Known words are drawn by their frequency in the model's vocabulary. Messages that repeat none are distinct, since
    each has its own number.
    """
    words, counts = zip(*read_table(paths.MODEL / "vocabulary.tsv"), strict=True)
    shares = np.array(counts, float) / np.sum(np.array(counts, float))
    random = np.random.default_rng(seed)
    recent: deque[str] = deque(maxlen=RECENT)
    number = 0
    while True:
        lengths = 2 + np.minimum(random.negative_binomial(2, 2 / WORDS, BATCH), 60)
        drawn = iter(random.choice(len(words), int(lengths.sum()), p=shares).tolist())
        for length, again in zip(lengths.tolist(), random.random(BATCH) < repeated, strict=True):
            if again and recent:
                yield recent[random.integers(len(recent))]
                continue
            parts = [invented(random) if random.random() < NEW else words[next(drawn)] for _ in range(length)]
            parts[random.integers(length)] += str(number)
            number += 1
            recent.append(" ".join(parts))
            yield recent[-1]


def invented(random: np.random.Generator) -> str:
    """Return a random word or number."""
    if random.random() < 0.3:
        return str(random.integers(10**9))
    return "".join(random.choice(LETTERS, random.integers(3, 11)))


def varied(texts: Sequence[str], seed: int) -> Iterator[str]:
    """Yield messages without end, each one of the texts with an invented word in the place of one of its words."""
    random = np.random.default_rng(seed)
    while True:
        words = texts[int(random.integers(len(texts)))].split()
        if words:
            words[random.integers(len(words))] = invented(random)
            yield " ".join(words)


def write(path: Path, count: int, stream: Iterator[str]) -> None:
    """Write `count` messages, one a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{text}\n" for text in islice(stream, count))
