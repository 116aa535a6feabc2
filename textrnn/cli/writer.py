"""How answers are written: as a table for people, as tab-separated fields, or as JSON lines.

Nothing in a message can steer a terminal.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby, islice
from typing import Any, Literal, NamedTuple

from textrnn.cli.terminal import DENSEST, cut, fitting, graphemes, legible, width
from textrnn.core.escape import field
from textrnn.inference.decision import UNSURE_LABEL
from textrnn.inference.explain import Piece, strongest

Format = Literal["table", "tsv", "jsonl"]

GAP = "  "  # between the columns of a table
NARROWEST = 6  # width of a table's last column, however narrow the terminal
LONGEST = 24  # width that a label, or a token with a weight after it, is cut to, on a terminal of 80 columns
EMPTY = "(empty)"  # a table's text of a message of which nothing would be seen
DIGITS = 4  # of a weight in JSON
LEAST = 0.005  # a weight below this is written as 0.00, and left out where space is short
# Orange and blue, which the colour-blind tell apart, in the 256 colours of terminals: from pale to strong, with the
# weight at which each begins. They lie behind black letters, which can be read on any background.
FOR, AGAINST = (223, 215, 208), (153, 75, 33)
STRENGTHS = (0.25, 1.0, 2.5)


class Answer(NamedTuple):
    """The answer to one message, and why."""

    label: str  # or UNSURE_LABEL
    probability: float  # of two labels the positive one's, of more the answer's
    text: str
    probabilities: Sequence[float]  # of each label
    pieces: Sequence[Piece] = ()  # of an explained text, as it was read


class Look(NamedTuple):
    """How answers are to be written."""

    format: Format
    explained: bool = False
    coloured: bool = False
    width: int = 80  # of a table's line
    labels: tuple[str, ...] = ()
    positive: str = ""  # of two labels
    top: int = 1  # how many labels of each message are told
    unsure: bool = False  # whether an answer may be none of the labels


def header(look: Look) -> str:
    """Return a table's head; nothing for the other formats."""
    if look.format != "table":
        return ""
    first, most = columns("label", probability_name(look), look), STRENGTHS[-1]
    if not look.explained:
        return f"{first}{GAP}text\n"
    of, against, unit = f"for {shortened(look.positive, look) or 'the answer'} +", "against it -", "in log-odds"
    room = look.width - width(GAP + f"{of}, {against}, {unit}")
    signs = f"{painted(of, most, look)}, {painted(against, -most, look)}" + f", {unit}" * (room >= 0)
    return first + "\n" * (room < width(first)) + f"{GAP}{signs}\n"


def written(answers: Iterable[Answer], look: Look) -> Iterator[str]:
    """Yield each answer as it is written, its line's end included."""
    form = {"jsonl": as_json, "tsv": as_fields, "table": as_explained if look.explained else as_row}[look.format]
    for answer in answers:
        yield form(answer, look) + "\n"


def as_json(answer: Answer, look: Look) -> str:
    """Return a JSON object, in ASCII. The explanation lists tokens and weights in the order of the text."""
    found: dict[str, Any] = {"label": answer.label, "probability": answer.probability, "text": answer.text}
    found["probabilities"] = dict(zip(look.labels, answer.probabilities, strict=True))
    if look.top > 1:
        found["top"] = likeliest(answer, look)
    if look.explained:
        found["explanation"] = [[token, round(weight, DIGITS)] for token, weight in answer.pieces if weight is not None]
    return json.dumps(found, ensure_ascii=True)


def as_fields(answer: Answer, look: Look) -> str:
    """Return label, probability, what else was asked for, and the text, with tabs between."""
    top = [part for label, value in likeliest(answer, look) for part in (field(label), f"{value:.6f}")]
    why = [field(" ".join(f"{token}={weight:+.2f}" for token, weight in visible(answer)))] if look.explained else []
    return "\t".join([field(answer.label), f"{answer.probability:.6f}", *top, *why, field(answer.text)])


