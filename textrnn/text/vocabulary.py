"""The vocabulary: the known tokens, and the number of each."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from textrnn.core.files import read_table, replacing
from textrnn.core.params import Section
from textrnn.text.tokenizers import Tokenizer

UNKNOWN = 0  # the id of a token too rare to keep, and of padding


class Vectorize(Section):
    """Section `vectorize` of params.yaml."""

    tokenizer: Tokenizer
    min_word_frequency: int = Field(ge=0)
    max_sequence_length: int = Field(ge=1, le=10_000)


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return the tokens with their counts, by falling count and then by token."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def write_counts(path: Path, counts: Iterable[tuple[str, int]]) -> None:
    """Write a `token<TAB>count` line for each token: its zero-based line is its id."""
    with replacing(path) as file:
        for token, count in counts:
            file.write(f"{token}\t{count}\n".encode())


def read_tokens(path: Path) -> list[str]:
    """Return the tokens of a file that `write_counts` wrote, in order."""
    return [token for token, _ in read_table(path)]
