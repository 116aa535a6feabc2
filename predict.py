"""Classify messages with the trained model: a message a line in, its label and probability a line out.

The probability is that of the positive label (evaluate.positive_label). Messages are answered in
order, and as soon as they come.

Run     python predict.py "Call now to claim your prize" "see you at 8"
        python predict.py --input messages.txt --format tsv
        tail -f messages.txt | python predict.py --input - --format jsonl
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from textrnn import interrupt

if __name__ == "__main__":
    interrupt.ends_at_once()  # before what takes long to load

from textrnn import inference, paths
from textrnn.cells import cell
from textrnn.errors import UserError, printable, run

WIDTH = 60  # characters of a message in a table
TOGETHER = 256  # messages classified at once when they come from a file


class Answer(NamedTuple):
    """What is said of one message."""

    label: str
    probability: float
    text: str


def classify(model: inference.Model, positive: int, threshold: float, texts: list[str]) -> list[Answer]:
    """Return an answer for each text, in order."""
    probabilities = inference.probabilities(model, [inference.clean(model, text) for text in texts])
    chosen = inference.answers(probabilities, positive, threshold)
    return [
        Answer(model.settings.labels[label], row[positive], text)
        for label, row, text in zip(chosen, probabilities.tolist(), texts, strict=True)
    ]


def messages(source: str) -> Iterator[list[str]]:
    """Yield the lines of a file in lists, or those of standard input (`-`) one by one as they come."""
    try:
        with (
            sys.stdin.buffer if source == "-" else Path(source).open("rb") as raw,
            io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="\n") as file,
        ):
            lines = (line.rstrip("\r\n") for line in file)
            while some := list(islice(lines, 1 if source == "-" else TOGETHER)):
                yield some
    except IsADirectoryError:
        raise UserError(f"expected a file of messages, a line each, at {source}, found a directory") from None


def written(answers: Iterable[Answer], style: str) -> Iterator[str]:
    """Yield a line for each answer: `table` and `tsv` begin with label and probability."""
    for answer in answers:
        label, probability, text = printable(answer.label), answer.probability, printable(answer.text)
        if style == "jsonl":
            yield json.dumps(answer._asdict(), ensure_ascii=True)
        elif style == "tsv":
            yield f"{label}\t{probability:.6f}\t{cell(answer.text)}"
        else:
            yield f"{label:<10} {probability:7.4f}  {text if len(text) <= WIDTH else text[: WIDTH - 1] + '…'}"


def arguments() -> argparse.Namespace:
    """Return the command line, checked."""
    parser = argparse.ArgumentParser(description="Classify messages with the trained model.")
    parser.add_argument("text", nargs="*", metavar="TEXT", help="a message")
    parser.add_argument("--input", metavar="FILE", help="a file with a message a line; - for standard input")
    parser.add_argument("--format", choices=("table", "tsv", "jsonl"), default="table", help="of the output")
    parser.add_argument("--model", type=Path, default=paths.MODEL, metavar="DIR", help="default: model/")
    given = parser.parse_args()
    given.text = [os.fsencode(text).decode("utf-8", errors="replace") for text in given.text]
    if bool(given.text) == bool(given.input):
        parser.error('expected messages or --input, one of the two: python predict.py "Call now to win"')
    return given


def main() -> None:
    """Classify what the command line names."""
    given = arguments()
    model = inference.load(given.model)
    positive, threshold = inference.decision(given.model, model.settings.labels)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a terminal or a pipe, never None here
    try:
        for texts in [given.text] if given.text else messages(given.input):
            for line in written(classify(model, positive, threshold, texts), given.format):
                print(line)
            sys.stdout.flush()
    except OSError as error:  # at its end Python would try once more to write what is left, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # `| head` has seen enough
            raise


if __name__ == "__main__":
    sys.exit(run(main))
