"""From a text to tokens, to the subwords of a token, and to a bag of n-grams. tests/test_fuzz.py tries any text."""

import math
import re
from collections import Counter
from itertools import groupby, pairwise
from typing import get_args
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.core.paths import ROOT
from textrnn.text import ngrams as ngrams_module
from textrnn.text import scripts, subwords
from textrnn.text.lookalikes import FOREIGN, LATIN, LOOKALIKES, folded
from textrnn.text.ngrams import LONG, MOST, bags, bags_of_many, index, ngrams, places, size, split, take
from textrnn.text.ngrams import WORDS as OF_WORDS
from textrnn.text.vocabulary import Tokenizer, spans, tokenize

TOKENIZERS: tuple[Tokenizer, ...] = get_args(Tokenizer)
REGEX = r"[A-Z]{2,}(?![a-z])|[A-Z][a-z]+(?=[A-Z])|[\'\w\-]+"  # of TensorFlow's VocabularyProcessor

# What the tokenizers tell apart, mixed: random characters would seldom make a link or a camelCase word.
PIECES = st.sampled_from(
    [
        *" \t\n\r\x0b\x1c\x1f\x85\xa0\u2028\u3000\x00\u200b\u200d\ufeff\u0301\u00ad\U0001f600\U0001f1ec",
        *"²½٣Ⅷª_'’-!?.,£€$%:;=8()[]dDpP/\\|*#@&",
        *("http://", "HTTPS://", "www.", "camelCase", "WIN", "Now", "don't", "İ", "ß", "中文", "12345", "0", "--"),
        *"กเา่ំ្ខ်္ヴー々ﾊﾟ한हि्\u0301\u200c",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join))


# Tokens


@given(TEXTS)
def test_word_is_the_regular_expression_of_the_vocabulary_processor(text: str) -> None:
    assert tokenize(text, "word") == re.findall(REGEX, text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("  \t\n?", ["?"]),
        ("Call NOW, camelCase", ["Call", "NOW", ",", "camelCase"]),
        ("don't don\u2019t rock'n'roll 'til", ["don't", "don\u2019t", "rock'n'roll", "'", "til"]),
        ("well-known snake_case __init__", ["well", "-", "known", "snake", "_", "case", "__", "init", "__"]),
        ("hm... what?!?! no!!!", ["hm", "...", "what", "?", "!", "?", "!", "no", "!!!"]),
        ("£5 €5 5p 5%", ["£", "5", "€", "5", "5", "p", "5", "%"]),
        ("1 12 123 1234 12345 07911123456", ["1", "00", "000", "0000", "12000", "07000000000"]),
        ("£1,000.50", ["£", "1", ",", "000", ".", "00"]),
        ("12/05/2024 at 10:30", ["00", "/", "00", "/", "0000", "at", "00", ":", "00"]),
        ("b4 2nite 150ppm", ["b", "4", "2", "nite", "000", "ppm"]),
        ("٣٤ ٣٤٥٦٧ x² ½ Ⅷ", ["00", "٣٤000", "x²", "½", "Ⅷ"]),
        ("see http://a.example/b?c=12345, or", ["see", "http://a.example/b?c=12345,", "or"]),
        ("WWW.EXAMPLE.COM HTTPS://X", ["WWW.EXAMPLE.COM", "HTTPS://X"]),
        ("http:// www. www", ["http", ":/", "/", "www", ".", "www"]),
        ("you@example.com #win", ["you", "@", "example", ".", "com", "#", "win"]),
        (":) :-( ;o) =D :'( 8) :/ :p", [":)", ":-(", ";o)", "=D", ":'(", "8)", ":/", ":p"]),
        ("18) a:drive :pm", ["00", ")", "a", ":", "drive", ":", "pm"]),
        ("naïve ÉCOLE שלום 안녕하세요 여러분", ["naïve", "ÉCOLE", "שלום", "안녕하세요", "여러분"]),
        ("\U0001f600\U0001f600\U0001f601", ["\U0001f600\U0001f600", "\U0001f601"]),
        ("a\u200bb \ufeff \x00\x00", ["a", "\u200b", "b", "\ufeff", "\x00\x00"]),
        ("one\u2028two\x85three\x1cfour", ["one", "two", "three", "four"]),
    ],
)
def test_rich_sees_capitals_marks_links_and_the_shapes_of_numbers(text: str, tokens: list[str]) -> None:
    assert tokenize(text, "rich") == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("cafe\u0301s a\u0301 \u0301!", "cafe\u0301s|a\u0301|\u0301|!"),
        ("हिन्दी में श्री।", "हिन्दी|में|श्री|।"),
        ("ශ්\u200dරී ලංකා", "ශ්\u200dරී|ලංකා"),  # a joiner after a mark is of the word
        ("كِتَابٌ می\u200cرود", "كِتَابٌ|می|\u200c|رود"),
        ("שָׁלוֹם", "שָׁלוֹם"),
        ("བོད་སྐད།", "བོད|་|སྐད|།"),  # syllables
        ("❤\ufe0f 1\ufe0f\u20e3 \U0001f468\u200d\U0001f469", "❤|\ufe0f|1|\ufe0f|\u20e3|\U0001f468|\u200d|\U0001f469"),
    ],
)
def test_marks_belong_to_the_word_that_they_stand_in(text: str, tokens: str) -> None:
    assert tokenize(text, "rich") == tokens.split("|")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("你好，iPhone手机12345!!", "你|好|，|iPhone|手|机|12000|!!"),
        ("々〇𠀋 中\u3099文", "々|〇|𠀋|中\u3099|文"),
        ("がっこうのパーティー。ﾊﾟﾝ カ\u3099", "が|っ|こ|う|の|パ|ー|テ|ィ|ー|。|ﾊﾟ|ﾝ|カ\u3099"),
        ("ไปกินข้าวที่เกาะน้ำ 555 ๆ", "ไป|กิ|น|ข้า|ว|ที่|เกาะ|น้ำ|000|ๆ"),
        ("ສະບາຍດີ ฿50", "ສະ|ບາ|ຍ|ດີ|฿|00"),
        ("សួស្តីខ្មែរ។", "សួ|ស្តី|ខ្មែ|រ|។"),
        ("မြန်မာ မင်္ဂလာ", "မြ|န်|မာ|မ|င်္ဂ|လာ"),
        ("ꦗꦮꦢ꧀ꦮ ᬩᬮᬶ", "ꦗ|ꦮ|ꦢ꧀ꦮ|ᬩ|ᬮᬶ"),
        ("ㄅㄆ ꀀꀁ", "ㄅ|ㄆ|ꀀ|ꀁ"),
    ],
)
def test_a_script_without_blanks_has_a_token_for_each_character_with_its_marks(text: str, tokens: str) -> None:
    assert tokenize(text, "rich") == tokens.split("|")


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(text=TEXTS, other=TEXTS)
def test_tokens_lie_where_their_spans_are_and_end_at_a_space(tokenizer: Tokenizer, text: str, other: str) -> None:
    tokens = tokenize(text, tokenizer)
    for token, (start, end) in zip(tokens, spans(text, tokenizer), strict=True):
        piece = text[start:end]
        assert piece == token or (piece.isdecimal() and len(piece) == len(token))
    assert tokenize(f"{text} {other}", tokenizer) == tokens + tokenize(other, tokenizer)


