"""How answers are written: as a table for people, as tab-separated fields, or as JSON lines.

Nothing in a message can steer a terminal.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

from textrnn.core.escape import field, printable
from textrnn.inference.explain import Piece, strongest

Format = Literal["table", "tsv", "jsonl"]

GAP = "  "  # between the columns of a table
NARROWEST = 20  # width of a table's last column, however narrow the terminal
LONGEST = 24  # width that a label, or a token with a weight after it, is cut to
DIGITS = 4  # of a weight in JSON
LEAST = 0.005  # a weight below this is written as 0.00, and left out where space is short
# Orange and blue, which the colour-blind tell apart, in the 256 colours of terminals: from pale to strong, with the
# weight at which each begins. They lie behind black letters, which can be read on any background.
FOR, AGAINST = (223, 215, 208), (153, 75, 33)
STRENGTHS = (0.25, 1.0, 2.5)


class Answer(NamedTuple):
    """The answer to one message, and why."""

    label: str
    probability: float  # of the positive label or, without one, of the answer
    text: str
    pieces: Sequence[Piece] = ()  # of an explained text, as it was read
    top: Sequence[tuple[str, float]] = ()  # the likeliest labels, if they were asked for


class Look(NamedTuple):
    """How answers are to be written."""

    format: Format
    explained: bool = False
    coloured: bool = False
    width: int = 80  # of a table's line
    labels: tuple[str, ...] = ()
    positive: str = ""  # of more than two labels none need be positive
    top: int = 1  # how many labels of each message are told


def header(look: Look) -> str:
    """Return a table's first line; nothing for the other formats."""
    if look.format != "table":
        return ""
    last = "text"
    if look.explained:
        label, most = cut(look.positive, LONGEST) if len(look.labels) == 2 else "the answer", STRENGTHS[-1]
        last = f"{painted(f'for {label} +', most, look)}, {painted('against it -', -most, look)}, in log-odds"
    return columns("label", probability_name(look), look) + GAP + last + "\n"


def written(answers: Iterable[Answer], look: Look) -> Iterator[str]:
    """Yield each answer as it is written, its line's end included."""
    form = {"jsonl": as_json, "tsv": as_fields, "table": as_explained if look.explained else as_row}[look.format]
    for answer in answers:
        yield form(answer, look) + "\n"


def as_json(answer: Answer, look: Look) -> str:
    """Return a JSON object, in ASCII. The explanation lists tokens and weights in the order of the text."""
    found: dict[str, Any] = {"label": answer.label, "probability": answer.probability, "text": answer.text}
    if look.top > 1:
        found["top"] = answer.top
    if look.explained:
        found["explanation"] = [[token, round(weight, DIGITS)] for token, weight in answer.pieces if weight is not None]
    return json.dumps(found, ensure_ascii=True)


def as_fields(answer: Answer, look: Look) -> str:
    """Return label, probability, what else was asked for, and the text, with tabs between."""
    top = [part for label, value in answer.top for part in (printable(label), f"{value:.6f}")]
    why = [field(" ".join(f"{token}={weight:+.2f}" for token, weight in visible(answer)))] if look.explained else []
    return "\t".join([printable(answer.label), f"{answer.probability:.6f}", *top, *why, field(answer.text)])


def as_row(answer: Answer, look: Look) -> str:
    """Return a line of a table, with the beginning of the text, and lines for other labels that were asked for."""
    first = columns(answer.label, f"{answer.probability:.4f}", look) + GAP
    return first + cut(answer.text, max(NARROWEST, look.width - width(first))) + others(answer, look)


def as_explained(answer: Answer, look: Look) -> str:
    """Return a line of a table with the strongest tokens, and below it the whole text with all tokens in colour."""
    line = columns(answer.label, f"{answer.probability:.4f}", look)
    room = max(NARROWEST, look.width - width(line))
    for place, (token, weight) in enumerate(visible(answer)):
        shown = f"{cut(token, LONGEST)} {weight:+.2f}"
        room -= width(shown) + len(GAP)
        if room < 0 and place:
            break
        line += GAP + painted(shown, weight, look)
    text = "".join(painted(printable(text), weight or 0.0, look) for text, weight in answer.pieces)
    return f"{line}\n{GAP}{text}{others(answer, look)}"


def others(answer: Answer, look: Look) -> str:
    """Return a line of a table for each of the likeliest labels that the line of the answer does not tell."""
    told = answer.label, answer.probability
    return "".join("\n" + columns(label, f"{p:.4f}", look, GAP) for label, p in answer.top if (label, p) != told)


def columns(label: str, probability: str, look: Look, indent: str = "") -> str:
    """Return the first two columns of a table, wide enough for every label and for their headings."""
    room = widest(look.labels) + len(GAP) * (look.top > 1)
    label = indent + cut(label, LONGEST)
    padding = " " * (width(probability_name(look)) - width(probability))
    return label + " " * (room - width(label)) + GAP + padding + probability


@cache
def widest(labels: tuple[str, ...]) -> int:
    """Return the width of the widest label, or of the heading."""
    return max(width(cut(one, LONGEST)) for one in (*labels, "label"))


def probability_name(look: Look) -> str:
    """Return the heading of the probability's column."""
    return f"P({cut(look.positive or 'answer', LONGEST)})".rjust(6)


def visible(answer: Answer) -> list[tuple[str, float]]:
    """Return the tokens whose weight is not written as 0.00, the strongest first."""
    return [one for one in strongest(answer.pieces) if abs(one[1]) >= LEAST]


def painted(text: str, weight: float, look: Look) -> str:
    """Return `text` on the colour of its weight, if there is any."""
    strength = sum(abs(weight) >= least for least in STRENGTHS)
    if not (look.coloured and strength):
        return text
    colour = (FOR if weight > 0 else AGAINST)[strength - 1]
    return f"\x1b[38;5;16;48;5;{colour}m{text}\x1b[0m"


def cut(text: str, most: int) -> str:
    """Return a text, printable, cut to a width of at most `most`."""
    text = printable(text[: most + 1]) + ("…" if len(text) > most + 1 else "")
    if width(text) <= most:
        return text
    while width(text) >= most:
        text = text[:-1]
    return text + "…"


def width(text: str) -> int:
    """Return how wide a terminal shows a printable text: a wide letter takes two columns, a combining mark none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(one) in ("Mn", "Me") else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )
