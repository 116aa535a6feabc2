"""data/clean/messages.tsv: a message a line, its label, a tab, and its text as it is."""

from pathlib import Path

from textrnn.files import read_text, write_text


def write_messages(path: Path, messages: list[tuple[str, str]]) -> None:
    """Write (label, text) pairs. Labels hold neither tab nor newline, texts no newline."""
    write_text(path, "".join(f"{label}\t{text}\n" for label, text in messages))


def read_messages(path: Path) -> list[tuple[str, str]]:
    """Return the (label, text) pairs. Only the first tab of a line is a separator."""
    lines = read_text(path).split("\n")[:-1]
    return [(label, text) for label, _, text in (line.partition("\t") for line in lines)]