# Subwords

BUCKETS = 20_000


def test_the_features_of_a_token_are_its_word_case_shape_and_3_to_5_of_its_characters() -> None:
    names = ["word Hi!!", "case title", "shape a!!", "<hi!!>"]
    names += ["<hi", "hi!", "i!!", "!!>", "<hi!", "hi!!", "i!!>", "<hi!!", "hi!!>"]
    assert subwords.features("Hi!!", BUCKETS) == [1 + crc32(name.encode()) % BUCKETS for name in names]


@pytest.mark.parametrize(
    ("token", "case", "shape"),
    [
        ("", "lower", ""),
        ("FREE", "upper", "a"),
        ("U", "letter", "a"),
        ("中文", "lower", "a"),
        ("B4", "upper", "a0"),
        ("don't", "lower", "a'a"),
        ("!!!!!!!!!!!!", "lower", "!!!!!!!!"),
        ("http://a.example/b", "lower", "a://a.a/"),
    ],
)
def test_a_token_has_a_case_and_a_shape(token: str, case: str, shape: str) -> None:
    assert (subwords.case(token), subwords.shape(token)) == (case, shape)


# N-grams


def every_gram(text: str) -> Counter[int]:
    """Return how often each n-gram stands in a text, whose words the tokenizer's tests know."""
    spaced = "".join(
        " " if space else "".join(run) for space, run in groupby(text[:5000].lower(), key=lambda sign: sign.isspace())
    )
    words = re.findall(scripts.WORDS, spaced)
    of_words = [f"1\t{word}" for word in words] + [f"2\t{one} {two}" for one, two in pairwise(words)]
    inside = (spaced[start : start + length] for length in range(1, 6) for start in range(len(spaced) - length + 1))
    found = Counter(crc32(gram.encode()) for gram in inside)
    return found + Counter(OF_WORDS + crc32(gram.encode()) for gram in of_words)


WORDS = st.lists(
    st.sampled_from(["soup", "WIN", "a", "Bé", "x_1", "£9", "\t", "\n ", " ", "ß", "!", "漢"]), max_size=12
)
MESSAGES = st.one_of(st.text(max_size=40), WORDS.map("".join), WORDS.map(" ".join))


@given(st.lists(MESSAGES, max_size=6))
def test_a_bag_holds_each_gram_of_its_text_once_in_order_with_its_count_and_no_other(texts: list[str]) -> None:
    found = bags(texts)
    assert found.owners.tolist() == sorted(found.owners.tolist())
    assert found.grams.dtype == np.uint64
    for number, text in enumerate(texts):
        own = found.owners == number
        assert found.grams[own].tolist() == ngrams(text).tolist() == sorted(every_gram(text))
        assert dict(zip(found.grams[own].tolist(), found.counts[own].tolist(), strict=True)) == every_gram(text)


