"""Another processor's caches: Eigen cuts matrix products by the sizes that the processor tells, as TensorFlow starts.

A sum that is cut elsewhere is rounded otherwise, so that bits that hang on a cut hang on the processor.

Run     python -m tests.caches     prints the hashes of a long product, and of a network's variables
"""

import ctypes
import hashlib
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.configs import rows_of, small
from textrnn.model.runtime import deterministic, one_thread, tf
from textrnn.training.batches import Collator
from textrnn.training.trainer import Trainer

SIZES = struct.Struct("<3q")  # of the first, second and third cache, in bytes: Eigen's CacheSizes
KILO = 1024
# Of an Intel server and of a small old processor: kB of the first, second and third cache.
PROCESSORS = [(48, 2048, 266240), (32, 256, 3072)]
FIRST, SECOND = 188, 191  # _SC_LEVEL1_DCACHE_SIZE and _SC_LEVEL2_CACHE_SIZE of glibc, which Python has no names for


def places() -> list[int]:
    """Return where in memory TensorFlow keeps the sizes, once it has multiplied: there are several copies."""
    first, second = (os.sysconf(name) for name in (FIRST, SECOND))
    found, name = [], ""
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        start, end, access, mapped = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line).groups()  # type: ignore[union-attr]
        name = mapped or name  # what is not mapped from a file follows what belongs to it
        if access != "rw-p" or "libtensorflow" not in name:
            continue
        memory, place = ctypes.string_at(int(start, 16), int(end, 16) - int(start, 16)), -1
        while (place := memory.find(struct.pack("<2q", first, second), place + 1)) >= 0:
            found.append(int(start, 16) + place)
    return found


@contextmanager
def caches(first: int, second: int, third: int) -> Iterator[None]:
    """Let TensorFlow multiply as on a processor with caches of these sizes, in kB."""
    known = {place: ctypes.string_at(place, SIZES.size) for place in places()}
    assert known, "expected the sizes of the caches in TensorFlow's memory, found them nowhere"
    for place in known:
        ctypes.memmove(place, SIZES.pack(first * KILO, second * KILO, third * KILO), SIZES.size)
    try:
        yield
    finally:
        for place, sizes in known.items():
            ctypes.memmove(place, sizes, SIZES.size)


def product() -> str:
    """Return a hash of a product whose sums are long."""
    random = np.random.default_rng(0)
    left, right = (tf.constant(random.normal(size=(1300, size)), tf.float32) for size in (64, 192))
    return hashlib.sha256(tf.matmul(left, right, transpose_a=True).numpy().tobytes()).hexdigest()


def main() -> None:
    """Multiply, and train for two steps on long rows of the default's size, with the caches of each of PROCESSORS."""
    one_thread()  # as an ensemble's member is trained
    deterministic(0)
    config = small(units=64, embedding_size=64, bidirectional=True, pooling="mean_max", batch_size=64)
    random = np.random.default_rng(0)
    rows = rows_of([random.integers(1, 50, 30).tolist() for _ in range(128)], [0, 1] * 64)
    collator = Collator(np.arange(50, dtype=np.int32), None, 30, masking=True)
    trainer = Trainer(config, 50, 2)
    product()  # TensorFlow looks for the sizes when it first multiplies
    first, products, networks = trainer.state(), [], []
    for sizes in PROCESSORS:
        with caches(*sizes):
            trainer.restore(first)
            trainer.fit_rows(rows, collator, 1, (0,))
            products.append(product())
        state = b"".join(values.tobytes() for values in trainer.state().values())
        networks.append(hashlib.sha256(state).hexdigest())
    print(*products)
    print(*networks)


if __name__ == "__main__":
    main()
