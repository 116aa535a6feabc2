"""The progress bar of the stages: on stderr after two seconds, and only where stderr is a terminal."""

from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")

LOOK: dict[str, Any] = {"unit_scale": True, "delay": 2, "disable": None, "leave": False, "dynamic_ncols": True}


def progress(items: Iterable[T], what: str, unit: str) -> "tqdm[T]":
    """Return `items`, and count in a bar how many have been used."""
    return tqdm(items, desc=what, unit=unit, **LOOK)


def counter(what: str, unit: str) -> "tqdm[Any]":
    """Return a bar that the caller updates."""
    return tqdm(desc=what, unit=unit, **LOOK)
