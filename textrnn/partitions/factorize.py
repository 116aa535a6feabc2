"""Numbers that stand for texts and words, so that the parts of a corpus are joined without their strings.

A text becomes a digest of 128 bits. Two different texts among ten million share a digest with a probability of
10^14 / 2^129, or 10^-25. A word becomes a code, numbered in the order in which the words of a part first occur.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from hashlib import blake2b, sha256
from itertools import chain, count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import gathered, offsets_of

Digests = NDArray[np.uint64]  # of shape (texts, 2)


class Factorized(NamedTuple):
    """Texts as codes: text i is the next `lengths[i]` of `codes`, which are indices into `words`."""

    words: list[str]  # distinct
    codes: NDArray[np.int64]  # flat
    lengths: NDArray[np.int64]  # of each text, in words


def digests(texts: Iterable[bytes]) -> Digests:
    """Return the digest of each text."""
    return as_numbers(blake2b(text, digest_size=16).digest() for text in texts)


def seeded(texts: Iterable[bytes], seed: int) -> Digests:
    """Return a digest of each text whose order is another one for each seed."""
    return as_numbers(sha256(b"%d\t%s" % (seed, text)).digest()[:16] for text in texts)


def as_numbers(found: Iterable[bytes]) -> Digests:
    """Return digests of 16 bytes as pairs of numbers, which compare as the bytes do."""
    return np.frombuffer(b"".join(found), ">u8").reshape(-1, 2).astype(np.uint64)


def distinct(*columns: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each distinct row of some columns first occurs, in the order of the rows, and each one's number."""
    order = np.lexsort(columns[::-1])  # stable: equal rows stay in their order
    new = np.zeros(len(order), np.bool_)
    new[:1] = True
    for column in columns:
        new[1:] |= column[order[1:]] != column[order[:-1]]
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(new) - 1
    return order[new], numbers


def factorize(texts: Iterable[str], cut: Callable[[str], list[str]]) -> Factorized:
    """Cut the texts into words and return them as codes.

    `cut` must treat what stands between white space as if it stood alone: it is called once for each distinct piece.
    """
    piece_codes, word_codes = new_codes(), new_codes()
    pieces = [text.split() for text in texts]
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    flat = encode(chain.from_iterable(pieces), piece_codes)
    cuts = list(map(cut, piece_codes))
    offsets = offsets_of(np.fromiter(map(len, cuts), np.int64, len(cuts)))
    codes, ends = gathered(encode(chain.from_iterable(cuts), word_codes), offsets, flat)
    return Factorized(list(word_codes), codes, np.diff(ends[offsets_of(lengths)]))


def new_codes() -> defaultdict[str, int]:
    """Return an empty dictionary that gives each new word the next code when it is looked up."""
    return defaultdict(count().__next__)


def encode(words: Iterable[str], codes: defaultdict[str, int]) -> NDArray[np.int64]:
    """Return the code of each word. New words are added to `codes`."""
    return np.fromiter(map(codes.__getitem__, words), np.int64)
