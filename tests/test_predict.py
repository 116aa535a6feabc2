"""predict.py as its user runs it: a message a line in, its label and probability a line out."""

import gzip
import json
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer
from typing import Any, NamedTuple
from unittest.mock import Mock

import numpy as np
import psutil
import pytest

from tests.models import BEGINNINGS, THREE, TWO, resealed, trained
from tests.workspace import ended, unix_alone, wait_for
from textrnn.cli import predict, reader, writer
from textrnn.cli.terminal import width
from textrnn.cli.writer import Answer, Look
from textrnn.core import paths, process_pool
from textrnn.core.errors import UserError, run
from textrnn.core.files import read_json, write_json
from textrnn.inference import classifier, decision, explain, loading, predictor

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
    return predict.classify(classifier.load(model), texts, explain)


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


def test_a_file_is_answered_line_by_line_in_every_format(ran: Predict, file: Path, trained_model: Path) -> None:
    answers = expected(trained_model, TEXTS)
    table, tsv, jsonl = (ran("--input", file, "--format", style).lines for style in ("table", "tsv", "jsonl"))
    assert table[0] == "label  P(spam)  text"
    for line, answer in zip(table[1:], answers, strict=True):
        assert line.startswith(f"{answer.label:<5}   {answer.probability:.4f}  ")
        assert len(line) <= 80
    assert tsv == written(answers)
    assert [json.loads(line) for line in jsonl] == [
        {
            "label": answer.label, "probability": answer.probability, "text": answer.text,
            "probabilities": dict(zip(TWO, answer.probabilities, strict=True)),
        }
        for answer in answers
    ]  # fmt: skip
    assert (table[2][16:], tsv[1].split("\t")[2], json.loads(jsonl[1])["text"]) == ("(empty)", "", "")
    assert tsv[4].split("\t")[2] == r"\x1b[31mred\x1b[0m \x07 and\ttab �1m"
    assert tsv[5].split("\t")[2] == r"\x9b31m \u202eesrever \u2028 line \x00 nul"
    assert all(line.replace("\t", "").isprintable() for line in [*table, *tsv, *jsonl])


def test_the_likeliest_labels_are_told_in_every_format(ran: Predict) -> None:
    table, tsv, jsonl = (ran(SPAM, "--top", "9", "--format", style).lines for style in ("table", "tsv", "jsonl"))
    found = json.loads(jsonl[0])
    assert [label for label, _ in found["top"]] == ["spam", "ham"], "no more than there are"
    assert sum(probability for _, probability in found["top"]) == pytest.approx(1)
    (_, spam), (_, ham) = found["top"]
    assert found["probability"] == spam
    assert tsv == [f"spam\t{spam:.6f}\tspam\t{spam:.6f}\tham\t{ham:.6f}\t{SPAM}"]
    assert table == ["label    P(spam)  text", f"spam      {spam:.4f}  {SPAM}", f"  ham     {ham:.4f}"]


def test_an_empty_file_has_no_answers_and_a_binary_one_is_refused(
    ran: Predict, tmp_path: Path, trained_model: Path
) -> None:
    (tmp_path / "empty").write_bytes(b"\xef\xbb\xbf")
    assert ran("--input", tmp_path / "empty").lines == []
    path = trained_model / "model.onnx"
    done = ran("--input", path, "--kind", "lines")
    assert (done.code, done.out) == (1, b"")
    assert done.error.decode().startswith(f"error: {path}: expected text, found binary data")


@pytest.mark.parametrize(("positive", "negative"), [("spam", "ham"), ("ham", "spam")])
def test_the_probability_is_that_of_the_positive_label_which_wins_at_its_threshold(
    ran: Predict, model_copy: Path, positive: str, negative: str
) -> None:
    for threshold, label in ((0.0, positive), (1.0, negative)):
        decision = read_json(model_copy / "threshold.json") | {"positive_label": positive, "threshold": threshold}
        write_json(model_copy / "threshold.json", decision)
        predict.loaded.cache_clear()
        answer = json.loads(ran(SPAM, "--format", "jsonl", model=model_copy).lines[0])
        assert answer["label"] == label
        assert (answer["probability"] > 0.7) == (positive == "spam")


