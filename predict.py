"""Classify messages with the trained model: a message a line in, its label and probability a line out.

The probability is that of the positive label (evaluate.positive_label). Messages are answered in
order, and as soon as they come; those of a fast stream together, and those of a long one by several processes.

Run     python predict.py "Call now to claim your prize" "see you at 8"
        python predict.py --help
"""

import argparse
import os
import sys
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import get_args

from textrnn.core import interrupt

if __name__ == "__main__":
    interrupt.ends_at_once()  # before what takes long to load

from textrnn.cli import reader, terminal, writer
from textrnn.cli.columns import Kind
from textrnn.cli.writer import Answer, Look
from textrnn.core import paths, process_pool
from textrnn.core.errors import run
from textrnn.inference import predictor

READ = 1 << 17  # bytes of messages that are read, and classified, at once
ALONE = 4_000  # messages from which on several processes answer: they take half a second to start
TOKENS = 25  # times as long an explained message takes: it is read once more without each of its tokens

MORE = """\
columns:
  label        the answer: the positive label if its probability reaches the model's threshold, else the other one; of
               more than two labels the likeliest
  probability  of the positive label, evaluate.positive_label in params.yaml, whatever the answer
  explanation  with --explain: by how much the log-odds of the positive label (of more than two: of the answer) fall
               when a token is taken out. In a table the strongest tokens, and below them the text in colours: orange
               for the label, blue against it, none if NO_COLOR is set. In tsv token=weight, the strongest first; in
               jsonl [token, weight], in the order of the text
  text         the message; in table and tsv with escapes for what could steer a terminal, in a table cut short

examples:
  python predict.py "Call now to claim your prize" "see you at 8"
  python predict.py --explain "Call now to claim your prize"
  python predict.py --input messages.csv --column message > answers.tsv
  tail -f messages.txt | python predict.py --input - --format jsonl

exit code: 0, 1 after an error that one line tells, 2 for a wrong command line, 130 when interrupted
"""


def classify(
    model: predictor.Model, positive: int, threshold: float, texts: list[str], explain: bool = False
) -> list[Answer]:
    """Return an answer for each text, in order."""
    labels, cleaned = model.settings.labels, [predictor.clean(model, text) for text in texts]
    probabilities = predictor.probabilities(model, cleaned)
    chosen = predictor.answers(probabilities, positive, threshold).tolist()
    found = [
        Answer(labels[one], row[positive], text)
        for one, row, text in zip(chosen, probabilities.tolist(), texts, strict=True)
    ]
    if not explain:
        return found
    from textrnn.inference.explain import parts  # noqa: PLC0415  # seldom asked for

    explained = chosen if len(labels) > 2 else [positive] * len(texts)
    return [
        one._replace(pieces=writer.in_pieces(text, parts(model, text, label)))
        for one, text, label in zip(found, cleaned, explained, strict=True)
    ]


@cache
def answerer(directory: Path, look: Look) -> tuple[str, Callable[[list[str]], str]]:
    """Return what stands above the answers of the model in `directory`, and a function of texts to what is written."""
    model = predictor.load(directory)
    positive, threshold = predictor.decision(directory, model.settings.labels)
    look = look._replace(labels=tuple(model.settings.labels), positive=model.settings.labels[positive])

    def answered(texts: list[str]) -> str:
        return "".join(writer.written(classify(model, positive, threshold, texts, look.explained), look))

    return writer.header(look), answered


def answered_by(directory: Path, look: Look, texts: list[str]) -> str:
    """Return what is written of the texts, in a process which loads the model when the first of them come."""
    _, answered = answerer(directory, look)
    return answered(texts)


def streamed(directory: Path, look: Look, source: reader.Source) -> Generator[str, None, None]:
    """Yield what is written of the messages of a file or of standard input."""
    count, times = 0, TOKENS if look.explained else 1
    failures: list[Exception] = []
    with reader.opened(source) as raw:
        lists = reader.until_failure(reader.messages(raw, source, READ // times), failures)
        for texts in lists:
            if texts:
                yield answered_by(directory, look, texts)
                count += len(texts)
            if count >= ALONE // times and process_pool.processors() > 1:
                yield from process_pool.mapped(partial(answered_by, directory, look), lists, raw)
    if failures:
        raise failures[0]


def arguments() -> argparse.Namespace:
    """Return the command line, checked."""
    parser = argparse.ArgumentParser(
        description="Classify messages with the trained model.",
        epilog=MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="a message")
    add("--input", metavar="FILE", help="a file of messages; - for standard input")
    add(
        "--kind",
        choices=get_args(Kind),
        help="how the input is read: a message a line, or a column of tsv (quotes are "
        "data), csv (RFC 4180) or jsonl (an object or a string a line); default: as the file's name ends, else lines",
    )
    add(
        "--column",
        metavar="NAME|N",
        help="the text's column: a name in the header line of csv or tsv, or a key in "
        "jsonl; or a position from 0 in csv or tsv without a header line; default: text, in tsv the last column",
    )
    add("--format", choices=get_args(writer.Format), help="of the output; default: table on a terminal, else tsv")
    add("--model", type=Path, default=paths.MODEL, metavar="DIR", help="default: model/")
    add("--explain", action="store_true", help=f"tell what the tokens did; takes some {TOKENS} times as long")
    given = parser.parse_args()
    given.text = [os.fsencode(text).decode("utf-8", errors="replace") for text in given.text]
    if bool(given.text) == bool(given.input):
        parser.error('expected messages or --input, one of the two: python predict.py "Call now to win"')
    if given.text and (given.kind or given.column is not None):
        parser.error("expected --kind and --column beside --input only: they say how a file is read")
    given.kind = given.kind or reader.kind_of(given.input or "")
    if given.kind == "lines" and given.column is not None:
        parser.error("expected --column beside --kind tsv, csv or jsonl, found it beside lines, which have none")
    return given


def main() -> None:
    """Classify what the command line names."""
    given = arguments()
    style: writer.Format = given.format or ("table" if sys.stdout.isatty() else "tsv")
    look = Look(style, given.explain, terminal.is_coloured(sys.stdout), terminal.width())
    header, answered = answerer(given.model, look)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a terminal or a pipe, never None here
    source = reader.Source(given.input, given.kind, given.column)
    found = closing(streamed(given.model, look, source)) if given.input else nullcontext([answered(given.text)])
    try:
        with found as said:
            for lines in said:
                sys.stdout.write(header + lines)
                sys.stdout.flush()
                header = ""
    except OSError as error:  # at its end Python would try once more to write what is left, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # `| head` has seen enough
            raise


if __name__ == "__main__":
    sys.exit(run(main))
