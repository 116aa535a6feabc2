"""How answers are written: the columns of a table, the fields of TSV, the keys of JSON; and what explains them."""

import json
from itertools import product

import pytest

from textrnn.cli import writer
from textrnn.cli.terminal import cells
from textrnn.cli.writer import Answer, Look, Piece
from textrnn.inference.explain import Part

PIECES: tuple[Piece, ...] = (("=WIN", 2.51), (" ", None), ("a", -0.004), (" ", None), ("\x1b", -1.2), ("!", 0.26))
ANSWER = Answer("spam", 0.87654321, "=WIN\na \x1b!", PIECES)
LABELS = ("ham", "spam")


def look(style: writer.Format, **changes: object) -> Look:
    return Look(style, labels=LABELS, positive="spam")._replace(**changes)  # type: ignore[arg-type]


def written(answer: Answer, how: Look) -> str:
    (text,) = writer.written([answer], how)
    assert text.endswith("\n")
    return text.removesuffix("\n")


def test_tsv_is_label_probability_and_text() -> None:
    assert written(ANSWER, look("tsv")) == "spam\t0.876543\t'=WIN\\na \\x1b!"
    assert writer.header(look("tsv")) == ""


def test_explained_it_has_the_strongest_tokens_before_the_text() -> None:
    assert written(ANSWER, look("tsv", explained=True)).split("\t")[2] == r"'=WIN=+2.51 \x1b=-1.20 !=+0.26"


def test_jsonl_holds_everything_as_it_is() -> None:
    line = written(ANSWER, look("jsonl"))
    assert line.isascii()
    assert json.loads(line) == {"label": "spam", "probability": 0.87654321, "text": ANSWER.text}
    assert writer.header(look("jsonl")) == ""


def test_explained_it_lists_all_tokens_in_the_order_of_the_text() -> None:
    found = json.loads(written(ANSWER, look("jsonl", explained=True)))
    assert list(found) == ["label", "probability", "text", "explanation"]
    assert found["explanation"] == [["=WIN", 2.51], ["a", -0.004], ["\x1b", -1.2], ["!", 0.26]]


def test_a_table_has_a_header_and_a_line_for_each_answer() -> None:
    assert writer.header(look("table")) == "label  P(spam)  text\n"
    assert written(ANSWER, look("table")) == r"spam    0.8765  =WIN\na \x1b!"
    assert (
        written(ANSWER._replace(text="see " * 40), look("table", width=40))
        == "spam    0.8765  see see see see see see…"
    )


@pytest.mark.parametrize("labels", [("ham", "spam"), ("ham", "новости", "win"), ("a" * 60, "垃圾", "\x1b[31m")])
@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_the_columns_of_a_table_are_aligned(labels: tuple[str, ...], width: int) -> None:
    for positive, label, explained in product(labels, labels, (False, True)):
        how = Look("table", explained, False, width, labels, positive)
        text = "\N{PILE OF POO} 垃圾 é see " * 20
        found = written(Answer(label, 0.5, text, ((text, 0.7),)), how).split("\n")[0]
        header = writer.header(how).removesuffix("\n")
        start = header.index("for " if explained else "text")
        assert cells(header[:start]) == cells(found[: found.index("\N{PILE OF POO}")])
        assert header[:start].rstrip().endswith(")")
        assert found.isprintable()
        assert cells(found) <= max(width, 100)


def test_an_explained_table_has_the_strongest_tokens_and_then_the_whole_text() -> None:
    how = look("table", explained=True)
    assert writer.header(how) == "label  P(spam)  for spam +, against it -, in log-odds\n"
    assert written(ANSWER, how).split("\n") == [r"spam    0.8765  =WIN +2.51  \x1b -1.20  ! +0.26", r"  =WIN a \x1b!"]
    assert written(ANSWER, how._replace(width=40)).startswith("spam    0.8765  =WIN +2.51  \\x1b -1.20\n")
    assert written(ANSWER._replace(pieces=()), how) == "spam    0.8765\n  "


def test_of_more_than_two_labels_the_answer_is_explained() -> None:
    how = look("table", explained=True, labels=("ham", "spam", "news"))
    assert writer.header(how).endswith("  for the answer +, against it -, in log-odds\n")


def test_the_stronger_a_token_the_stronger_its_colour() -> None:
    pieces = tuple((str(weight), weight) for weight in (2.5, 1.0, 0.25, 0.2, 0.0, -0.2, -0.25, -1.0, -2.5))
    line = written(ANSWER._replace(pieces=pieces), look("table", explained=True, coloured=True)).split("\n")[1]
    coloured = {f"{weight}": f"\x1b[38;5;16;48;5;{colour}m{weight}\x1b[0m" for weight, colour in
                ((2.5, 208), (1.0, 215), (0.25, 223), (-0.25, 153), (-1.0, 75), (-2.5, 33))}  # fmt: skip
    assert line == "  " + "".join(coloured.get(text, text) for text, _ in pieces)


@pytest.mark.parametrize("style", ["table", "tsv", "jsonl"])
@pytest.mark.parametrize("explained", [False, True])
def test_nothing_can_steer_a_terminal(style: writer.Format, explained: bool) -> None:
    evil = "\x1b[31m\x07\u202e\r\n"
    how = look(style, explained=explained, labels=("ham", evil), positive=evil)
    shown = writer.header(how) + written(Answer(evil, 0.5, evil, ((evil, 3.0), (evil, None))), how)
    assert shown.translate({9: " ", 10: " "}).isprintable()


def test_a_text_is_in_pieces_what_it_was() -> None:
    text = "see you, Anna"
    parts = [Part(0, 3, 0.5), Part(4, 7, -0.5), Part(7, 8, 0.0), Part(9, 13, 1.0)]
    found = writer.in_pieces(text, parts)
    assert found == (("see", 0.5), (" ", None), ("you", -0.5), (",", 0.0), (" ", None), ("Anna", 1.0))
    assert writer.in_pieces("", []) == ()
    assert writer.in_pieces(" ", []) == ((" ", None),)
