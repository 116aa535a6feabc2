"""128-bit digests stand for texts: millions are compared without holding the texts in memory.

Two different texts among ten million share a digest with a probability of 10^14 / 2^129, or 10^-25.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Digests = NDArray[np.uint64]  # of shape (texts, 2)


def digests(texts: Iterable[bytes]) -> Digests:
    """Return the digest of each text."""
    return as_digests(b"".join(blake2b(text, digest_size=16).digest() for text in texts))


def as_digests(joined: bytes) -> Digests:
    """Return concatenated digests of 16 bytes as pairs of numbers, which compare as the bytes do."""
    return np.frombuffer(joined, ">u8").reshape(-1, 2).astype(np.uint64)


def first_occurrence(of: Digests) -> NDArray[np.int64]:
    """Return, for each text, the index of the first text that equals it: its own index if there is none before."""
    order = np.lexsort((of[:, 1], of[:, 0]))  # stable: equal digests stay in their order
    new = np.ones(len(of), np.bool_)
    for column in of.T:  # one after the other, to save memory
        new[1:] &= column[order[1:]] == column[order[:-1]]
    new[1:] = ~new[1:]
    result = np.empty(len(of), np.int64)
    result[order] = order[new][np.cumsum(new) - 1]
    return result
