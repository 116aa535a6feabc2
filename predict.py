"""Classify messages with the trained model: a message a line in, its label and probability a line out.

The probability is that of the positive label (evaluate.positive_label). Messages are answered in
order, and as soon as they come; those of a fast stream together, and those of a long one by several processes.

Run     python predict.py "Call now to claim your prize" "see you at 8"
        python predict.py --input messages.txt --format tsv
        tail -f messages.txt | python predict.py --input - --format jsonl
"""

import argparse
import codecs
import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from textrnn import interrupt

if __name__ == "__main__":
    interrupt.ends_at_once()  # before what takes long to load

from textrnn import inference, paths, workers
from textrnn.cells import cell
from textrnn.errors import UserError, printable, run

WIDTH = 60  # characters of a message in a table
READ = 1 << 17  # bytes of messages that are read, and classified, at once
ALONE = 4_000  # messages from which on several processes answer: they take half a second to start


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


@contextmanager
def opened(source: str) -> Iterator[BinaryIO]:
    """Open a file, or standard input (`-`), without a buffer: what has been read is in no other place than here."""
    try:
        with open(sys.stdin.fileno(), "rb", 0, closefd=False) if source == "-" else Path(source).open("rb", 0) as raw:
            yield raw
    except IsADirectoryError:
        raise UserError(f"expected a file of messages, a line each, at {source}, found a directory") from None


def messages(raw: BinaryIO) -> Iterator[list[str] | None]:
    """Yield the lines that each read has completed, or None: of a pipe those that are waiting."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    begun: list[str] = []  # the parts of a line without its end
    while part := raw.read(READ):
        first, *others = decoder.decode(part).split("\n")
        begun.append(first)
        if others:
            *whole, last = "".join(begun), *others
            yield [line.rstrip("\r\n") for line in whole]
            begun = [last]
        else:
            yield None
    if last := "".join(begun) + decoder.decode(b"", final=True):
        yield [last.rstrip("\r\n")]


@cache
def answerer(directory: Path, style: str) -> Callable[[list[str]], str]:
    """Return a function of texts to what is printed of them, by the model in `directory`."""
    model = inference.load(directory)
    positive, threshold = inference.decision(directory, model.settings.labels)

    def answered(texts: list[str]) -> str:
        return "".join(f"{line}\n" for line in written(classify(model, positive, threshold, texts), style))

    return answered


def answered_by(directory: Path, style: str, texts: list[str]) -> str:
    """Return what is printed of the texts, in a process which loads the model when the first of them come."""
    return answerer(directory, style)(texts)


def streamed(answered: Callable[[list[str]], str], given: argparse.Namespace) -> Generator[str, None, None]:
    """Yield what is printed of the messages of a file or of standard input."""
    count = 0
    with opened(given.input) as raw:
        lists = messages(raw)
        for texts in lists:
            if texts:
                yield answered(texts)
                count += len(texts)
            if count >= ALONE and workers.processors() > 1:
                yield from workers.mapped(partial(answered_by, given.model, given.format), lists, raw)


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
    answered = answerer(given.model, given.format)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a terminal or a pipe, never None here
    try:
        with closing(streamed(answered, given)) if given.input else nullcontext([answered(given.text)]) as said:
            for lines in said:
                sys.stdout.write(lines)
                sys.stdout.flush()
    except OSError as error:  # at its end Python would try once more to write what is left, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # `| head` has seen enough
            raise


if __name__ == "__main__":
    sys.exit(run(main))