def test_a_message_is_normalised_as_the_corpus_was_and_shown_as_it_came(ran: Predict, model_copy: Path) -> None:
    unicode = {"unicode": "NFKC", "fold_lookalikes": True}
    changed = {"normalisation": unicode | {"lowercase": True, "ascii_only": True, "remove_pattern": "[0-9]+ "}}
    write_json(model_copy / "settings.json", read_json(model_copy / "settings.json") | changed)
    resealed(model_copy)
    lines = ran("win\ncaf", "123 WIN\ncafé", "--explain", "--format", "jsonl", model=model_copy).lines
    first, second = map(json.loads, lines)
    assert first["probability"] == second["probability"]
    assert second["text"] == "123 WIN\ncafé"
    found = explain.pieces(loading.load(model_copy), "win\ncaf", 1)
    assert second["explanation"] == [[text, round(weight, 4)] for text, weight in found if weight is not None]


@pytest.fixture
def three_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of three labels, the last of which was named as the positive one."""
    return trained(tmp_path_factory.getbasetemp(), THREE) / "model"


def test_of_three_labels_the_probability_is_that_of_the_answer_whichever_is_positive(
    three_labels: Path, ran: Predict
) -> None:
    texts = [f"{beginning} the lamp" for beginnings in BEGINNINGS for beginning in beginnings]
    table, tsv, jsonl = (
        ran(*texts, "--format", style, model=three_labels).lines for style in ("table", "tsv", "jsonl")
    )
    assert read_json(three_labels / "threshold.json")["positive_label"] in THREE
    assert table[0].split() == ["label", "P(answer)", "text"]
    found = [json.loads(line) for line in jsonl]
    assert {one["label"] for one in found} == set(THREE), "else this test would say little"
    for one, line, row in zip(found, tsv, table[1:], strict=True):
        assert list(one["probabilities"]) == sorted(THREE)
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert one["probability"] == max(one["probabilities"].values()) == one["probabilities"][one["label"]]
        assert line.split("\t")[:2] == [one["label"], f"{one['probability']:.6f}"]
        assert f"  {one['probability']:.4f}  " in row


# Messages that are names


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["support.csv"], "'support.csv' is taken as a message, not as a file: to read a file, run "
         "`python predict.py --input support.csv`"),
        (["my inbox.txt", "see you"], "'my inbox.txt' is taken as a message, not as a file: to read a file, run "
         "`python predict.py --input 'my inbox.txt'`"),
        (["folder", "support.csv"], "'folder', 'support.csv' are taken as messages, not as files: to read a file, run "
         "`python predict.py --input support.csv`"),
        (["folder"], "'folder' is taken as a message, not as a file: to read a file, run "
         "`python predict.py --input FILE`"),
        (["suport.csv"], "'suport.csv' is taken as a message, not as a file: to read a file, run "
         "`python predict.py --input FILE`"),
        (["see you", "", "no/such/path", "long " * 9000, "tea.txt"], None),
    ],
)  # fmt: skip
def test_a_message_that_is_the_name_of_a_file_is_answered_with_a_note(
    ran: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], said: str | None
) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("support.csv", "my inbox.txt"):
        (tmp_path / name).write_text("text\nhi\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    done = ran(*texts)
    assert (done.code, done.out.count(b"\n")) == (0, len(texts))
    assert done.error.decode() == (f"note: {said}\n" if said else "")


def test_a_folder_is_no_input_and_two_files_are_none(ran: Predict, tmp_path: Path) -> None:
    done = ran("--input", tmp_path)
    assert (done.code, done.out) == (1, b"")
    assert done.error.decode() == f"error: expected a file, found the folder {tmp_path}: name one file\n"
    done = ran("--input", tmp_path / "a.csv", tmp_path / "b.csv")
    assert (done.code, done.out) == (2, b"")
    assert b"error: expected messages, or --input with one file: " in done.error


# Help


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_help_is_as_wide_as_the_terminal_and_breaks_no_example(
    ran: Predict, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = ran("--help").lines
    start = lines.index("examples:")
    assert max(map(len, lines[:start])) in range(columns - 8, columns)
    examples = lines[start + 1 :]
    assert examples
    assert all(re.match(r"  (python predict\.py|tail -f .* \| python predict\.py) ", line) for line in examples)
    assert max(map(len, examples)) < 80
    names = [line.split("  ")[1] for line in lines if re.match(r"  \w", line) and not line.startswith("  -")]
    assert {"lines", "tsv, csv", "jsonl", "label", "probability", "top", "explanation", "text"} <= set(names)
    assert "  tsv, csv     a column, by its name" in "\n".join(lines)


# Explanations


@pytest.mark.parametrize(
    ("labels", "positive", "explained", "shown"),
    [
        (["ham", "spam", "news"], None, [2, 0], [0.7, 0.8]),
        (["ham", "spam"], 1, [1, 1], [0.2, 0.2]),
    ],
)
def test_of_two_labels_the_positive_one_is_explained_and_of_more_the_answer(
    trained_model: Path, monkeypatch: pytest.MonkeyPatch, labels: list[str], positive: int | None, explained: list[int],
    shown: list[float],
) -> None:  # fmt: skip
    """Here the probabilities are invented."""
    model = loading.load(trained_model)
    model = model._replace(settings=model.settings._replace(labels=labels))
    found = np.array([[0.1, 0.2, 0.7], [0.8, 0.2, 0.0]])[:, : len(labels)]
    monkeypatch.setattr(predictor, "probabilities", lambda *_: found)
    monkeypatch.setattr(explain, "pieces", lambda _, text, label: [(text, label)])
    answers = predict.classify(classifier.Classifier(model, decision.Rule(positive, 0.5)), [SPAM, HAM], explain=True)
    assert [answer.pieces for answer in answers] == [[(SPAM, explained[0])], [(HAM, explained[1])]]
    assert [answer.probability for answer in answers] == shown
    assert [answer.probabilities for answer in answers] == found.tolist()


# Terminals


@pytest.fixture
def terminal(ran: Predict, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Give a function that runs predict.py on a terminal of 60 columns, and returns what the terminal shows."""
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals")
    import fcntl
    import pty
    import termios

    end, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 24, 60, 0, 0))
    for name, value in {"TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": ""}.items():
        monkeypatch.setenv(name, value)

    def shown(*arguments: str) -> str:
        with os.fdopen(os.dup(other), "w") as stdout, monkeypatch.context() as patch:
            for name in ("stdout", "__stdout__"):
                patch.setattr(sys, name, stdout)
            assert ran(*arguments) == (0, b"", b"")
        os.write(other, b"\0")  # what is written before may come in several reads
        printed = b""
        while not printed.endswith(b"\0"):
            printed += os.read(end, 1 << 16)
        return printed[:-1].decode("utf-8").replace("\r\n", "\n")

    yield shown
    os.close(end)
    os.close(other)


