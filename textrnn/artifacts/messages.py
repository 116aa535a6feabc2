"""data/clean/messages.tsv: a line for each message, with its label, a tab, and its text as it is."""

from pathlib import Path

from textrnn.core.files import read_text


def read_messages(path: Path) -> list[tuple[str, str]]:
    """Return the (label, text) pairs. Only the first tab of a line is a separator."""
    return list(zip(*columns(read_text(path)), strict=True))


def columns(lines: str) -> tuple[list[str], list[str]]:
    """Return the labels and the texts of some lines."""
    labels, texts = [], []
    for line in lines.split("\n")[:-1]:
        label, _, text = line.partition("\t")
        labels.append(label)
        texts.append(text)
    return labels, texts