def test_in_scripts_without_blanks_every_letter_with_its_marks_is_a_word() -> None:
    (_, words), (_, spaced) = split(bags(["ok漢字かな ไทย"])), split(bags(["ok 漢 字 か な ไท ย"]))
    assert words.grams.tolist() == spaced.grams.tolist()
    assert OF_WORDS + crc32("2\t漢 字".encode()) in words.grams
    assert len(words.grams) == 7 + 6


def test_many_texts_have_the_same_bags_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams_module, "AT_ONCE", 2)
    texts = ["see soup", "", "soup, soup", "a", "漢字"]
    for many in (texts, texts[:4], texts[:1]):
        assert [array.tolist() for array in bags_of_many(many)] == [array.tolist() for array in bags(many)]


def test_some_texts_n_grams_are_those_of_these_texts() -> None:
    texts = ["see soup", "", "soup, soup", "a"]
    for some in ([True, False, True, True], [False] * 4):
        found = take(bags(texts), np.array(some))
        alone = bags([text for text, here in zip(texts, some, strict=True) if here])
        assert [array.tolist() for array in found] == [array.tolist() for array in alone]


def test_capitals_and_the_kind_and_length_of_white_space_make_no_difference() -> None:
    for other in ("WIN soup", "win\tsoup", "wIn \n\r\u00a0\u3000 SOUP"):
        assert ngrams(other).tolist() == ngrams("win soup").tolist()
    assert ngrams(" soup").tolist() != ngrams("soup").tolist(), "but there is white space or none"


def test_a_message_is_read_to_a_longest_length_and_no_further() -> None:
    full = "x" * (MOST - 1) + "y"
    assert ngrams(full + "z and more").tolist() == ngrams(full).tolist()
    assert crc32(b"y") in ngrams(full)
    for page in ("docs/advice.md", "textrnn/report/page.html"):
        assert f"{MOST:,} characters" in (ROOT / page).read_text("utf-8")


HASHES = st.one_of(st.integers(0, 9), st.integers(0, 2**33 - 1))


@given(st.sets(HASHES, max_size=12), st.lists(HASHES, max_size=12))
def test_the_place_of_every_known_gram_is_found_and_no_other(known: set[int], wanted: list[int]) -> None:
    order = sorted(known)
    found = places(index(np.array(order, np.uint64)), np.array([*wanted, *order], np.uint64))
    assert found.tolist() == [order.index(gram) if gram in known else -1 for gram in [*wanted, *order]]


def test_the_size_of_a_message_is_the_logarithm_of_its_characters_up_to_the_length_of_an_sms() -> None:
    for text, length in (("", 0), ("٣ is 3", 6), ("7" * 159, 159), ("7" * LONG, LONG), ("7" * 9000, LONG)):
        assert size(text) == pytest.approx(math.log(1 + length))


# Look-alikes

DISGUISED = {
    "W\u0406N a \u0441\u0430r": "WIN a car",
    "\u0440r\u0456z\u0435 f\u03bfr \u0443\u043eu": "prize for you",
    "w\u0456n \u0430 \u0441\u0430\u0440": "win a cap",  # words of look-alikes alone, in a text with a mixed word
    "F\u200bR\u2060E\ufe0fE\u00ad now\u200b": "FREE now",
    "\u0421\u200b\u0410L\u200b\u200dL": "CALL",
    "0\u200b8\u200b0 1\ufe0f\u20e3": "080 1\ufe0f\u20e3",  # a keycap stays
    "w\u0456n fr\u0435\u0435 \u043f\u0440\u0438\u0437": "win free приз",
}
GENUINE = (  # texts that are what they look like
    "роса у ос",  # of look-alikes alone
    "Купи iPhone с чехлом Apple MagSafe, у нас",
    "VIPа нет",  # a Latin word with a Russian ending
    "WEB-дизайн, SMSка",
    "Εγώ και εσύ, PCα",
    "می\u200cخواهم ខ្ញុំ\u200bទៅ \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
    "naïve café £5 — İstanbul ışık",
)


@pytest.mark.parametrize(("text", "plain"), DISGUISED.items())
def test_look_alikes_and_hidden_characters_in_latin_words_are_folded(text: str, plain: str) -> None:
    assert folded(text) == folded(plain) == plain


@pytest.mark.parametrize("text", GENUINE)
def test_a_text_in_another_script_is_not_folded(text: str) -> None:
    assert folded(text) == text


def test_each_look_alike_is_a_letter_of_another_script_in_the_case_of_its_latin_one() -> None:
    letters = [letter for of_one in LOOKALIKES.values() for letter in of_one]
    assert len(letters) == len(set(letters)) == len(LATIN)
    assert all(re.fullmatch(f"[{FOREIGN}]", letter) for letter in letters)
    wrong = {chr(code) for code, latin in LATIN.items() if chr(code).isupper() != latin.isupper()}
    assert wrong == {"\u042c"}  # the soft sign looks like b
