"""Classify messages with the trained model: a message a line in, its label and probability a line out.

Of two labels, the probability is that of the positive one (evaluate.positive_label); of more, that of the answer.
Messages are answered in order, each as soon as it has come; those of a fast stream are answered in batches, and those
of a long one by several processes.

Run     python predict.py "Call now to claim your prize" "see you at 8"
        python predict.py --help
"""

import argparse
import errno
import functools
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext, suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import get_args

from textrnn.core.errors import UserError, end_in_one_line, note, run

if __name__ == "__main__":
    end_in_one_line()  # before the imports that take long
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it looks through all installed packages

from textrnn.cli import files, reader, usage, writer
from textrnn.cli.columns import Kind
from textrnn.cli.writer import Answer, Look
from textrnn.core import paths
from textrnn.core.escape import listed
from textrnn.inference import predictor
from textrnn.inference.explain import pieces
from textrnn.text.normalise import normalise

READ = 1 << 17  # bytes of messages that are read, and classified, at once
ALONE = 4_000  # messages after which several processes answer: they take half a second to start
TOKENS = 25  # times as long an explained message takes: it is read once more without each of its tokens


def classify(
    model: predictor.Model, positive: int | None, threshold: float, texts: list[str], explain: bool = False
) -> list[Answer]:
    """Return an answer for each text, in order."""
    labels, cleaned = model.settings.labels, [normalise(text, model.settings.normalisation) for text in texts]
    probabilities = predictor.probabilities(model, cleaned)
    predicted = predictor.answers(probabilities, positive, threshold)
    chosen = predicted.tolist()
    explained = chosen if positive is None else repeat(positive)
    whys = map(partial(pieces, model), cleaned, explained) if explain else repeat(())
    answers = [labels[answer] for answer in chosen]
    shown = predictor.shown(probabilities, predicted, positive).tolist()
    return list(map(Answer, answers, shown, texts, probabilities.tolist(), whys))


@functools.cache
def loaded(directory: Path) -> tuple[predictor.Model, int | None, float]:
    """Return the model in `directory`, the number of its positive label, if it has two, and its threshold."""
    model = predictor.load(directory)
    return model, *predictor.decision(directory, model.settings.labels)


def answered(directory: Path, look: Look, texts: list[str]) -> str:
    """Return the answers to the texts, as they are written. A worker process loads the model for its first texts."""
    return "".join(writer.written(classify(*loaded(directory), texts, look.explained), look))


def streamed(directory: Path, look: Look, source: reader.Source) -> Generator[str, None, None]:
    """Yield the answers to the messages of a file or of standard input, as they are written."""
    from textrnn.core import process_pool  # noqa: PLC0415  # a single message has no use for it, and would wait

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


def note_names(texts: list[str]) -> None:
    """Print a note if messages look like names of files: their content may be meant."""
    names = [text for text in texts if reader.kind_of(text) != "lines" or is_there(text, Path.exists)]
    if names:
        file = next((shlex.quote(name) for name in names if is_there(name, Path.is_file)), "FILE")
        taken = "is taken as a message, not as a file" if len(names) == 1 else "are taken as messages, not as files"
        note(f"{listed(names)} {taken}: to read a file, run `python predict.py --input {file}`")


def is_there(text: str, kind: Callable[[Path], bool]) -> bool:
    """Return whether a text is the name of something of a kind. Most texts are too long for a name, or no path."""
    with suppress(OSError, ValueError):
        return bool(text) and kind(Path(text))
    return False


def arguments() -> argparse.Namespace:
    """Return the command line, checked."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        description="Classify messages with the model.", epilog=usage.more(), formatter_class=form
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="a message")
    add("--input", metavar="FILE", help="a file of messages; - for standard input")
    kinds, formats = get_args(Kind), get_args(writer.Format)
    add("--kind", choices=kinds, metavar="KIND", help="lines, tsv, csv or jsonl; default: as the file's name ends")
    add("--column", metavar="NAME|N", help="the text's column or key; default: text, in tsv the last column")
    add("--format", choices=formats, metavar="FORMAT", help="table, tsv or jsonl; default: table on a terminal")
    add("--model", type=Path, default=paths.MODEL, metavar="DIR", help="default: model/")
    times = f"of a long message the first ones; takes about {TOKENS} times as long"
    add("--explain", action="store_true", help=f"show the effect of each token, {times}")
    add("--top", type=int, default=1, metavar="N", help="show the N likeliest labels with their probabilities")
    given = parser.parse_args()
    raw = given.text
    given.text = [os.fsencode(text).decode("utf-8", errors="replace") for text in given.text]
    if bool(given.text) == bool(given.input):
        parser.error('expected messages, or --input with one file: python predict.py "Call now to win"')
    if given.text and (given.kind or given.column is not None):
        parser.error("--kind and --column go with --input: they say how a file is read")
    if given.top < 1:
        parser.error(f"expected --top of at least 1, found {given.top}")
    given.kind = given.kind or reader.kind_of(given.input or "")
    if given.kind == "lines" and given.column is not None:
        parser.error("--column goes with --kind tsv, csv or jsonl: lines have no columns")
    note_names(raw)
    return given


def main() -> None:
    """Classify the messages of the command line, or of the file that it names."""
    given = arguments()
    if sys.__stdout__ is None:
        raise UserError("expected a standard output for the answers, found it closed: run it without `>&-`")
    model, positive, _ = loaded(given.model)
    labels, is_terminal = model.settings.labels, sys.stdout.isatty()
    style: writer.Format = given.format or ("table" if is_terminal else "tsv")
    coloured = is_terminal and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns
    look = Look(
        style, given.explain, coloured, width, tuple(labels), "" if positive is None else labels[positive], given.top
    )
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]  # a terminal or a pipe, never None here
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
        closed = (errno.EPIPE, errno.EINVAL) if sys.platform == "win32" else (errno.EPIPE,)
        if error.errno not in closed:  # `| head` has seen enough
            raise


if __name__ == "__main__":
    sys.exit(run(main))
