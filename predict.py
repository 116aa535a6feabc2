"""Classify messages with the trained model: a message a line in, its label and probability a line out.

The probability is that of the positive label (evaluate.positive_label) or, without one, of the answer. Messages are
answered in order, each as soon as it has come; those of a fast stream are answered in batches, and those of a long one
by several processes.

Run     python predict.py "Call now to claim your prize" "see you at 8"
        python predict.py --help
"""

import argparse
import functools
import os
import shutil
import sys
from collections.abc import Generator, Iterable
from contextlib import closing, nullcontext
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import get_args

from textrnn.core.errors import end_in_one_line, run

if __name__ == "__main__":
    end_in_one_line()  # before the imports that take long

import numpy as np
from numpy.typing import NDArray

from textrnn.cli import files, reader, writer
from textrnn.cli.columns import Kind
from textrnn.cli.writer import Answer, Look
from textrnn.core import paths, process_pool
from textrnn.inference import predictor
from textrnn.inference.explain import pieces
from textrnn.text.normalise import normalise

READ = 1 << 17  # bytes of messages that are read, and classified, at once
ALONE = 4_000  # messages after which several processes answer: they take half a second to start
TOKENS = 25  # times as long an explained message takes: it is read once more without each of its tokens

MORE = """\
kinds of input:
  lines        a message a line
  tsv, csv     a column, by its name in the header line or, without one, by its
               position from 0; quotes are data in tsv, and RFC 4180's in csv
  jsonl        a string a line, or an object of which one key holds the message
               A file may be compressed (gz, bz2, xz), in any encoding, with other
               separators; Parquet and workbooks (xlsx, xls, ods) are read too

columns of the output:
  label        the answer: the positive label if its probability reaches the
               model's threshold, else the other one; of more than two labels
               the likeliest
  probability  of the positive label, evaluate.positive_label in params.yaml,
               whatever the answer; of more than two labels none need be
               positive: then that of the answer
  top          with --top N: the N likeliest labels, each with its probability,
               the likeliest first. In a table a line each, below the answer;
               in tsv two fields each; in jsonl [label, probability]
  explanation  with --explain: by how much the log-odds of the positive label
               (of more than two: of the answer) fall without each token. In a
               table the strongest tokens, and below them the text in colours:
               orange for the label, blue against it, none if NO_COLOR is set.
               In tsv token=weight, the strongest first; in jsonl
               [token, weight], in the order of the text
  text         the message; in table and tsv with escapes for characters that
               could steer a terminal, in a table cut short

examples:
  python predict.py "Call now to claim your prize" "see you at 8"
  python predict.py --explain "Call now to claim your prize"
  python predict.py --top 3 "where is my parcel?"
  python predict.py --input messages.csv --column message > answers.tsv
  tail -f messages.txt | python predict.py --input - --format jsonl

exit code: 0; 1 after an error, which one line explains; 2 for a wrong command
line; 130 when interrupted
"""


def classify(
    model: predictor.Model, positive: int | None, threshold: float, texts: list[str],
    explain: bool = False, top: int = 1,
) -> list[Answer]:  # fmt: skip
    """Return an answer for each text, in order, with the `top` likeliest labels if they are more than one."""
    labels, cleaned = model.settings.labels, [normalise(text, model.settings.normalisation) for text in texts]
    probabilities = predictor.probabilities(model, cleaned)
    predicted = predictor.answers(probabilities, positive, threshold)
    chosen = predicted.tolist()
    explained = chosen if positive is None or len(labels) > 2 else repeat(positive)
    whys = map(partial(pieces, model), cleaned, explained) if explain else repeat(())
    answers = [labels[answer] for answer in chosen]
    shown = predictor.shown(probabilities, predicted, positive).tolist()
    return list(map(Answer, answers, shown, texts, whys, likeliest(probabilities, labels, top)))


