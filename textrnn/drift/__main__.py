"""Compare messages with those that the model was tested on, and choose which of them to label next.

Writes a page, index.html, and label_next.csv, a corpus whose labels are yet to be filled in.

Run     python -m textrnn.drift messages.csv
        python -m textrnn.drift --help
"""

import argparse
import csv
import io
import re
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from textrnn.cli import files, reader, usage
from textrnn.core.errors import UserError, run
from textrnn.core.escape import guarded, printable
from textrnn.core.files import write_text
from textrnn.drift import choose
from textrnn.drift.measures import Measure, measures
from textrnn.inference import decision, loading, predictor, reference
from textrnn.text.normalise import normalise

READ = 1 << 17  # bytes that are read at once
MOST = 10_000  # messages that are compared, drawn at random from the file
SEED = 0
PERCENTILES = (10, 50, 90)
COMMON = 20  # unknown tokens that the page names
# The columns of params.yaml come first.
HEADER = ("label", "text", "predicted", "probability", "unknown_tokens", "message")


class Found(NamedTuple):
    """What is known of a file of messages."""

    name: str
    messages: int  # in the file
    distinct: int  # of those that are compared
    tested: int  # test rows
    measures: list[Measure]
    labels: list[tuple[str, float, float]]  # the share of each label, here and there
    lengths: list[tuple[int, int, int]]  # a percentile, and the tokens here and there
    unknown: list[tuple[str, int]]  # tokens that two messages have, and how many do
    next: list[tuple[str, str, str, str, int, int]]  # of HEADER


def sampled(source: reader.Source) -> tuple[list[tuple[int, str]], int]:
    """Return at most MOST messages of a file with their places, counted from 1, and how many it has.

    Raises UserError if it has none, or a row without a message.
    """
    kept: list[tuple[int, str]] = []
    count, random = 0, Random(SEED)  # noqa: S311
    raw, source = files.opened(source)
    with raw:
        for texts in reader.messages(raw, source, READ):
            for text in texts or ():
                count += 1
                if len(kept) < MOST:
                    kept.append((count, text))
                elif (place := random.randrange(count)) < MOST:
                    kept[place] = count, text
    if not count:
        raise UserError(f"expected a message or more in {source}, found none")
    return sorted(kept), count


def examined(directory: Path, source: reader.Source, wanted: int) -> Found:
    """Compare the messages of a file with the test rows of the model in `directory`."""
    model = loading.load(directory)
    labels = model.settings.labels
    rule = decision.read(directory, labels)
    there = reference.read(directory, len(labels))
    kept, count = sampled(source)
    distinct = {normalise(text, model.settings.normalisation): (place, text) for place, text in reversed(kept)}
    texts, came = list(distinct), list(distinct.values())
    probabilities = predictor.probabilities(model, texts)
    answers = decision.answers(probabilities, rule.positive, rule.threshold)
    here, unknown = reference.rows(model, texts, probabilities, answers)
    shown = decision.shown(probabilities, answers, rule.positive)
    chosen = choose.chosen(texts, choose.unsure(probabilities, rule.positive, rule.threshold), here, wanted)
    shares = [np.bincount(rows.answers, minlength=len(labels)) / len(rows.answers) for rows in (here, there)]
    percentiles = [np.percentile(rows.tokens, PERCENTILES).astype(int).tolist() for rows in (here, there)]
    tokens = Counter(token for row in unknown for token in set(row))
    common = sorted(tokens.items(), key=lambda item: (-item[1], item[0]))[:COMMON]
    return Found(
        Path(source.path).name if source.path != "-" else "standard input",
        count,
        len(texts),
        len(there.tokens),
        measures(here, there, labels, bool(model.ids)),
        list(zip(labels, *(share.tolist() for share in shares), strict=True)),
        list(zip(PERCENTILES, *percentiles, strict=True)),
        [(token, times) for token, times in common if times > 1],
        [
            ("", came[row][1], labels[answers[row]], f"{shown[row]:.6f}", len(unknown[row]), came[row][0])
            for row in chosen
        ],
    )


def as_corpus(rows: list[tuple[str, str, str, str, int, int]]) -> str:
    """Return CSV that the stage clean reads as a corpus once its labels are filled in, and no spreadsheet computes."""
    text = io.StringIO(newline="")
    lines = ([guarded(re.sub(r"\s", " ", one)) if isinstance(one, str) else one for one in row] for row in rows)
    csv.writer(text, lineterminator="\n").writerows([HEADER, *lines])
    return "\ufeff" + text.getvalue()


def summary(found: Found) -> str:
    """Return what a terminal shows."""
    same = f"{found.messages:,} messages" + (f", {MOST:,} of them drawn" if found.messages > MOST else "")
    lines = [f"{printable(found.name)}: {same}, {found.distinct:,} distinct; compared with {found.tested:,} test rows"]
    for one in found.measures:
        mark = "!" if one.alarm else " "
        lines.append(f"{mark} {one.name:<15} {printable(one.here)}; test rows {printable(one.there)}: {one.verdict}")
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    """Return the command line, checked."""
    program = usage.program("textrnn drift", "python -m textrnn.drift")
    parser = argparse.ArgumentParser(prog=program, description=(__doc__ or "").split("\n\nRun")[0])
    add = parser.add_argument
    add("file", metavar="FILE", help="a file of messages; - for standard input")
    usage.add_input(parser)
    add("--output", type=Path, default=Path("drift"), metavar="DIR", help="default: drift/")
    add("--rows", type=int, default=50, metavar="N", help="how many rows to label next, default: 50")
    given = parser.parse_args()
    if given.rows < 0:
        parser.error(f"expected --rows of at least 0, found {given.rows}")
    usage.choose_kind(parser, given, given.file)
    return given


def main() -> None:
    """Write the page and the rows to label, and print the summary."""
    given = arguments()
    try:
        from textrnn.drift import page  # noqa: PLC0415  # --help needs no package for it
    except ModuleNotFoundError as error:
        raise UserError(
            f"expected the package {error.name}, which writes the page, found none in {sys.prefix}: "
            "install textrnn with its extra `drift`"
        ) from None
    found = examined(given.model, reader.Source(given.file, given.kind, given.column), given.rows)
    write_text(given.output / "index.html", page.page(found._asdict()))
    write_text(given.output / "label_next.csv", as_corpus(found.next))
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]  # as in predict.py
    sys.stdout.write(summary(found) + f"wrote {given.output / 'index.html'} and {given.output / 'label_next.csv'}\n")


if __name__ == "__main__":
    sys.exit(run(main))
