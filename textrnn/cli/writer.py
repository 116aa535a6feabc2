"""How answers are written: as a table for people, as tab-separated fields, or as JSON lines.

Nothing in a message can steer a terminal.
"""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from textrnn.cli.terminal import cells, cut
from textrnn.core.escape import field, printable

if TYPE_CHECKING:
    from textrnn.inference.explain import Part

Format = Literal["table", "tsv", "jsonl"]
Piece = tuple[str, float | None]  # of a text: a token and its weight in log-odds, or what stands between tokens

GAP = "  "  # between the columns of a table
NARROWEST = 20  # cells that a table's last column is cut to, however narrow the terminal
LONGEST = 24  # cells that a label, or a token beside its weight, is cut to
DIGITS = 4  # of a weight in JSON
LEAST = 0.005  # less than this, a weight is written as 0.00, and left out where space is short
# Orange and blue, which the colour-blind tell apart, in the 256 colours of terminals: from pale to strong, with the
# weight from which each is taken. They lie behind black letters, so that they can be read on any ground.
FOR, AGAINST = (223, 215, 208), (153, 75, 33)
STRENGTHS = (0.25, 1.0, 2.5)


class Answer(NamedTuple):
    """What is said of one message, and why."""

    label: str
    probability: float  # of the positive label
    text: str
    pieces: tuple[Piece, ...] = ()  # of an explained text, as it was read


class Look(NamedTuple):
    """How answers are to be written."""

    format: Format
    explained: bool = False
    coloured: bool = False
    width: int = 80  # cells of a line of a table
    labels: tuple[str, ...] = ()
    positive: str = ""


def in_pieces(text: str, parts: Iterable["Part"]) -> tuple[Piece, ...]:
    """Return a text in pieces: its tokens, each with its weight, and what stands between them."""
    found: list[Piece] = []
    end = 0
    for part in parts:
        found += [(text[end : part.start], None), (text[part.start : part.end], part.weight)]
        end = part.end
    return tuple(piece for piece in [*found, (text[end:], None)] if piece[0])


def header(look: Look) -> str:
    """Return what stands above all answers: a table's first line."""
    if look.format != "table":
        return ""
    last = "text"
    if look.explained:
        label, most = cut(look.positive, LONGEST) if len(look.labels) == 2 else "the answer", STRENGTHS[-1]
        last = f"{painted(f'for {label} +', most, look)}, {painted('against it -', -most, look)}, in log-odds"
    return GAP.join([*columns("label", named(look), look), last]) + "\n"


def written(answers: Iterable[Answer], look: Look) -> Iterator[str]:
    """Yield each answer as it is written, its line's end included."""
    form = {"jsonl": as_json, "tsv": as_fields, "table": as_explained if look.explained else as_row}[look.format]
    for answer in answers:
        yield form(answer, look) + "\n"


def as_json(answer: Answer, look: Look) -> str:
    """Return a JSON object, in ASCII. The explanation lists tokens and weights in the order of the text."""
    found: dict[str, Any] = {"label": answer.label, "probability": answer.probability, "text": answer.text}
    if look.explained:
        found["explanation"] = [[token, round(weight, DIGITS)] for token, weight in tokens(answer)]
    return json.dumps(found, ensure_ascii=True)


def as_fields(answer: Answer, look: Look) -> str:
    """Return label, probability, the explanation if there is one, and the text, with tabs between."""
    why = [field(" ".join(f"{token}={weight:+.2f}" for token, weight in strongest(answer)))] if look.explained else []
    return "\t".join([printable(answer.label), f"{answer.probability:.6f}", *why, field(answer.text)])


def as_row(answer: Answer, look: Look) -> str:
    """Return a line of a table, which holds the beginning of the text."""
    first = GAP.join(columns(answer.label, f"{answer.probability:.4f}", look)) + GAP
    return first + cut(answer.text, max(NARROWEST, look.width - cells(first)))


def as_explained(answer: Answer, look: Look) -> str:
    """Return a line of a table with the strongest tokens, and below it the whole text with all tokens in colour."""
    line = GAP.join(columns(answer.label, f"{answer.probability:.4f}", look))
    room = max(NARROWEST, look.width - cells(line))
    for place, (token, weight) in enumerate(strongest(answer)):
        said = f"{cut(token, LONGEST)} {weight:+.2f}"
        room -= cells(said) + len(GAP)
        if room < 0 and place:
            break
        line += GAP + painted(said, weight, look)
    return f"{line}\n{GAP}" + "".join(painted(printable(text), weight or 0.0, look) for text, weight in answer.pieces)


def columns(label: str, probability: str, look: Look) -> list[str]:
    """Return the first two columns of a table, as wide as the widest that may stand there."""
    widest = max(cells(cut(one, LONGEST)) for one in (*look.labels, "label"))
    label = cut(label, LONGEST)
    return [label + " " * (widest - cells(label)), " " * (cells(named(look)) - cells(probability)) + probability]


def named(look: Look) -> str:
    """Return the name of the probability's column."""
    return f"P({cut(look.positive, LONGEST)})".rjust(6)


def tokens(answer: Answer) -> list[tuple[str, float]]:
    """Return the tokens with their weights, in the order of the text."""
    return [(text, weight) for text, weight in answer.pieces if weight is not None]


def strongest(answer: Answer) -> list[tuple[str, float]]:
    """Return the tokens which made a difference, that of the most weight first."""
    return sorted((one for one in tokens(answer) if abs(one[1]) >= LEAST), key=lambda one: -abs(one[1]))


def painted(text: str, weight: float, look: Look) -> str:
    """Return `text` on the colour of its weight, if there is any."""
    strength = sum(abs(weight) >= least for least in STRENGTHS)
    if not (look.coloured and strength):
        return text
    colour = (FOR if weight > 0 else AGAINST)[strength - 1]
    return f"\x1b[38;5;16;48;5;{colour}m{text}\x1b[0m"
