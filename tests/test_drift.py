"""python -m textrnn.drift: when it raises an alarm and when not, and which messages it asks to have labelled."""

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from tests.models import BEGINNINGS, ENDS, THINGS
from textrnn.core.errors import run
from textrnn.corpus import readers
from textrnn.corpus.encoding import as_file
from textrnn.corpus.rows import Wanted
from textrnn.drift import __main__ as drift
from textrnn.drift.choose import ALIKE, chosen, ngram_sets, similarity, unsure
from textrnn.drift.measures import LEVEL, furthest, holm, measures, ratio
from textrnn.inference import loading, predictor, reference
from textrnn.inference.reference import Rows

LABELS = ["ham", "spam"]
Drift = Callable[..., tuple[Any, str, str]]


def invented(
    count: int, seed: int, unknown: float = 0.05, length: float = 12, spam: float = 0.2, doubt: float = 9
) -> Rows:
    """Return rows of messages drawn at random."""
    random = np.random.default_rng(seed)
    tokens = random.poisson(length, count) + 1
    answers = (random.random(count) < spam).astype(np.int64)
    return Rows(tokens, random.binomial(tokens, unknown), answers, random.beta(doubt, 1, count) / 2 + 0.5)


@pytest.fixture
def ran(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Drift:
    """Give a function that runs the command on a file of this content, and writes into tmp_path/out."""

    def ran(content: bytes, *arguments: str, name: str = "messages.txt", model: Path = trained_model) -> Any:
        (tmp_path / name).write_bytes(content)
        where = ["--model", str(model), "--output", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["drift", str(tmp_path / name), *where, *arguments])
        try:
            code: Any = run(drift.main)
        except SystemExit as end:
            code = end.code
        return code, *capfd.readouterr()

    return ran


def messages(count: int, seed: int) -> list[str]:
    """Return messages as those of tests.models.corpus are."""
    random = np.random.default_rng(seed)
    return [
        f"{random.choice(BEGINNINGS[row % 2])} {random.choice(THINGS)}{random.choice(ENDS)}" for row in range(count)
    ]


# Alarms


def test_messages_of_the_same_source_seldom_raise_an_alarm() -> None:
    found = [measures(invented(120, seed), invented(200, 1000 + seed), LABELS) for seed in range(60)]
    by_chance = sum(any(one.p < LEVEL for one in four) for four in found)
    assert by_chance <= 8, "of 60, five per cent or fewer are expected: more than 8 have a chance of 0.3 %"
    assert all(not one.alarm or one.p < LEVEL for four in found for one in four)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"unknown": 0.15}, "unknown tokens"),
        ({"length": 16}, "length"),
        ({"spam": 0.5}, "answers"),
        ({"doubt": 4}, "confidence"),
    ],
)
def test_what_has_moved_raises_its_alarm_and_no_other(changes: dict[str, float], name: str) -> None:
    found = measures(invented(400, 1, **changes), invented(400, 2), LABELS)
    assert [one.name for one in found if one.alarm] == [name]
    assert {one.verdict for one in found if not one.alarm} == {"as in the test rows"}


def test_a_difference_that_is_no_chance_and_small_raises_no_alarm() -> None:
    found = measures(invented(6000, 1, unknown=0.06), invented(6000, 2), LABELS)
    assert (found[0].verdict, found[0].alarm) == ("a little different from the test rows", False)


def test_fewer_unknown_tokens_and_surer_answers_raise_no_alarm() -> None:
    found = measures(invented(400, 1, unknown=0.01, doubt=30), invented(400, 2), LABELS)
    assert not any(one.alarm for one in found)


def test_a_model_that_knows_no_tokens_is_not_asked_how_many_are_unknown(trained_model: Path) -> None:
    model = loading.load(trained_model)._replace(ids={})
    texts = messages(60, 3)
    probabilities = predictor.probabilities(model, texts)
    rows, unknown = reference.rows(model, texts, probabilities, probabilities.argmax(axis=1).astype(np.int16))
    assert rows.unknown.tolist() == [len(row) for row in unknown] == [0] * 60
    few, many = invented(400, 1, length=20), invented(400, 2)
    found = measures(few, many, LABELS, knows_tokens=False)
    assert [one.name for one in found] == ["length", "answers", "confidence"]
    assert [one.name for one in found if one.alarm] == ["length"]


def test_the_statistics_are_those_of_the_books() -> None:
    random = np.random.default_rng(0)
    values, own = random.integers(0, 9, 70), np.arange(70) < 30
    assert furthest(values)(own[None])[0] == pytest.approx(ks_2samp(values[own], values[~own]).statistic)
    part, whole = np.array([1, 0, 2, 3]), np.array([4, 4, 4, 4])
    assert ratio(part, whole)(np.array([[False, False, True, True]])) == pytest.approx([5 / 8 - 1 / 8])
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


# Which to label


def test_unsure_and_new_messages_come_first_and_no_two_are_alike() -> None:
    texts = [f"please send the blue form number {row}" for row in range(40)]
    texts += ["quokkas juggle xylophones", "zany wombats yodel fjords", "", "ok"]
    rows = Rows(np.full(44, 6), np.array([0] * 40 + [4, 4, 0, 0]), np.zeros(44, int), np.ones(44))
    doubt = np.full(44, 0.1)
    doubt[[7, 8]] = 0.9, 0.8
    picked = chosen(texts, doubt, rows, 10)
    assert {40, 41, 7} <= set(picked[:4])
    assert 8 not in picked, "it is as another one but for a number"
    sets = ngram_sets([texts[row] for row in picked])
    assert max(similarity(one, other) for at, one in enumerate(sets) for other in sets[:at]) < ALIKE
    assert chosen(texts, doubt, rows, 0) == []


