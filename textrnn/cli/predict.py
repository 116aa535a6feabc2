"""The command that classifies messages: a message a line in, its label and probability a line out.

Of two labels, the probability is that of the positive one (evaluate.positive_label); of more, that of the answer.
Messages are answered in order, each as soon as it has come; those of a fast stream are answered in batches, and those
of a long one by several processes.
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

from textrnn.cli import reader, usage, writer
from textrnn.cli.writer import Answer, Look
from textrnn.core.errors import UserError, note
from textrnn.core.escape import listed
from textrnn.inference import classifier

READ = 1 << 17  # bytes of messages that are read, and classified, at once
ALONE = 4_000  # messages after which several processes answer: they take half a second to start
TOKENS = 25  # times as long an explained message takes: it is read once more without each of its tokens


def classify(model: classifier.Classifier, texts: list[str], explain: bool = False) -> list[Answer]:
    """Return an answer for each text, in order."""
    found = model.predict(texts)
    whys = map(model.pieces, texts, found.labels) if explain else repeat(())
    return list(map(Answer, found.labels, model.shown(found), texts, found.probabilities.tolist(), whys))


loaded = functools.cache(classifier.load)


def answered(directory: Path, look: Look, texts: list[str]) -> str:
    """Return the answers to the texts, as they are written. A worker process loads the model for its first texts."""
    return "".join(writer.written(classify(loaded(directory), texts, look.explained), look))


def streamed(directory: Path, look: Look, source: reader.Source) -> Generator[str, None, None]:
    """Yield the answers to the messages of a file or of standard input, as they are written."""
    # A single message has no use for these, and would wait.
    from textrnn.cli import files  # noqa: PLC0415
    from textrnn.core import process_pool  # noqa: PLC0415

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


def program() -> str:
    """Return the command as it was typed."""
    return usage.program("textrnn predict", "python predict.py")


def note_names(texts: list[str]) -> None:
    """Print a note if messages look like names of files: their content may be meant."""
    names = [text for text in texts if reader.kind_of(text) != "lines" or is_there(text, Path.exists)]
    if names:
        file = next((shlex.quote(name) for name in names if is_there(name, Path.is_file)), "FILE")
        taken = "is taken as a message, not as a file" if len(names) == 1 else "are taken as messages, not as files"
        note(f"{listed(names)} {taken}: to read a file, run `{program()} --input {file}`")


def is_there(text: str, kind: Callable[[Path], bool]) -> bool:
    """Return whether a text is the name of something of a kind. Most texts are too long for a name, or no path."""
    with suppress(OSError, ValueError):
        return bool(text) and kind(Path(text))
    return False


def arguments() -> argparse.Namespace:
    """Return the command line, checked."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        description="Classify messages with the model.", epilog=usage.more(program()), formatter_class=form
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="a message")
    add("--input", metavar="FILE", help="a file of messages; - for standard input")
    usage.add_input(parser)
    formats = get_args(writer.Format)
    add("--format", choices=formats, metavar="FORMAT", help="table, tsv or jsonl; default: table on a terminal")
    times = f"of a long message the first ones; takes about {TOKENS} times as long"
    add("--explain", action="store_true", help=f"show the effect of each token, {times}")
    add("--top", type=int, default=1, metavar="N", help="show the N likeliest labels with their probabilities")
    given = parser.parse_args()
    raw = given.text
    given.text = [os.fsencode(text).decode("utf-8", errors="replace") for text in given.text]
    if bool(given.text) == bool(given.input):
        parser.error(f'expected messages, or --input with one file: {program()} "Call now to win"')
    if given.text and (given.kind or given.column is not None):
        parser.error("--kind and --column go with --input: they say how a file is read")
    if given.top < 1:
        parser.error(f"expected --top of at least 1, found {given.top}")
    usage.choose_kind(parser, given, given.input or "")
    note_names(raw)
    return given


def main() -> None:
    """Classify the messages of the command line, or of the file that it names."""
    given = arguments()
    if sys.__stdout__ is None:
        raise UserError("expected a standard output for the answers, found it closed: run it without `>&-`")
    model, is_terminal = loaded(given.model), sys.stdout.isatty()
    style: writer.Format = given.format or ("table" if is_terminal else "tsv")
    coloured = is_terminal and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns
    look = Look(
        style, given.explain, coloured, width, model.labels, model.positive_label or "", given.top, model.may_be_unsure
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
