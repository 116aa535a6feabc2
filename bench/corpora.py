"""Invented corpora of any size: lines of `label<TAB>text` like those of the SMS Spam Collection.

Like the real messages, they have lognormal lengths; words that follow the law of Zipf and Mandelbrot, with a tail that
falls faster beyond a few thousand words, so that the vocabulary grows with about the 0.6th power of the corpus (Heaps'
law); exact duplicates; messages that fill in a template again or change a word in ten; and spam with prices, numbers,
links and capitals. Words are made of syllables.

Run     python -m bench.corpora ROWS FILE [--seed 0]
"""

import argparse
import random
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.core.errors import run
from textrnn.core.files import replacing

CHUNK = 20_000  # messages generated at a time
POOL = 20_000  # earlier messages that may be duplicated

SPAM = 0.13
DUPLICATES = 0.07
NEAR = 0.05
WORDS = {"ham": (2.5, 0.62), "spam": (3.0, 0.3)}  # mean and deviation of the logarithm of a message's number of words
MOST_WORDS = 150

HEAD = 2_500  # the most common words, with frequencies (rank + SHIFT)^-1 (Zipf and Mandelbrot)
SHIFT = 2.7
TAIL = 1.8  # exponent of the words after those

# Shares of the words in a message that are replaced.
ODD = {
    "ham": {"number": 0.02, "price": 0.003, "link": 0.001, "capitals": 0.01, "contraction": 0.01},
    "spam": {"number": 0.08, "price": 0.04, "link": 0.015, "capitals": 0.08, "contraction": 0.005},
}
MARKS = (*[""] * 84, *["."] * 5, *[","] * 4, *["!"] * 2, *["?"] * 2, "...", "!!", " :)")

ONSETS = ("b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "st", "tr")
VOWELS = ("a", "e", "i", "o", "u")
SYLLABLES = tuple(onset + vowel for onset in ONSETS for vowel in VOWELS)
FIGURES = re.compile(r"\d+|(?<=www\.)\w+")  # what changes if a template is filled in again


class Message(NamedTuple):
    """A label and a text."""

    label: str
    text: str


@cache
def head() -> NDArray[np.float64]:
    """Return the cumulative frequencies of the first HEAD words, and then of all others together."""
    weights = 1 / (np.arange(1, HEAD + 1) + SHIFT)
    rest = (HEAD + SHIFT) * weights[-1] / (TAIL - 1)  # the integral of the tail
    return np.asarray(np.cumsum([*weights, rest]) / (weights.sum() + rest))


def ranks(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Draw words, as ranks: 0 is the most common word."""
    drawn = np.searchsorted(head(), rng.random(count))
    beyond = drawn >= HEAD
    drawn[beyond] = np.minimum(HEAD * rng.random(int(beyond.sum())) ** (-1 / (TAIL - 1)), 2**50)
    return drawn


def spelled(rank: int) -> str:
    """Return the word of a rank. Common words are shorter, and no two words are the same."""
    word = ""
    number = rank + 1
    while number:
        number, place = divmod(number - 1, len(SYLLABLES))
        word += SYLLABLES[place]
    return word


def odd(kind: str, word: str, chance: random.Random) -> str:
    """Return a number, a price, a link or another form of the word, to replace it."""
    if kind == "number":
        return str(chance.randrange(10 ** chance.choice((1, 2, 4, 5, 11))))
    if kind == "price":
        return f"£{chance.randrange(1, 2000)}{chance.choice(('', '', '.50', '.99'))}"
    if kind == "link":
        return f"www.{word}.example/{chance.randrange(1000)}"
    return word.upper() if kind == "capitals" else f"{word}'{chance.choice('st')}"


def fresh(rng: np.random.Generator, chance: random.Random, count: int) -> Iterator[Message]:
    """Yield messages that are no duplicates."""
    labels = np.where(rng.random(count) < SPAM, "spam", "ham").tolist()
    means, deviations = np.array([WORDS[label] for label in labels]).T
    lengths = np.clip(rng.lognormal(means, deviations), 1, MOST_WORDS).astype(int).tolist()
    drawn = ranks(rng, sum(lengths))
    known, place = np.unique(drawn, return_inverse=True)
    spellings = [spelled(rank) for rank in known.tolist()]
    words = [spellings[number] for number in place.tolist()]
    marks = rng.integers(len(MARKS), size=len(words)).tolist()
    luck = rng.random(len(words)).tolist()
    start = 0
    for label, length in zip(labels, lengths, strict=True):
        message = words[start : start + length]
        shares = ODD[label]
        most = sum(shares.values())
        for at in range(length):
            if luck[start + at] < most:
                kind = chance.choices(list(shares), list(shares.values()))[0]
                message[at] = odd(kind, message[at], chance)
            message[at] += MARKS[marks[start + at]]
        if luck[start] > most + 0.2:
            message[0] = message[0].capitalize()
        start += length
        yield Message(label, " ".join(message))


def near(message: Message, chance: random.Random) -> Message:
    """Return a near-duplicate: with other numbers if the message has any, else with one word in ten changed."""
    text = FIGURES.sub(lambda found: other(found.group(), chance), message.text)
    if text == message.text:
        words = text.split(" ")
        for _ in range(max(1, len(words) // 10)):
            words[chance.randrange(len(words))] = spelled(chance.randrange(HEAD))
        text = " ".join(words)
    return Message(message.label, text)


def other(figures: str, chance: random.Random) -> str:
    """Return another number with as many digits, or another name."""
    if figures.isdigit():
        return str(chance.randrange(10 ** len(figures))).zfill(len(figures))
    return spelled(chance.randrange(10**6))


def messages(rows: int, seed: int) -> Iterator[Message]:
    """Yield `rows` messages. A smaller corpus with the same seed is the beginning of a larger one."""
    rng = np.random.default_rng(seed)
    chance = random.Random(seed)  # noqa: S311  # no secret
    pool: list[Message] = []
    for start in range(0, rows, CHUNK):
        made = fresh(rng, chance, CHUNK)
        for luck, _ in zip(rng.random(CHUNK).tolist(), range(rows - start), strict=False):
            if len(pool) > 100 and luck < DUPLICATES + NEAR:
                message = chance.choice(pool)
                yield message if luck < DUPLICATES else near(message, chance)
                continue
            message = next(made)
            yield message
            if len(pool) < POOL:
                pool.append(message)
            elif luck > 0.9:
                pool[chance.randrange(POOL)] = message


def write_corpus(path: Path, rows: int, seed: int) -> None:
    """Write a corpus of `rows` messages."""
    with replacing(path) as file:
        for label, text in messages(rows, seed):
            file.write(f"{label}\t{text}\n".encode())


def main() -> None:
    """Write the corpus that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.corpora", description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, metavar="ROWS", help="how many messages")
    parser.add_argument("file", type=Path, metavar="FILE", help="where to write them")
    parser.add_argument("--seed", type=int, default=0, help="of the random generator (default: 0)")
    options = parser.parse_args()
    write_corpus(options.file, options.rows, options.seed)


if __name__ == "__main__":
    sys.exit(run(main))
