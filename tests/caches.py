"""Train as on processors with other caches: TensorFlow's Eigen cuts matrix products by the sizes of the caches.

A sum cut elsewhere is rounded differently. Trained weights must not depend on where Eigen cuts.

Run     python -m tests.caches CELL     prints hashes of a long product, and of a trained network's variables
"""

import ctypes
import hashlib
import os
import re
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.configs import rows_of, small
from textrnn.model.runtime import deterministic, one_thread, tf
from textrnn.training.batches import Collator
from textrnn.training.trainer import Trainer

SIZES = struct.Struct("<3q")  # bytes of the first, second and third cache, as Eigen's CacheSizes holds them
# kB of the three caches of an Intel server, an AMD server, and a small old processor.
PROCESSORS = [(48, 2048, 266240), (32, 512, 32768), (32, 256, 3072)]
FIRST, SECOND = 188, 191  # glibc's _SC_LEVEL1_DCACHE_SIZE and _SC_LEVEL2_CACHE_SIZE, which Python does not name


def places() -> list[int]:
    """Return the addresses where TensorFlow keeps the sizes once it has multiplied. There are several copies."""
    if sys.platform == "win32":
        return []
    wanted = struct.pack("<2q", os.sysconf(FIRST), os.sysconf(SECOND))
    found, name = [], ""
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        start, end, access, mapped = re.findall(r"^(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line)[0]
        name = mapped or name  # a library's anonymous memory follows its mapped file
        if access == "rw-p" and "libtensorflow" in name:
            memory = ctypes.string_at(int(start, 16), int(end, 16) - int(start, 16))
            found += [int(start, 16) + one.start() for one in re.finditer(re.escape(wanted), memory)]
    return found


@contextmanager
def caches(*sizes: int) -> Iterator[None]:
    """Let TensorFlow multiply as on a processor with caches of these sizes, in kB."""
    known = {place: ctypes.string_at(place, SIZES.size) for place in places()}
    assert known, "the sizes of the caches are nowhere in TensorFlow's memory"
    for place in known:
        ctypes.memmove(place, SIZES.pack(*(1024 * size for size in sizes)), SIZES.size)
    try:
        yield
    finally:
        for place, before in known.items():
            ctypes.memmove(place, before, SIZES.size)


def product() -> str:
    """Return a hash of a product whose sums are long."""
    random = np.random.default_rng(0)
    left, right = (tf.constant(random.normal(size=(1300, size)), tf.float32) for size in (64, 192))
    return hashlib.sha256(tf.matmul(left, right, transpose_a=True).numpy().tobytes()).hexdigest()


def main(cell: str) -> None:
    """Multiply, and take two steps on long rows at the default's size, on one thread as an ensemble's members do."""
    one_thread()
    deterministic(0)
    config = small(cell=cell, units=64, embedding_size=64, bidirectional=True, pooling="mean_max", batch_size=64)
    random = np.random.default_rng(0)
    rows = rows_of([random.integers(1, 50, 30).tolist() for _ in range(128)], [0, 1] * 64)
    collator = Collator(np.arange(50, dtype=np.int32), None, 30, masking=True)
    trainer = Trainer(config, 50, 2)
    first, products, networks = trainer.state(), [product()], []
    for sizes in PROCESSORS:
        with caches(*sizes):
            trainer.restore(first)
            trainer.fit_rows(rows, collator, 1, (0,))
            products.append(product())
        state = b"".join(array.tobytes() for array in trainer.state().values())
        networks.append(hashlib.sha256(state).hexdigest())
    print(*products)
    print(*networks)


if __name__ == "__main__":
    main(*sys.argv[1:])
