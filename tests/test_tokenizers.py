"""Text to tokens: what each tokenizer sees, and what it may not lose."""

import re
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from textrnn.text.tokenizers import Tokenizer, spans, tokenize

TOKENIZERS: tuple[Tokenizer, ...] = get_args(Tokenizer)
REGEX = r"[A-Z]{2,}(?![a-z])|[A-Z][a-z]+(?=[A-Z])|[\'\w\-]+"  # of TensorFlow's VocabularyProcessor

# What the tokenizers tell apart, mixed: characters alone would seldom make a link or a camelCase word.
PIECES = st.sampled_from(
    [
        *" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000",
        *"\x00\u200b\u200d\ufeff\u0301\u00ad²½٣Ⅷª_'’-!?.,£€$%:;=8()[]dDpP/\\|*#@&\"\U0001f600\U0001f1ec",
        *[
            "http://",
            "HTTPS://",
            "www.",
            "camelCase",
            "WIN",
            "Now",
            "don't",
            "İ",
            "ß",
            "中文",
            "12345",
            "0",
            "--",
            "__",
        ],
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join))


def bare(text: str) -> str:
    """Return `text` without white space and with every digit masked."""
    return re.sub(r"\d", "0", re.sub(r"\s", "", text))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("?", []),
        ("  \t\n", []),
        ("see you at 8", ["see", "you", "at", "8"]),
        ("Don't-stop 'til it's", ["Don't-stop", "'til", "it's"]),
        ("-- ' -'", ["--", "'", "-'"]),
        ("camelCase", ["camelCase"]),
        ("CamelCase", ["Camel", "Case"]),
        ("HTMLParser", ["HTML", "Parser"]),
        ("WIN NOW", ["WIN", "NOW"]),
        ("WINNow", ["WIN", "Now"]),
        ("WIN2024", ["WIN", "2024"]),
        ("U R A Star", ["U", "R", "A", "Star"]),
        ("OK-go", ["OK", "-go"]),
        ("won £1,000.50!!!", ["won", "1", "000", "50"]),
        ("07911123456", ["07911123456"]),
        ("snake_case", ["snake_case"]),
        ("www.example.com/a?b=1", ["www", "example", "com", "a", "b", "1"]),
        ("you@example.com", ["you", "example", "com"]),
        ("don\u2019t", ["don", "t"]),
        ("naïve ÉCOLE 中文 שלום", ["naïve", "ÉCOLE", "中文", "שלום"]),
        ("cafe\u0301", ["cafe"]),
        (":-) \U0001f600", ["-"]),
        ("one\u2028two\x85three", ["one", "two", "three"]),
    ],
)
def test_word_cuts_as_the_tutorials_tokenizer_does(text: str, tokens: list[str]) -> None:
    assert tokenize(text, "word") == tokens


@given(TEXTS)
def test_word_is_the_regular_expression_of_the_vocabulary_processor(text: str) -> None:
    assert tokenize(text, "word") == re.findall(REGEX, text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("?", ["?"]),
        ("  \t\n", []),
        ("Call NOW, ok", ["Call", "NOW", ",", "ok"]),
        ("camelCase HTMLParser", ["camelCase", "HTMLParser"]),
        ("don't don\u2019t rock'n'roll 'til", ["don't", "don\u2019t", "rock'n'roll", "'", "til"]),
        ("well-known", ["well", "-", "known"]),
        ("snake_case __init__", ["snake", "_", "case", "__", "init", "__"]),
        ("hm... what?!?! no!!!", ["hm", "...", "what", "?", "!", "?", "!", "no", "!!!"]),
        ("£5 $5 €5 5p 5%", ["£", "5", "$", "5", "€", "5", "5", "p", "5", "%"]),
        ("1 12 123 1234", ["1", "00", "000", "0000"]),
        ("12345 87121 07911123456", ["12000", "87000", "07000000000"]),
        ("£1,000.50", ["£", "1", ",", "000", ".", "00"]),
        ("on 12/05/2024 at 10:30", ["on", "00", "/", "00", "/", "0000", "at", "00", ":", "00"]),
        ("b4 2nite 150ppm", ["b", "4", "2", "nite", "000", "ppm"]),
        ("٣٤ ٣٤٥٦٧", ["00", "٣٤000"]),
        ("x² ½ Ⅷ", ["x²", "½", "Ⅷ"]),
        ("see http://a.example/b?c=12345, or", ["see", "http://a.example/b?c=12345,", "or"]),
        ("WWW.EXAMPLE.COM HTTPS://X", ["WWW.EXAMPLE.COM", "HTTPS://X"]),
        ("http:// www. www", ["http", ":/", "/", "www", ".", "www"]),
        ("you@example.com #win", ["you", "@", "example", ".", "com", "#", "win"]),
        (":) :-( ;o) =D :'( 8) :/ :p", [":)", ":-(", ";o)", "=D", ":'(", "8)", ":/", ":p"]),
        ("18) a:drive :pm", ["00", ")", "a", ":", "drive", ":", "pm"]),
        ("naïve ÉCOLE 中文 שלום", ["naïve", "ÉCOLE", "中文", "שלום"]),
        ("cafe\u0301", ["cafe", "\u0301"]),
        ("\U0001f600\U0001f600\U0001f601", ["\U0001f600\U0001f600", "\U0001f601"]),
        ("a\u200bb \ufeff \x00\x00", ["a", "\u200b", "b", "\ufeff", "\x00\x00"]),
        ("one\u2028two\x85three\x1cfour", ["one", "two", "three", "four"]),
    ],
)
def test_rich_sees_capitals_marks_links_and_the_shapes_of_numbers(text: str, tokens: list[str]) -> None:
    assert tokenize(text, "rich") == tokens


@given(TEXTS)
@example("a\u200b\u0301\x1c\x00b")
def test_rich_loses_nothing_but_white_space_and_digits(text: str) -> None:
    assert bare("".join(tokenize(text, "rich"))) == bare(text)


@given(TEXTS.map(lambda text: re.sub(r"\d", "", text)))
def test_rich_loses_nothing_but_white_space_where_there_are_no_digits(text: str) -> None:
    assert "".join(tokenize(text, "rich")) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(TEXTS)
def test_no_token_is_empty_or_holds_white_space_or_a_line_end(tokenizer: Tokenizer, text: str) -> None:
    for token in tokenize(text, tokenizer):
        assert token.split() == [token]
        assert token.splitlines() == [token]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(TEXTS, TEXTS)
def test_words_apart_are_cut_as_they_are_alone(tokenizer: Tokenizer, first: str, second: str) -> None:
    assert tokenize(f"{first} {second}", tokenizer) == tokenize(first, tokenizer) + tokenize(second, tokenizer)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(text=TEXTS)
def test_a_token_lies_where_its_span_is(tokenizer: Tokenizer, text: str) -> None:
    found = [text[start:end] for start, end in spans(text, tokenizer)]
    for piece, token in zip(found, tokenize(text, tokenizer), strict=True):
        assert piece == token or (piece.isdecimal() and len(piece) == len(token))
