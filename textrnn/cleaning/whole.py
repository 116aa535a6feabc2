"""Clean a corpus of listed files: a worker reads each, and leaves its batches as `cleaned` does."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from textrnn.cleaning.batch import Cleaned
from textrnn.corpus.readers import Seen, Whole, of_whole
from textrnn.partitions.execute import map_ordered


def in_order(files: Iterable[Whole], work: Callable[[Any], Cleaned], first: int, folder: Path) -> Iterator[Cleaned]:
    """Clean the batches of the files in their order, by `work`. Number `first` is the first of them in the folder."""
    files, numbers = list(files), count(first)
    items = ((f"of-{index}", file._replace(found=None)) for index, file in enumerate(files))
    results = map_ordered(partial(cleaned_file, work=work), items, long=True)
    for index, (file, (parts, seen)) in enumerate(zip(files, results, strict=True)):
        for one in seen:
            file.found(one) if file.found else None
        for place, part in enumerate(parts):  # how many the files before have is known only now
            (folder / f"cleaned.of-{index}-{place}").rename(folder / f"cleaned.{next(numbers)}")
            yield part


def cleaned_file(item: tuple[str, Whole], work: Callable[[Any], Cleaned]) -> tuple[list[Cleaned], list[Seen]]:
    """Clean the batches of a file one after the other. Returns what was found out about the file, too."""
    (name, file), seen = item, list[Seen]()
    batches = enumerate(of_whole(file, seen.append))
    return [work((f"{name}-{place}", batch)) for place, batch in batches], seen
