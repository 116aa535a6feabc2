"""The progress bar of the stages."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], what: str, unit: str, total: int | None = None) -> "tqdm[T]":
    """Return `items`, counted on stderr after two seconds, and only where stderr is a terminal."""
    return tqdm(items, desc=what, unit=unit, total=total, delay=2, disable=None, leave=False, dynamic_ncols=True)
