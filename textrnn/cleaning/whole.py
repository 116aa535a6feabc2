"""Clean a corpus of listed files: workers read them, a file each, and leave what they have cleaned for the stage."""

import pickle
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from textrnn.cleaning.batch import Clean, Cleaned, cleaned
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.corpus.readers import Seen, Whole, of_whole
from textrnn.partitions.exchange import Left, leave, read, remove_files, shared, slices_of
from textrnn.partitions.execute import map_ordered


def in_order(files: Iterable[Whole], chosen: Clean) -> Iterator[Cleaned]:
    """Yield the batches of the files in their order, one of which is in memory at a time."""
    files = list(files)
    with shared(paths.MESSAGES.parent) as folder:
        work = partial(cleaned_file, chosen=chosen, folder=folder)
        results = map_ordered(work, [file._replace(found=None) for file in files], long=True)
        for file, (left, digests, seen) in zip(files, results, strict=True):
            for one in seen:
                file.found(one) if file.found else None
            for bucket, digest in enumerate(digests):
                raw = read(slices_of([left], bucket)[0], np.uint8).tobytes()
                if blake2b(raw).digest() != digest:  # whoever could write to the bucket could run code here
                    raise UserError(f"expected what a worker left in {left.path}, found other bytes")
                yield pickle.loads(raw)  # noqa: S301
            remove_files([left.path])


def cleaned_file(file: Whole, chosen: Clean, folder: str) -> tuple[Left, list[bytes], list[Seen]]:
    """Leave the cleaned batches of a file, a slice each. Returns their hashes and what was found out, too."""
    seen, digests = list[Seen](), list[bytes]()

    def slices() -> Iterator[NDArray[np.uint8]]:
        for batch in of_whole(file, seen.append):
            raw = pickle.dumps(cleaned(batch, chosen))
            digests.append(blake2b(raw).digest())
            yield np.frombuffer(raw, np.uint8)

    return leave(folder, slices()), digests, seen
