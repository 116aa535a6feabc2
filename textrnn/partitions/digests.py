"""128-bit digests stand for texts: millions are compared without holding the texts in memory.

Two different texts among ten million share a digest with a probability of 10^14 / 2^129, or 10^-25.
"""

from collections.abc import Iterable
from hashlib import blake2b, sha256

import numpy as np
from numpy.typing import NDArray

Digests = NDArray[np.uint64]  # of shape (texts, 2)


def digests(texts: Iterable[bytes]) -> Digests:
    """Return the digest of each text."""
    return as_numbers(blake2b(text, digest_size=16).digest() for text in texts)


def seeded(texts: Iterable[bytes], seed: int) -> Digests:
    """Return a digest of each text whose order is another one for each seed."""
    return as_numbers(sha256(b"%d\t%s" % (seed, text)).digest()[:16] for text in texts)


def as_numbers(found: Iterable[bytes]) -> Digests:
    """Return digests of 16 bytes as pairs of numbers, which compare as the bytes do."""
    return np.frombuffer(b"".join(found), ">u8").reshape(-1, 2).astype(np.uint64)


def distinct_digests(of: Digests) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each distinct digest first occurs, in the order of the digests, and each row's number in it."""
    order = np.lexsort((of[:, 1], of[:, 0]))  # stable: equal digests stay in their order
    new = np.ones(len(of), np.bool_)
    for column in of.T:  # one after the other, to save memory
        new[1:] &= column[order[1:]] == column[order[:-1]]
    new[1:] = ~new[1:]
    numbers = np.empty(len(of), np.int64)
    numbers[order] = np.cumsum(new) - 1
    return order[new], numbers