def test_a_terminal_shows_an_explained_table_in_colours_unless_they_are_refused(
    terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = terminal("--explain", f"{SPAM}\x1b[1m", HAM)
    colours = re.findall(r"\x1b\[([\d;]*)m", shown)
    assert set(colours[1::2]) == {"0"}, "each ends where it began"
    assert all(re.fullmatch(r"38;5;16;48;5;(223|215|208|153|75|33)", colour) for colour in colours[::2])
    plain = re.sub(r"\x1b\[([\d;]*)m", "", shown)
    header, first, text, second, other = plain.splitlines()
    assert header == "label  P(spam)  for spam +, against it -, in log-odds"
    assert re.match(r"spam    0\.\d{4}  \S+ [+-]\d\.\d\d", first)
    assert text == rf"  {SPAM}\x1b[1m"
    assert re.match(r"ham     0\.\d{4}  \S+ [+-]\d\.\d\d", second)
    assert other == f"  {HAM}"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert terminal("--explain", f"{SPAM}\x1b[1m", HAM) == plain


def test_a_table_is_as_wide_as_the_terminal(terminal: Callable[..., str]) -> None:
    shown = terminal(SPAM, "wide \N{PILE OF POO} " * 40).splitlines()
    assert shown[0] == "label  P(spam)  text"
    assert re.fullmatch(rf"spam    0\.\d{{4}}  {SPAM}", shown[1])
    assert width(shown[2]) in range(56, 61), "after a whole word"
    assert shown[2].endswith((" wide…", " \N{PILE OF POO}…"))


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
def test_any_number_of_processes_answers_all_messages_before_a_row_without_one(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int, explained: bool
) -> None:
    texts = many(25 if explained else 600)
    rows = [json.dumps({"text": text}) for text in texts]
    (tmp_path / "many.jsonl").write_text("\n".join([*rows, "[]", *rows]), "utf-8")
    monkeypatch.setattr(predict, "ALONE", 100)
    monkeypatch.setattr(predict, "READ", 1 << 12)
    monkeypatch.setattr(process_pool, "processors", lambda: processes)
    look, source = Look("tsv", explained), reader.Source(str(tmp_path / "many.jsonl"), "jsonl", None)
    lines: list[str] = []
    with pytest.raises(UserError, match=f"line {len(texts) + 1}: expected a JSON object or a string, found a list"):
        lines.extend(predict.streamed(trained_model, look, source))
    assert "".join(lines) == "".join(writer.written(expected(trained_model, texts, explained), look))


@pytest.mark.parametrize(("packed", "processes"), [(False, 2), (False, 1), (True, 2)])
def test_several_processes_answer_a_long_file_from_its_second_part_on(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool, processes: int
) -> None:
    texts, file = many(600), tmp_path / "many"
    content = "".join(f"{text}\n" for text in texts).encode()
    file.write_bytes(gzip.compress(content) if packed else content)
    mapped = Mock(wraps=process_pool.mapped)
    monkeypatch.setattr(process_pool, "mapped", mapped)
    monkeypatch.setattr(process_pool, "processors", lambda: processes)
    monkeypatch.setattr(predict, "LONG", len(content))
    monkeypatch.setattr(predict, "READ", 1 << 12)
    look, source = Look("tsv", False), reader.Source(str(file), "lines", None)
    lines = "".join(predict.streamed(trained_model, look, source))
    assert lines == "".join(writer.written(expected(trained_model, texts), look))
    assert mapped.call_count == (processes > 1 and not packed), "how long a packed file is nobody knows before"


def test_after_a_long_stream_each_line_is_still_answered_and_ctrl_c_ends_all_processes_in_one_line(
    stream: subprocess.Popen[bytes],
) -> None:
    assert stream.stdin is not None
    assert stream.stdout is not None
    texts = many(predict.ALONE + 1000)
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
    wait_for(lambda: all(map(ended, started)))


@unix_alone
def test_a_reader_who_has_seen_enough_is_no_error(trained_model: Path, tmp_path: Path) -> None:
    (tmp_path / "many").write_bytes(f"{SPAM}\n".encode() * 4000)  # more than a pipe holds
    line = shlex.join(map(str, command(trained_model, "--input", tmp_path / "many"))) + " | head -n 1"
    shell = ["/bin/bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(shell, capture_output=True, env=ENVIRONMENT, check=False)
    assert (done.returncode, done.stdout[:5], done.stderr) == (0, b"spam\t", b"")


def test_a_message_that_is_not_utf_8_and_a_full_disk(trained_model: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(trained_model, b"caf\xe9 \xff"), stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False
        )
    assert done.returncode == 1
    assert re.fullmatch(rb"error: .*No space left on device.*\n", done.stderr)
