"""predict.py as its user runs it: a message a line in, its label and probability a line out."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest

import predict
from tests.models import resealed
from textrnn.cli import reader, writer
from textrnn.cli.writer import Answer, Look
from textrnn.core import paths, process_pool
from textrnn.core.errors import UserError, run
from textrnn.inference import explain, predictor

SPAM, HAM = "URGENT! Collect your two tickets", "mum says soup tomorrow 8pm"
LINES: list[bytes] = [
    SPAM.encode(),
    b"",
    HAM.encode(),
    "café £5 – 垃圾 \N{PILE OF POO}".encode(),
    b"\x1b[31mred\x1b[0m \x07 and\ttab \x9b1m",  # the last byte is not UTF-8
    "\x9b31m \u202eesrever \u2028 line \x00 nul".encode(),
    b"caf\xe9 \xff",
    b"ends as on Windows\r",
    ("long " * 60).encode(),
    b'"quoted", <b>&amp;</b> \\n \\',
    b"tea",
]
TEXTS = [line.decode("utf-8", errors="replace").rstrip("\r") for line in LINES]

# As a user's: PYTHONUNBUFFERED would write each line at once whatever predict.py does.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in {"PYTHONUNBUFFERED", "COLUMNS"}}


class Done(NamedTuple):
    """How a run of predict.py ended."""

    code: Any
    out: bytes
    error: bytes

    @property
    def lines(self) -> list[str]:
        """The lines of the output of a run that succeeded."""
        assert (self.code, self.error) == (0, b"")
        assert self.out.endswith(b"\n") or not self.out
        return self.out.decode("utf-8").split("\n")[:-1]

    @property
    def message(self) -> str:
        """The one line about a mistake that a user can mend."""
        assert (self.code, self.out, self.error.count(b"\n")) == (1, b"", 1)
        assert self.error.startswith(b"error: ")
        return self.error.decode("utf-8")


Predict = Callable[..., Done]


@pytest.fixture
def ran(
    trained_model: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Predict]:
    """Give a function that runs predict.py in this process with a command line."""

    def ran(*arguments: str | Path, model: Path = trained_model) -> Done:
        monkeypatch.setattr(sys, "argv", ["predict.py", "--model", str(model), *map(str, arguments)])
        try:
            code: Any = run(predict.main)
        except SystemExit as end:
            code = end.code
        return Done(code, *capfdbinary.readouterr())

    yield ran
    predict.loaded.cache_clear()


def command(model: Path, *arguments: str | bytes | Path) -> list[Any]:
    return [sys.executable, paths.ROOT / "predict.py", "--model", model, *arguments]


def expected(model: Path, texts: list[str], explain: bool = False) -> list[Answer]:
    loaded = predictor.load(model)
    return predict.classify(loaded, *predictor.decision(model, loaded.settings.labels), texts, explain)


def written(found: list[Answer]) -> list[str]:
    return [line.removesuffix("\n") for line in writer.written(found, Look("tsv"))]


def many(count: int) -> list[str]:
    """Return distinct messages of many lengths, some with characters of several bytes."""
    ends = ("", "!!", " on Friday", " для вас", " 00 \N{PILE OF POO}")
    return [f"{(HAM, SPAM)[number % 3 > 1]} {number}{ends[number % 5] * (number % 7)}" for number in range(count)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "messages.txt"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


# The answers


def test_messages_on_the_command_line_are_answered_in_order_in_tsv(ran: Predict) -> None:
    lines = ran(SPAM, HAM, SPAM, "").lines
    assert re.fullmatch(rf"spam\t0\.\d{{6}}\t{SPAM}", lines[0])
    assert [line.split("\t")[0] for line in lines[:3]] == ["spam", "ham", "spam"]
    assert [line.split("\t")[2] for line in lines] == [SPAM, HAM, SPAM, ""]
    assert lines[0] == lines[2]


def test_a_file_is_answered_line_by_line_in_every_format(ran: Predict, file: Path, trained_model: Path) -> None:
    answers = expected(trained_model, TEXTS)
    table, tsv, jsonl = (ran("--input", file, "--format", style).lines for style in ("table", "tsv", "jsonl"))
    assert table[0] == "label  P(spam)  text"
    for line, answer in zip(table[1:], answers, strict=True):
        assert line.startswith(f"{answer.label:<5}   {answer.probability:.4f}  ")
        assert len(line) <= 80
    assert tsv == written(answers)
    assert [json.loads(line) for line in jsonl] == [
        {"label": answer.label, "probability": answer.probability, "text": answer.text} for answer in answers
    ]
    assert tsv[4].split("\t")[2] == r"\x1b[31mred\x1b[0m \x07 and\ttab �1m"
    assert tsv[5].split("\t")[2] == r"\x9b31m \u202eesrever \u2028 line \x00 nul"
    assert all(line.replace("\t", "").isprintable() for line in [*table, *tsv, *jsonl])


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_answers(ran: Predict, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty").write_bytes(content)
    assert ran("--input", tmp_path / "empty").lines == []


def test_a_binary_file_is_answered_and_stays_harmless(ran: Predict, trained_model: Path) -> None:
    lines = ran("--input", trained_model / "model.onnx").lines
    assert len(lines) == len((trained_model / "model.onnx").read_bytes().removesuffix(b"\n").split(b"\n")) > 3
    assert all(line.replace("\t", "").isprintable() for line in lines)


def test_the_probability_is_that_of_the_positive_label_which_wins_at_its_threshold(
    ran: Predict, model_copy: Path
) -> None:
    answers = {}
    for positive, threshold in (("spam", 0.0), ("spam", 1.0), ("ham", 0.0), ("ham", 1.0)):
        decision = json.loads((model_copy / "threshold.json").read_text("utf-8"))
        decision |= {"positive_label": positive, "threshold": threshold}
        (model_copy / "threshold.json").write_text(json.dumps(decision))
        predict.loaded.cache_clear()
        answers[positive, threshold] = json.loads(ran(SPAM, "--format", "jsonl", model=model_copy).lines[0])
    assert {key: answer["label"] for key, answer in answers.items()} == {
        ("spam", 0.0): "spam", ("spam", 1.0): "ham", ("ham", 0.0): "ham", ("ham", 1.0): "spam",
    }  # fmt: skip
    assert answers["spam", 0.0]["probability"] == answers["spam", 1.0]["probability"] > 0.7
    assert answers["ham", 0.0]["probability"] == pytest.approx(1 - answers["spam", 0.0]["probability"], abs=2e-6)


def test_a_message_is_normalised_as_the_corpus_was_and_shown_as_it_came(ran: Predict, model_copy: Path) -> None:
    settings = json.loads((model_copy / "settings.json").read_text("utf-8"))
    settings["normalisation"] = {"lowercase": True, "ascii_only": True, "remove_pattern": "[0-9]+ "}
    (model_copy / "settings.json").write_text(json.dumps(settings))
    resealed(model_copy)
    lines = ran("win\ncaf", "123 WIN\ncafé", "--explain", "--format", "jsonl", model=model_copy).lines
    first, second = map(json.loads, lines)
    assert first["probability"] == second["probability"]
    assert second["text"] == "123 WIN\ncafé"
    assert [token for token, _ in second["explanation"]] == ["win", "caf"], "the tokens that the model reads"


# Explanations


def test_an_explanation_has_the_weight_of_each_token_for_the_positive_label(ran: Predict, trained_model: Path) -> None:
    (line,) = ran(f"{HAM} ", "--explain", "--format", "jsonl").lines
    pieces = explain.pieces(predictor.load(trained_model), f"{HAM} ", 1)
    weights = [[text, round(weight, 4)] for text, weight in pieces if weight is not None]
    assert json.loads(line)["label"] == "ham"
    assert json.loads(line)["explanation"] == weights
    assert len(weights) == 6


@pytest.mark.parametrize(("labels", "explained"), [(["ham", "spam", "news"], [2, 0]), (["ham", "spam"], [1, 1])])
def test_of_two_labels_the_positive_one_is_explained_and_of_more_the_answer(
    trained_model: Path, monkeypatch: pytest.MonkeyPatch, labels: list[str], explained: list[int]
) -> None:
    """A third label costs a training: here only the probabilities are invented."""
    model = predictor.load(trained_model)
    model = model._replace(settings=model.settings.model_copy(update={"labels": labels}))
    found = np.array([[0.1, 0.2, 0.7], [0.8, 0.2, 0.0]])[:, : len(labels)]
    monkeypatch.setattr(predictor, "probabilities", lambda *_: found)
    monkeypatch.setattr(predict, "pieces", lambda _, text, label: [(text, label)])
    answers = predict.classify(model, 1, 0.5, [SPAM, HAM], explain=True)
    assert [answer.pieces for answer in answers] == [[(SPAM, explained[0])], [(HAM, explained[1])]]
    assert [answer.probability for answer in answers] == [0.2, 0.2]


# Terminals


def on_a_terminal(model: Path, *arguments: str, variables: dict[str, str]) -> str:
    """Run predict.py with a terminal of 60 columns for its standard output, and return what the terminal shows."""
    end, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 24, 60, 0, 0))
    environment = ENVIRONMENT | {"TERM": "xterm-256color", "NO_COLOR": ""} | variables
    with subprocess.Popen(
        command(model, *arguments), stdin=subprocess.DEVNULL, stdout=other, stderr=subprocess.PIPE, env=environment
    ) as process:
        os.close(other)
        shown = b""
        with suppress(OSError):  # a terminal ends so on Linux
            while part := os.read(end, 1 << 16):
                shown += part
        os.close(end)
        assert process.stderr is not None
        assert (process.wait(), process.stderr.read()) == (0, b"")
    return shown.decode("utf-8").replace("\r\n", "\n")


def test_a_terminal_shows_an_explained_table_in_colours(trained_model: Path) -> None:
    shown = on_a_terminal(trained_model, "--explain", f"{SPAM}\x1b[1m", HAM, variables={})
    colours = re.findall(r"\x1b\[([\d;]*)m", shown)
    assert set(colours[1::2]) == {"0"}, "each ends where it began"
    assert all(re.fullmatch(r"38;5;16;48;5;(223|215|208|153|75|33)", colour) for colour in colours[::2])
    header, first, text, second, other = re.sub(r"\x1b\[([\d;]*)m", "", shown).splitlines()
    assert header == "label  P(spam)  for spam +, against it -, in log-odds"
    assert re.match(r"spam    0\.\d{4}  \S+ [+-]\d\.\d\d", first)
    assert text == rf"  {SPAM}\x1b[1m"
    assert re.match(r"ham     0\.\d{4}  \S+ [+-]\d\.\d\d", second)
    assert other == f"  {HAM}"


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_refused(trained_model: Path, variables: dict[str, str]) -> None:
    shown = on_a_terminal(trained_model, "--explain", SPAM, variables=variables)
    assert "\x1b" not in shown
    assert shown.startswith("label  P(spam)  for spam +")


def test_a_table_is_as_wide_as_the_terminal(trained_model: Path) -> None:
    shown = on_a_terminal(trained_model, SPAM, "wide \N{PILE OF POO} " * 40, variables={}).splitlines()
    assert shown[0] == "label  P(spam)  text"
    assert re.fullmatch(rf"spam    0\.\d{{4}}  {SPAM}", shown[1])
    assert writer.width(shown[2]) in {59, 60}
    assert shown[2].endswith("…")


# Streams


@pytest.fixture
def stream(trained_model: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start predict.py on a pipe. It is killed after ten minutes, so that a test does not wait for ever."""
    with subprocess.Popen(
        command(trained_model, "--input", "-", "--format", "tsv"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=ENVIRONMENT | {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    ) as process:  # fmt: skip
        timer = Timer(600, process.kill)
        timer.start()
        yield process
        timer.cancel()
        process.kill()


def answer_to(stream: subprocess.Popen[bytes], line: bytes) -> bytes:
    assert stream.stdin is not None
    assert stream.stdout is not None
    stream.stdin.write(line)
    stream.stdin.flush()
    return stream.stdout.readline()


def test_each_line_is_answered_before_the_next_one_comes(
    stream: subprocess.Popen[bytes], trained_model: Path, file: Path
) -> None:
    assert stream.stdin is not None
    assert answer_to(stream, b"\xef\xbb\xbftea\r\n").endswith(b"\ttea\n"), "neither mark nor line end is text"
    for byte in "café £5 \N{PILE OF POO} tea".encode():  # a line, and a character, may come in pieces
        stream.stdin.write(bytes([byte]))
        stream.stdin.flush()
    assert answer_to(stream, b"\n").decode().endswith("\tcafé £5 \N{PILE OF POO} tea\n")
    for text, answer in zip(TEXTS, written(expected(trained_model, TEXTS)), strict=True):
        assert answer_to(stream, f"{text}\n".encode()).decode() == f"{answer}\n"
    rest, said = stream.communicate(file.read_bytes() + HAM.encode())
    answers = written(expected(trained_model, [*TEXTS, HAM]))
    assert (rest.decode().splitlines(), said, stream.returncode) == (answers, b"", 0), "whatever the locale"


@pytest.mark.parametrize(("processes", "explained"), [(1, False), (3, False), (2, True)])
def test_the_number_of_processes_does_not_change_an_answer(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int, explained: bool
) -> None:
    times = predict.TOKENS if explained else 1
    texts = many(1500 // times)
    (tmp_path / "many").write_text("".join(f"{text}\n" for text in texts), "utf-8")
    monkeypatch.setattr(predict, "ALONE", 400)
    monkeypatch.setattr(predict, "READ", 1 << 14)
    monkeypatch.setattr(process_pool, "processors", lambda: processes)
    look = Look("tsv", explained)
    found = "".join(predict.streamed(trained_model, look, reader.Source(str(tmp_path / "many"), "lines", None)))
    assert found == "".join(writer.written(expected(trained_model, texts, explained), look))


@pytest.mark.parametrize("processes", [1, 3])
def test_all_messages_before_a_row_without_one_are_answered_first(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    rows = [json.dumps({"text": text}) for text in many(600)]
    (tmp_path / "many.jsonl").write_text("\n".join([*rows, "[]", *rows]), "utf-8")
    monkeypatch.setattr(predict, "ALONE", 100)
    monkeypatch.setattr(predict, "READ", 1 << 12)
    monkeypatch.setattr(process_pool, "processors", lambda: processes)
    source = reader.Source(str(tmp_path / "many.jsonl"), "jsonl", None)
    lines: list[str] = []
    with pytest.raises(UserError, match="line 601: expected a JSON object or a string, found a list"):
        lines.extend(predict.streamed(trained_model, Look("tsv"), source))
    assert len("".join(lines).splitlines()) == 600


def test_after_a_long_stream_each_line_is_still_answered_and_ctrl_c_ends_all_processes_in_one_line(
    stream: subprocess.Popen[bytes],
) -> None:
    assert stream.stdin is not None
    assert stream.stdout is not None
    texts = many(predict.ALONE + 3000)
    sender = Thread(target=stream.stdin.write, args=("".join(f"{text}\n" for text in texts).encode(),))
    sender.start()
    for text in texts:
        assert stream.stdout.readline().decode().endswith(f"\t{text}\n")
    sender.join()
    for text in (SPAM, HAM):
        assert answer_to(stream, f"{text}\n".encode()).endswith(f"\t{text}\n".encode())
    started = psutil.Process(stream.pid).children()
    assert len(started) > 1 or process_pool.processors() == 1
    for number in [stream.pid, *(process.pid for process in started)]:  # as a terminal does
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGINT)
    rest, said = stream.communicate()
    assert (rest, said, stream.returncode) == (b"", b"error: interrupted\n", 130)
    assert psutil.wait_procs(started, timeout=600)[1] == []


def test_a_reader_who_has_seen_enough_is_no_error(trained_model: Path, tmp_path: Path) -> None:
    (tmp_path / "many").write_bytes(f"{SPAM}\n".encode() * 4000)  # more than a pipe holds
    with subprocess.Popen(
        command(trained_model, "--input", tmp_path / "many"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"spam")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


# Tables of messages


def test_a_csv_is_known_by_its_name_and_answered_up_to_a_row_without_a_message(ran: Predict, tmp_path: Path) -> None:
    table = tmp_path / "messages.CSV"
    table.write_text(f'id,text,from\n1,"{SPAM}\nnow",x\n2,{HAM},y\n3\n4,never,z\n', "utf-8")
    done = ran("--input", table)
    fields = [line.split("\t") for line in done.out.decode().splitlines()]
    assert [(label, text) for label, _, text in fields] == [("spam", rf"{SPAM}\nnow"), ("ham", HAM)]
    assert (done.code, done.error.decode()) == (
        1,
        f"error: {table}, line 5: expected at least 2 columns, found 1: mend the row, or choose another --column\n",
    )
    assert [line.split("\t")[2] for line in ran("--input", table, "--column", "id").lines] == ["1", "2", "3", "4"]


# Mistakes


@pytest.mark.parametrize("name", ["none.txt", ""])
def test_a_file_that_cannot_be_read_is_named(ran: Predict, tmp_path: Path, name: str) -> None:
    message = ran("--input", tmp_path / name).message
    assert str(tmp_path / name) in message
    assert ("directory" in message) == (not name or "No such file or directory" in message)


@pytest.mark.parametrize("name", ["model.onnx", "settings.json", "vocabulary.tsv", "ngrams.npy", "threshold.json"])
def test_a_model_with_a_missing_file_is_refused(ran: Predict, model_copy: Path, name: str) -> None:
    (model_copy / name).unlink()
    message = ran("tea", model=model_copy).message
    assert f"expected the file {model_copy / name}, found none: run `dvc repro`" in message


def test_a_message_that_is_not_utf_8_and_a_full_disk(trained_model: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(trained_model, b"caf\xe9 \xff"), stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False
        )
    assert done.returncode == 1
    assert re.fullmatch(rb"error: .*No space left on device.*\n", done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["tea", "--input", "-"],
        ["tea", "--format", "xml"],
        ["tea", "--colour"],
        ["tea", "--kind", "csv"],
        ["--input", "file", "--column", "0"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_an_error_of_its_own(ran: Predict, arguments: list[str]) -> None:
    done = ran(*arguments)
    assert (done.code, done.out) == (2, b"")
    assert b"usage: predict.py" in done.error


def test_the_help_fits_80_columns_and_shows_examples_and_the_columns(
    ran: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = ran("--help").lines
    assert max(map(len, lines)) < 80
    for words in ("columns:", "  probability  of the positive label", "examples:", "--column NAME|N", "NO_COLOR"):
        assert words in "\n".join(lines)