def as_row(answer: Answer, look: Look) -> str:
    """Return a line of a table, with the beginning of the text, and lines for other labels that were asked for."""
    first = columns(answer.label, f"{answer.probability:.4f}", look) + GAP
    text = cut(answer.text, max(NARROWEST, look.width - width(first)))
    return first + (text if text.strip(" ") else EMPTY) + others(answer, look)


def as_explained(answer: Answer, look: Look) -> str:
    """Return a line of a table with the strongest tokens, and below it the whole text with all tokens in colour."""
    line = columns(answer.label, f"{answer.probability:.4f}", look)
    room = look.width - width(line)
    for place, (token, weight) in enumerate(visible(answer)):
        of_weight = f" {weight:+.2f}"
        most = LONGEST if place else min(LONGEST, max(NARROWEST, room - len(GAP + of_weight)))  # the first is shown
        shown = cut(token, most) + of_weight
        room -= width(shown) + len(GAP)
        if room < 0 and place:
            break
        line += GAP + painted(shown, weight, look)
    return "\n".join([line, *(GAP + one for one in coloured_lines(answer.pieces, look))]) + others(answer, look)


def coloured_lines(pieces: Sequence[Piece], look: Look) -> Iterator[str]:
    """Yield the lines of an explained text, each token on its colour. An emoji of several tokens has the strongest."""
    text = "".join(part for part, _ in pieces)
    if not text.strip(" "):
        yield EMPTY
        return
    weights = [weight or 0.0 for _, weight in pieces]
    of_characters = iter([number for number, (part, _) in enumerate(pieces) for _ in part])
    letters, owners = [], []
    for letter in graphemes(text):
        letters.append(legible(letter))
        owners.append(max(islice(of_characters, len(letter)), key=lambda number: abs(weights[number])))
    room, start = max(NARROWEST, look.width - len(GAP)), 0
    while start < len(letters):
        end = start + max(1, fitting(letters[start : start + DENSEST * room], room, 1))
        line = zip(owners[start:end], letters[start:end], strict=True)
        parts = groupby(line, key=lambda one: one[0])
        yield "".join(painted("".join(one for _, one in part), weights[owner], look) for owner, part in parts)
        start = end + (letters[end : end + 1] == [" "])


def likeliest(answer: Answer, look: Look) -> list[tuple[str, float]]:
    """Return the likeliest labels with their probabilities, as many as were asked for; none if only the answer was."""
    if look.top == 1:
        return []
    return sorted(zip(look.labels, answer.probabilities, strict=True), key=lambda one: -one[1])[: look.top]


def others(answer: Answer, look: Look) -> str:
    """Return a line of a table for each of the likeliest labels that the line of the answer does not tell."""
    told, top = (answer.label, answer.probability), likeliest(answer, look)
    return "".join("\n" + columns(label, f"{p:.4f}", look, GAP) for label, p in top if (label, p) != told)


def columns(label: str, probability: str, look: Look, indent: str = "") -> str:
    """Return the first two columns of a table, wide enough for every label and for their headings."""
    room = widest(look.labels + (UNSURE_LABEL,) * look.unsure, look.width) + len(GAP) * (look.top > 1)
    label = indent + shortened(label, look)
    padding = " " * (width(probability_name(look)) - width(probability))
    return label + " " * (room - width(label)) + GAP + padding + probability


@cache
def widest(labels: tuple[str, ...], of_line: int) -> int:
    """Return the width of the widest label, or of the heading, in a table of that width."""
    look = Look("table", width=of_line)
    return max(width(shortened(one, look)) for one in (*labels, "label"))


def shortened(label: str, look: Look) -> str:
    """Return a label that leaves most of the line to the text."""
    return cut(label, max(len("label"), min(LONGEST, look.width * 3 // 10)))


def probability_name(look: Look) -> str:
    """Return the heading of the probability's column."""
    return f"P({shortened(look.positive, look) or 'answer'})".rjust(6)


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
