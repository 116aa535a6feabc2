"""The parameters that say how a corpus is read, which several stages and tools look at."""

<<<<<<< HEAD
from pathlib import Path
from typing import Annotated, Literal
=======
from typing import Literal
>>>>>>> 1ddf44b18df87e7853f4e46bbdbc157e793d25f5

from pydantic import Field

from textrnn.core.params import Column, Section
from textrnn.corpus import readers
from textrnn.corpus.rows import Wanted


class Reading(Section):
    """The keys of section `clean` that say how files are read."""

    format: readers.Format
    encoding: str = Field(min_length=1)
    header: bool | Literal["auto"]
    label_column: Column
    text_column: Column


class Parts(Section):
    """The keys of section `split` that name columns of the corpus."""

    column: Column | None
    group_column: Column | None
    time_column: Column | None


<<<<<<< HEAD
def load(path: Path | None = None) -> readers.Settings:
    """Return what params.yaml says, or the file at `path`. Raises UserError."""
    clean, split = params.load("clean", Reading, True, path), params.load("split", Parts, True, path)
=======
def reading_of(clean: Reading, split: Parts) -> readers.Settings:
    """Return how a corpus is to be read."""
>>>>>>> 1ddf44b18df87e7853f4e46bbdbc157e793d25f5
    wanted = Wanted(clean.label_column, clean.text_column, split.column, split.group_column, split.time_column)
    header = None if clean.header == "auto" else clean.header
    return readers.Settings(wanted, clean.format, clean.encoding, header)
