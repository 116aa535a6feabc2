"""The parameters that say how a corpus is read, which several stages and tools look at."""

from typing import Literal

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


def reading_of(clean: Reading, split: Parts) -> readers.Settings:
    """Return how a corpus is to be read."""
    wanted = Wanted(clean.label_column, clean.text_column, split.column, split.group_column, split.time_column)
    header = None if clean.header == "auto" else clean.header
    return readers.Settings(wanted, clean.format, clean.encoding, header)


class Source(Section):
    """The key of section `download` that names the corpus."""

    source: str = Field(min_length=1)


class TestSource(Section):
    """The key of section `split` that names a second corpus."""

    test_source: str | None = Field(min_length=1)