def test_the_model_is_unsure_near_the_threshold_or_of_many_labels_near_the_second() -> None:
    two = np.array([[0.9, 0.1], [0.2, 0.8], [0.05, 0.95]])
    assert unsure(two, 1, 0.8).argmax() == 1
    assert unsure(np.array([[0.4, 0.35, 0.25], [0.8, 0.2, 0.0]]), None, 0.0) == pytest.approx([0.95, 0.4])


# The command


def test_new_messages_of_the_corpus_raise_no_alarm_and_those_of_another_do(ran: Drift) -> None:
    code, out, error = ran("\n".join(dict.fromkeys(messages(150, 7))).encode())
    assert (code, error) == (0, "")
    assert "!" not in out.partition("\n")[2].replace("!!", "")
    other = [f"den Kunden {row} bitte die Rechnung, zu zahlen bis Freitag, noch einmal schicken" for row in range(80)]
    code, out, error = ran("\n".join(other).encode())
    assert "! unknown tokens" in out
    assert "the vocabulary has moved" in out
    assert "! length" in out


def test_the_rows_to_label_are_a_corpus_once_their_labels_are_filled_in(ran: Drift, tmp_path: Path) -> None:
    texts = ["=1+1 wins", 'a "quoted", text', "naïve café\tnow", "<b>bold</b> text", "unlike any of the others here"]
    ran("\n".join(texts).encode(), "--rows", "4")
    written = (tmp_path / "out/label_next.csv").read_text("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(written, newline=""))
    assert header[:2] == ["label", "text"]
    assert len(rows) == 4
    filled = io.StringIO(newline="")
    csv.writer(filled).writerows([header, *(["spam", *row[1:]] for row in rows)])
    settings = readers.Settings(Wanted(0, 1), "auto", "auto", header=None)
    batches = readers.of_file(as_file(filled.getvalue().encode()), "next.csv", settings, lambda _: None)
    found = [(row.label, row.text) for batch in batches for row in batch()]
    assert found == [("spam", row[1]) for row in rows]
    assert {text for _, text in found} <= {text.replace("\t", " ").replace("=1", "'=1") for text in texts}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<script>alert(1)</script> {{ 7 * 7 }} \x1b[31m\x00\n\n \n\xff\xfe\xfa broken\n", "a.txt"),
        ('text\n"=HYPERLINK(""x"")\n@SUM"\n\u202eevil\n'.encode(), "a.csv"),
        (b"a" * 300_000, "long.txt"),
        (b"one\n", "<img onerror=x>.txt"),
    ],
)
def test_hostile_messages_are_shown_as_the_text_they_are(ran: Drift, tmp_path: Path, content: bytes, name: str) -> None:
    code, out, error = ran(content, name=name)
    assert (code, error) == (0, "")
    assert "\x1b" not in out
    page = (tmp_path / "out/index.html").read_text("utf-8")
    assert "<script" not in page
    assert "<img" not in page
    assert "49" not in page.partition("</style>")[2] or "{{ 7 * 7 }}" in page
    rows = csv.reader(io.StringIO((tmp_path / "out/label_next.csv").read_text("utf-8-sig"), newline=""))
    assert all(len(row) == len(drift.HEADER) and row[1][:1] not in ("=", "@") for row in rows)


def test_one_message_has_no_interval(ran: Drift) -> None:
    _, out, _ = ran(b"see you at the lamp\n", name="one.txt")
    lengths = next(line for line in out.splitlines() if "length" in line)
    assert "±" not in lengths.partition("; test rows ")[0]
    assert "±" in lengths.partition("; test rows ")[2]


@pytest.mark.parametrize(
    ("content", "name", "arguments", "said"),
    [
        (b"", "a.txt", (), "expected a message or more in"),
        (b"id\n1\n", "a.csv", (), "expected one column 'text'"),
        (b"{broken", "a.jsonl", (), "line 1: expected"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    ran: Drift, content: bytes, name: str, arguments: tuple[str, ...], said: str
) -> None:
    code, _, error = ran(content, *arguments, name=name)
    assert code == 1
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "content", [b"", b"tokens\tunknown\n", b"tokens\tunknown\tanswers\tconfidence\n1\t0\t9\t0.5\n", b"\xff",
                b"tokens\tunknown\tanswers\tconfidence\n1\tnan\t0\t0.5\n"]
)  # fmt: skip
def test_a_damaged_reference_is_an_error(ran: Drift, model_copy: Path, content: bytes) -> None:
    (model_copy / reference.NAME).write_bytes(content)
    code, _, error = ran(b"hello\n", model=model_copy)
    assert code == 1
    assert "reference.tsv as `dvc repro` writes it, found it damaged" in error


def test_a_large_file_is_sampled_and_a_repeated_message_counts_once(
    ran: Drift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "MOST", 50)
    code, out, _ = ran("\n".join(f"hello {row % 10}" for row in range(400)).encode())
    assert code == 0
    assert "400 messages, 50 of them drawn, 10 distinct" in out


def test_the_reference_is_that_of_the_test_rows(trained_model: Path) -> None:
    found = reference.read(trained_model, len(loading.load(trained_model).settings.labels))
    assert len(found.tokens) == len((trained_model.parent / "data/scored/predictions.tsv").read_text().splitlines()) - 1
    assert (found.unknown <= found.tokens).all()
    assert found.confidence.min() >= 0.5
