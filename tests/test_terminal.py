"""What a terminal shows: how wide a text is, and whether there are colours."""

import io

import pytest

from textrnn.cli import terminal
from textrnn.cli.terminal import cells, cut


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("see you", 7),
        ("café", 4),
        ("cafe\u0301", 4),
        ("垃圾", 4),
        ("\N{PILE OF POO}", 2),
        ("שלום", 4),
        ("ﾊ", 1),
    ],
)
def test_a_wide_letter_takes_two_cells_and_a_mark_upon_a_letter_none(text: str, width: int) -> None:
    assert cells(text) == width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("1234567", "1234567"),
        ("12345678", "123456…"),
        ("\x1b[31m", r"\x1b[3…"),
        ("垃圾垃圾", "垃圾垃…"),
        ("a垃圾垃圾", "a垃圾…"),
        ("e\u0301" * 7, "e\u0301e\u0301e\u0301e\u0301…"),
        ("\u0301" * 1000, "\u0301" * 8 + "…"),
    ],
)
def test_a_text_is_cut_to_the_cells_there_are(text: str, shown: str) -> None:
    assert cut(text, 7) == shown
    assert cells(shown) <= 7


def test_a_file_is_not_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert not terminal.is_coloured(io.StringIO())


def test_where_there_is_no_terminal_a_line_has_eighty_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal.width() >= 1
    monkeypatch.setenv("COLUMNS", "33")
    assert terminal.width() == 33
