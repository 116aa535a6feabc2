"""The options that commands share, and what `predict.py --help` says of input and output, as wide as the terminal."""

import argparse
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import get_args

from textrnn.cli import reader
from textrnn.cli.columns import Kind
from textrnn.core import paths

# A line that is indented by three spaces or more goes on with the one before it: `more` wraps them anew.
MORE = """\
kinds of input:
  lines        a message a line
  tsv, csv     a column, by its name in the header line or, without one, by its
               position from 0; quotes are data in tsv, and RFC 4180's in csv
  jsonl        a string a line, or an object of which one key holds the message

A file may be compressed (gz, bz2, xz), in any encoding, with other separators;
   Parquet and workbooks (xlsx, xls, ods) are read too.

columns of the output:
  label        the answer. Of two labels the positive one if its probability
               reaches the model's threshold, else the other one; of more labels
               the likeliest. Or unsure, if the model keeps evaluate.promise
  probability  of two labels that of the positive one (evaluate.positive_label in
               params.yaml), whatever the answer; of more labels that of the
               answer. jsonl has those of all labels, too
  top          with --top N: the N likeliest labels, each with its probability,
               the likeliest first. In a table a line each, below the answer;
               in tsv two fields each; in jsonl [label, probability]
  explanation  with --explain: by how much the log-odds of the positive label
               (of more than two: of the answer) fall without each token. In a
               table the strongest tokens, and below them the text in colours:
               orange for the label, blue against it, none if NO_COLOR is set.
               In tsv token=weight, the strongest first; in jsonl
               [token, weight], in the order of the text
  text         the message. In table and tsv with escapes for characters that
               could steer a terminal; in a table cut short, and (empty) if there
               is nothing to see

exit code: 0; 1 after an error, which one line explains; 2 for a wrong command
   line; 130 when interrupted

examples:
"""
EXAMPLES = """\
  {program} "Claim your prize" "see you at 8"
  {program} --explain "Claim your prize"
  {program} --top 3 "where is my parcel?"
  {program} --input messages.csv --column message > answers.tsv
  tail -f messages.txt | {program} --input - --format jsonl
"""


def program(command: str, script: str) -> str:
    """Return the command as it was typed: that of the package, or the script of a clone."""
    return command if sys.argv[0] == command else script


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how messages are read, and by which model."""
    add = parser.add_argument
    add("--kind", choices=get_args(Kind), metavar="KIND", help="lines, tsv, csv or jsonl; default: as the name ends")
    add("--column", metavar="NAME|N", help="the text's column or key; default: text, in tsv the last column")
    # The model of a clone, from wherever its script is called.
    folder = Path("model") if sys.argv[0].startswith("textrnn ") else paths.MODEL
    add("--model", type=Path, default=folder, metavar="DIR", help="default: model/")


def choose_kind(parser: argparse.ArgumentParser, given: argparse.Namespace, path: str) -> None:
    """Set the kind of a file, if the command line does not name it, and refuse a column of lines."""
    given.kind = given.kind or reader.kind_of(path)
    if given.kind == "lines" and given.column is not None:
        parser.error("--column goes with --kind tsv, csv or jsonl: lines have no columns")


def more(program: str) -> str:
    """Return what stands below the options, wrapped as argparse wraps those; examples stay whole."""
    return "\n".join(map(wrapped, re.sub(r"\n {3,}", " ", MORE).split("\n"))) + EXAMPLES.format(program=program)


def wrapped(line: str) -> str:
    """Return a line wrapped to the terminal, its further lines below where its text began."""
    begins = re.match(r" *(?:\S.*? {2,})?", line)
    return textwrap.fill(
        line, shutil.get_terminal_size().columns - 2, subsequent_indent=" " * (begins.end() if begins else 0),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