def likeliest(probabilities: NDArray[np.float64], labels: list[str], top: int) -> Iterable[list[tuple[str, float]]]:
    """Yield the `top` likeliest labels of each row, with their probabilities; none if only one is asked for."""
    if top == 1:
        return repeat([])
    places = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    values = np.take_along_axis(probabilities, places, axis=1)
    rows = zip(places.tolist(), values.tolist(), strict=True)
    return ([(labels[place], value) for place, value in zip(*row, strict=True)] for row in rows)


@functools.cache
def loaded(directory: Path) -> tuple[predictor.Model, int | None, float]:
    """Return the model in `directory`, the number of its positive label, if it has one, and its threshold."""
    model = predictor.load(directory)
    return model, *predictor.decision(directory, model.settings.labels)


def answered(directory: Path, look: Look, texts: list[str]) -> str:
    """Return the answers to the texts, as they are written. A worker process loads the model for its first texts."""
    return "".join(writer.written(classify(*loaded(directory), texts, look.explained, look.top), look))


def streamed(directory: Path, look: Look, source: reader.Source) -> Generator[str, None, None]:
    """Yield the answers to the messages of a file or of standard input, as they are written."""
    count, times = 0, TOKENS if look.explained else 1
    failures: list[Exception] = []
    raw, source = files.opened(source)
    with raw:
        lists = reader.until_failure(reader.messages(raw, source, READ // times), failures)
        for texts in lists:
            if texts:
                yield answered(directory, look, texts)
                count += len(texts)
            if count >= ALONE // times and process_pool.processors() > 1:
                yield from process_pool.mapped(partial(answered, directory, look), lists, raw)
    if failures:
        raise failures[0]


def arguments() -> argparse.Namespace:
    """Return the command line, checked."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        description="Classify messages with the trained model.", epilog=MORE, formatter_class=form
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="a message")
    add("--input", metavar="FILE", help="a file of messages; - for standard input")
    add("--kind", choices=get_args(Kind), help="how the input is read; default: as the file's name ends, else lines")
    add("--column", metavar="NAME|N", help="the text's column or key; default: text, in tsv the last column")
    add("--format", choices=get_args(writer.Format), help="of the output; default: table on a terminal, else tsv")
    add("--model", type=Path, default=paths.MODEL, metavar="DIR", help="default: model/")
    add("--explain", action="store_true", help=f"show the effect of each token; takes about {TOKENS} times as long")
    add("--top", type=int, default=1, metavar="N", help="show the N likeliest labels with their probabilities")
    given = parser.parse_args()
    given.text = [os.fsencode(text).decode("utf-8", errors="replace") for text in given.text]
    if bool(given.text) == bool(given.input):
        parser.error('expected messages or --input, one of the two: python predict.py "Call now to win"')
    if given.text and (given.kind or given.column is not None):
        parser.error("--kind and --column go with --input: they say how a file is read")
    if given.top < 1:
        parser.error(f"expected --top of at least 1, found {given.top}")
    given.kind = given.kind or reader.kind_of(given.input or "")
    if given.kind == "lines" and given.column is not None:
        parser.error("--column goes with --kind tsv, csv or jsonl: lines have no columns")
    return given


def main() -> None:
    """Classify the messages of the command line, or of the file that it names."""
    given = arguments()
    model, positive, _ = loaded(given.model)
    labels, is_terminal = model.settings.labels, sys.stdout.isatty()
    style: writer.Format = given.format or ("table" if is_terminal else "tsv")
    coloured = is_terminal and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns
    look = Look(
        style, given.explain, coloured, width, tuple(labels), "" if positive is None else labels[positive], given.top
    )
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a terminal or a pipe, never None here
    source = reader.Source(given.input, given.kind, given.column)
    stream = streamed(given.model, look, source) if given.input else None
    header = writer.header(look)
    try:
        with closing(stream) if stream else nullcontext([answered(given.model, look, given.text)]) as answers:
            for lines in answers:
                sys.stdout.write(header + lines)
                sys.stdout.flush()
                header = ""
    except OSError as error:  # at its end Python would try once more to write what is left, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # `| head` has seen enough
            raise


if __name__ == "__main__":
    sys.exit(run(main))
