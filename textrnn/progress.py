"""The progress bar of the stages."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T] | None, what: str, unit: str) -> "tqdm[T]":
    """Return `items`, counted on stderr after two seconds, and only where stderr is a terminal.

    Without items, the caller counts by `update`.
    """
    return tqdm(items, desc=what, unit=unit, unit_scale=True, delay=2, disable=None, leave=False, dynamic_ncols=True)
