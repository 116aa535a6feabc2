"""What a terminal shows: whether it does so in colour, and how many of its cells a text takes."""

import os
import shutil
import unicodedata
from typing import IO

from textrnn.core.escape import printable


def is_coloured(file: IO[str]) -> bool:
    """Return whether to write to a file in colour: to a terminal that has some, unless NO_COLOR says not to."""
    return file.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")


def width() -> int:
    """Return how many cells a line has, 80 where there is no terminal."""
    return shutil.get_terminal_size().columns


def cut(text: str, width: int) -> str:
    """Return a text of at most so many cells of a terminal, all printable."""
    text = printable(text[: width + 1]) + ("…" if len(text) > width + 1 else "")
    if cells(text) <= width:
        return text
    while cells(text) >= width:
        text = text[:-1]
    return text + "…"


def cells(text: str) -> int:
    """Return how many cells of a terminal a printable text takes: wide letters two, and marks upon letters none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(one) in ("Mn", "Me") else 1 + (unicodedata.east_asian_width(one) in "WF")
               for one in text)  # fmt: skip
