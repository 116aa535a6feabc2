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
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import psutil
import pytest

import predict
from tests.models import THREE, resealed, trained
from textrnn.cli import reader, writer
from textrnn.cli.writer import Answer, Look
from textrnn.core import paths, process_pool
from textrnn.core.errors import UserError
from textrnn.inference import explain, predictor

SPAM, HAM = "URGENT! Collect your two tickets", "mum says soup tomorrow 8pm"
LINES: list[bytes] = [
    SPAM.encode(),
    b"",
    HAM.encode(),
    "café £5 – 垃圾 \N{PILE OF POO}".encode(),
    b"\x1b[31mred\x1b[0m \x07 and\ttab \x9b1m",  # the last byte is no UTF-8
    "\x9b31m \u202eesrever \u2028 line \x00 nul".encode(),
    b"caf\xe9 \xff",
    b"ends as on Windows\r",
    ("long " * 60).encode(),
    b'"quoted", <b>&amp;</b> \\n \\',
    b"tea",
]


# As a user's: PYTHONUNBUFFERED would write each line at once whatever predict.py does.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def command(model: Path, *arguments: str | bytes | Path) -> list[Any]:
    return [sys.executable, paths.ROOT / "predict.py", "--model", model, *arguments]


def ran(
    model: Path, *arguments: str | bytes | Path, given: bytes = b"", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run predict.py to its end."""
    return subprocess.run(
        command(model, *arguments), input=given, env=ENVIRONMENT | (environment or {}), capture_output=True,
        check=False, timeout=60,
    )  # fmt: skip


def succeeded(
    model: Path, *arguments: str | bytes | Path, given: bytes = b"", environment: dict[str, str] | None = None
) -> list[str]:
    """Run predict.py, which must succeed and say nothing else, and return the lines of its output."""
    done = ran(model, *arguments, given=given, environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"\n") or not done.stdout
    return done.stdout.decode("utf-8").split("\n")[:-1]


def failed(model: Path, *arguments: str | bytes | Path) -> str:
    """Run predict.py, which must fail as a user's mistake does, and return its one message."""
    done = ran(model, *arguments)
    assert done.returncode == 1
    assert done.stdout == b""
    message = done.stderr.decode("utf-8")
    assert message.startswith("error: ")
    assert message.count("\n") == 1, "one line, and no traceback"
    return message


def on_a_terminal(
    model: Path, *arguments: str | Path, columns: int = 80, variables: dict[str, str] | None = None
) -> str:
    """Run predict.py with a terminal of so many columns for its standard output, and return what that shows."""
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in {"COLUMNS", "NO_COLOR"}}
    end, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    with subprocess.Popen(
        command(model, *arguments), stdin=subprocess.DEVNULL, stdout=other, stderr=subprocess.PIPE,
        env=environment | {"TERM": "xterm-256color"} | (variables or {}),
    ) as process:  # fmt: skip
        os.close(other)
        shown = b""
        with suppress(OSError):  # so a terminal ends, on Linux
            while part := os.read(end, 1 << 16):
                shown += part
        os.close(end)
        assert process.stderr is not None
        assert (process.wait(), process.stderr.read()) == (0, b"")
    return shown.decode("utf-8").replace("\r\n", "\n")


def expected(model: Path, texts: list[str], explain: bool = False) -> list[Answer]:
    loaded = predictor.load(model)
    positive, threshold = predictor.decision(model, loaded.settings.labels)
    return predict.classify(loaded, positive, threshold, texts, explain)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Return LINES as texts."""
    return [line.decode("utf-8", errors="replace").rstrip("\r") for line in LINES]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "messages.txt"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


@pytest.fixture(scope="module")
def outputs(trained_model: Path, file: Path) -> dict[str, list[str]]:
    """Return what is written for LINES, by format."""
    return {style: succeeded(trained_model, "--input", file, "--format", style) for style in ("table", "tsv", "jsonl")}


def test_messages_on_the_command_line_are_answered_in_order(trained_model: Path) -> None:
    lines = succeeded(trained_model, SPAM, HAM, SPAM, "--format", "tsv")
    assert [line.split("\t")[0] for line in lines] == ["spam", "ham", "spam"]
    assert [line.split("\t")[2] for line in lines] == [SPAM, HAM, SPAM]
    assert lines[0] == lines[2]


def test_tsv_is_what_comes_unasked_in_a_pipe(trained_model: Path) -> None:
    (line,) = succeeded(trained_model, SPAM)
    assert re.fullmatch(rf"spam\t0\.\d{{6}}\t{SPAM}", line)


def test_a_table_aligns_labels_probabilities_and_the_beginnings_of_messages(
    outputs: dict[str, list[str]], texts: list[str], trained_model: Path
) -> None:
    header, *lines = outputs["table"]
    assert header == "label  P(spam)  text"
    for line, answer in zip(lines, expected(trained_model, texts), strict=True):
        assert line[:16] == f"{answer.label:<5}   {answer.probability:.4f}  "
        assert len(line) <= 80
    assert lines[8].endswith(" long lon…")


def test_a_table_as_wide_as_the_terminal_is_what_comes_unasked_on_one(trained_model: Path) -> None:
    shown = on_a_terminal(trained_model, SPAM, "wide \N{PILE OF POO} " * 40, columns=60).splitlines()
    assert shown[0] == "label  P(spam)  text"
    assert re.fullmatch(rf"spam    0\.\d{{4}}  {SPAM}", shown[1])
    assert len(shown[2]) + shown[2].count("\N{PILE OF POO}") in {59, 60}
    assert shown[2].endswith("…")
    assert len(shown) == 3


def test_tsv_can_be_asked_for_on_a_terminal(trained_model: Path) -> None:
    assert re.fullmatch(rf"spam\t0\.\d{{6}}\t{SPAM}\n", on_a_terminal(trained_model, SPAM, "--format", "tsv"))


def test_tsv_has_three_fields_a_line(outputs: dict[str, list[str]], texts: list[str], trained_model: Path) -> None:
    for line, answer in zip(outputs["tsv"], expected(trained_model, texts), strict=True):
        assert line.split("\t")[:2] == [answer.label, f"{answer.probability:.6f}"]
        assert line.count("\t") == 2
    assert outputs["tsv"][3].split("\t")[2] == texts[3]


def test_jsonl_holds_each_message_as_it_is(
    outputs: dict[str, list[str]], texts: list[str], trained_model: Path
) -> None:
    for line, answer in zip(outputs["jsonl"], expected(trained_model, texts), strict=True):
        assert json.loads(line) == {"label": answer.label, "probability": answer.probability, "text": answer.text}
    assert all(line.isascii() for line in outputs["jsonl"])
    assert all(list(json.loads(line)) == ["label", "probability", "text"] for line in outputs["jsonl"])


def test_an_empty_line_is_a_message_too(outputs: dict[str, list[str]]) -> None:
    assert json.loads(outputs["jsonl"][1])["text"] == ""
    assert outputs["tsv"][1].endswith("\t")


def test_bytes_that_are_no_utf_8_are_replaced(outputs: dict[str, list[str]]) -> None:
    assert json.loads(outputs["jsonl"][6])["text"] == "caf\ufffd \ufffd"


@pytest.mark.parametrize("style", ["table", "tsv", "jsonl"])
def test_nothing_in_a_message_can_steer_a_terminal(outputs: dict[str, list[str]], style: str) -> None:
    for line in outputs[style]:
        assert all(letter.isprintable() for letter in line.replace("\t", " " if style == "tsv" else "\t"))
    assert "[31mred" in outputs[style][4 + (style == "table")]


def test_what_is_escaped_can_still_be_read(outputs: dict[str, list[str]]) -> None:
    assert outputs["tsv"][4].split("\t")[2] == r"\x1b[31mred\x1b[0m \x07 and\ttab �1m"
    assert outputs["tsv"][5].split("\t")[2] == r"\x9b31m \u202eesrever \u2028 line \x00 nul"
    assert outputs["tsv"][9].split("\t")[2] == LINES[9].decode()


def test_standard_input_is_answered_as_a_file_is(trained_model: Path, outputs: dict[str, list[str]]) -> None:
    assert (
        succeeded(trained_model, "--input", "-", "--format", "tsv", given=b"\n".join(LINES) + b"\n") == outputs["tsv"]
    )


@pytest.mark.parametrize("source", ["a file", "standard input"])
def test_a_last_line_without_its_end_and_a_byte_order_mark_are_read(
    trained_model: Path, tmp_path: Path, source: str
) -> None:
    raw = b"\xef\xbb\xbf" + SPAM.encode() + b"\r\n" + HAM.encode()
    (tmp_path / "messages").write_bytes(raw)
    found = succeeded(
        trained_model,
        "--input",
        "-" if source == "standard input" else tmp_path / "messages",
        "--format",
        "jsonl",
        given=raw,
    )
    assert [json.loads(line)["text"] for line in found] == [SPAM, HAM]


def test_a_file_of_more_lines_than_are_read_at_once_is_answered_in_order(trained_model: Path, tmp_path: Path) -> None:
    texts = [f"{SPAM if number % 3 else HAM} {number}" for number in range(predict.ALONE + 2000)]
    assert sum(map(len, texts)) > predict.READ
    (tmp_path / "many").write_text("".join(f"{text}\n" for text in texts))
    found = [json.loads(line) for line in succeeded(trained_model, "--input", tmp_path / "many", "--format", "jsonl")]
    assert [one["text"] for one in found] == texts
    assert [one["label"] for one in found] == ["spam" if number % 3 else "ham" for number in range(len(texts))]


@pytest.fixture
def stream(trained_model: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start predict.py on a pipe. It is killed after a minute, so that a test does not wait for ever."""
    with subprocess.Popen(
        command(trained_model, "--input", "-", "--format", "tsv"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=ENVIRONMENT,
    ) as process:  # fmt: skip
        timer = Timer(60, process.kill)
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


def test_each_line_is_answered_before_the_next_one_comes(stream: subprocess.Popen[bytes]) -> None:
    for text, label in ((SPAM, b"spam"), ("", b""), (HAM, b"ham"), (SPAM, b"spam")):
        answer = answer_to(stream, f"{text}\n".encode())
        assert answer.startswith(label)
        assert answer.endswith(f"\t{text}\n".encode())
    rest, said = stream.communicate()
    assert (rest, said, stream.returncode) == (b"", b"", 0)


def many(count: int) -> list[str]:
    """Return distinct messages of many lengths, some with characters of several bytes."""
    ends = ("", "!!", " on Friday", " для вас", " 00 \N{PILE OF POO}")
    return [f"{(HAM, SPAM)[number % 3 > 1]} {number}{ends[number % 5] * (number % 7)}" for number in range(count)]


def test_lines_that_wait_together_are_answered_as_one_by_one(
    stream: subprocess.Popen[bytes], trained_model: Path
) -> None:
    texts = many(300)
    alone = [line for text in texts[:40] for line in written(expected(trained_model, [text]))]
    together, said = stream.communicate("".join(f"{text}\n" for text in texts).encode())
    assert said == b""
    assert together.decode().splitlines()[:40] == alone
    assert together.decode().splitlines() == written(expected(trained_model, texts))


def written(found: list[Answer]) -> list[str]:
    return [line.removesuffix("\n") for line in writer.written(found, Look("tsv"))]


def test_part_of_a_line_waits_for_the_rest_of_it(stream: subprocess.Popen[bytes]) -> None:
    assert stream.stdin is not None
    for part in ("caf", "é £5 ", "\N{PILE OF POO}", " tea"):
        for byte in part.encode():  # a character may come in pieces too
            stream.stdin.write(bytes([byte]))
            stream.stdin.flush()
    assert answer_to(stream, b"\n").decode().endswith("\tcafé £5 \N{PILE OF POO} tea\n")


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_number_of_processes_does_not_change_an_answer(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    texts = many(1500)
    (tmp_path / "many").write_text("".join(f"{text}\n" for text in texts), "utf-8")
    monkeypatch.setattr(predict, "ALONE", 400)
    monkeypatch.setattr(predict, "READ", 1 << 14)
    monkeypatch.setattr(process_pool, "processors", lambda: processes)
    source = reader.Source(str(tmp_path / "many"), "lines", None)
    found = "".join(predict.streamed(trained_model, Look("tsv"), source))
    assert found.splitlines() == written(expected(trained_model, texts))


def test_after_a_long_stream_each_line_is_still_answered_before_the_next_one_comes(
    stream: subprocess.Popen[bytes],
) -> None:
    assert stream.stdin is not None
    assert stream.stdout is not None
    texts = many(predict.ALONE + 3000)
    writer = Thread(target=stream.stdin.write, args=("".join(f"{text}\n" for text in texts).encode(),))
    writer.start()
    for text in texts:
        assert stream.stdout.readline().decode().endswith(f"\t{text}\n")
    writer.join()
    for text in (SPAM, HAM):
        assert answer_to(stream, f"{text}\n".encode()).endswith(f"\t{text}\n".encode())
    started = psutil.Process(stream.pid).children()
    assert len(started) > 1 or process_pool.processors() == 1
    for number in [stream.pid, *(process.pid for process in started)]:  # as a terminal does
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGINT)
    rest, said = stream.communicate()
    assert (rest, said, stream.returncode) == (b"", b"error: interrupted\n", 130)
    assert psutil.wait_procs(started, timeout=10)[1] == []


def test_ctrl_c_ends_a_stream_in_one_line(stream: subprocess.Popen[bytes]) -> None:
    answer_to(stream, b"tea\n")  # it listens
    stream.send_signal(signal.SIGINT)
    rest, said = stream.communicate()
    assert (rest, said, stream.returncode) == (b"", b"error: interrupted\n", 130)


@pytest.mark.parametrize("source", ["a file", "standard input"])
def test_a_reader_who_has_seen_enough_is_no_error(trained_model: Path, tmp_path: Path, source: str) -> None:
    raw = f"{SPAM}\n".encode() * 20_000  # more than a pipe holds
    (tmp_path / "many").write_bytes(raw)
    with (tmp_path / "many").open("rb") as standard_input, subprocess.Popen(
        command(trained_model, "--input", "-" if source == "standard input" else tmp_path / "many"),
        stdin=standard_input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"spam")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_answers(trained_model: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty").write_bytes(content)
    assert succeeded(trained_model, "--input", tmp_path / "empty") == []


def test_empty_standard_input_has_no_answers(trained_model: Path) -> None:
    assert succeeded(trained_model, "--input", "-", given=b"") == []


def test_a_binary_file_is_answered_and_stays_harmless(trained_model: Path) -> None:
    lines = succeeded(trained_model, "--input", trained_model / "model.onnx")
    assert len(lines) == len((trained_model / "model.onnx").read_bytes().removesuffix(b"\n").split(b"\n")) > 3
    assert all(line.replace("\t", "").isprintable() for line in lines)


def test_a_message_on_the_command_line_that_is_no_utf_8_is_answered(trained_model: Path) -> None:
    (line,) = succeeded(trained_model, b"caf\xe9 \xff", "--format", "jsonl")
    assert json.loads(line)["text"] == "caf\ufffd \ufffd"


def test_an_empty_message_on_the_command_line_is_answered(trained_model: Path) -> None:
    (line,) = succeeded(trained_model, "", "--format", "jsonl")
    assert json.loads(line)["text"] == ""


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONUTF8": "0"}])
def test_the_users_locale_does_not_change_the_bytes(
    trained_model: Path, file: Path, outputs: dict[str, list[str]], variables: dict[str, str]
) -> None:
    assert succeeded(trained_model, "--input", file, "--format", "tsv", environment=variables) == outputs["tsv"]


def test_a_file_that_is_not_there_is_named(trained_model: Path, tmp_path: Path) -> None:
    assert str(tmp_path / "none.txt") in failed(trained_model, "--input", tmp_path / "none.txt")


def test_a_directory_of_messages_is_refused(trained_model: Path, tmp_path: Path) -> None:
    message = failed(trained_model, "--input", tmp_path)
    assert str(tmp_path) in message
    assert "directory" in message


def test_without_a_model_the_user_is_told_how_to_make_one(tmp_path: Path) -> None:
    message = failed(tmp_path / "none", "tea")
    assert str(tmp_path / "none") in message
    assert "dvc repro" in message


@pytest.mark.parametrize("name", ["model.onnx", "settings.json", "vocabulary.tsv", "ngrams.npy", "threshold.json"])
@pytest.mark.parametrize("content", [None, b"\x00\xff{"], ids=["missing", "damaged"])
def test_a_model_with_a_missing_or_damaged_file_is_refused(model_copy: Path, name: str, content: bytes | None) -> None:
    (model_copy / name).unlink()
    if content is not None:
        (model_copy / name).write_bytes(content)
    message = failed(model_copy, "tea")
    assert str(model_copy / name) in message
    assert "expected" in message
    assert "found" in message


def test_a_full_disk_is_told_in_one_line(trained_model: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(trained_model, "tea"), stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert b"No space left on device" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["tea", "--input", "-"],
        ["tea", "--input", "file"],
        ["tea", "--format", "xml"],
        ["tea", "--colour"],
        ["tea", "--kind", "csv"],
        ["--input", "file", "--column", "0"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_an_error_of_its_own(trained_model: Path, arguments: list[str]) -> None:
    done = ran(trained_model, *arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"usage: predict.py" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_help_shows_examples_and_what_the_columns_mean(trained_model: Path) -> None:
    said = "\n".join(succeeded(trained_model, "--help", environment={"COLUMNS": "80"}))
    for words in ("columns:", "  probability  of the positive label", "examples:", "--column NAME|N", "NO_COLOR"):
        assert words in said


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a CSV of messages, whose third row has none."""
    path = tmp_path_factory.mktemp("input") / "messages.CSV"
    path.write_text(f'id,text,from\n1,"{SPAM}\nnow",x\n2,{HAM},y\n3\n4,never,z\n', "utf-8")
    return path


def test_a_csv_is_known_by_its_name_and_answered_up_to_a_row_without_a_message(
    trained_model: Path, table: Path
) -> None:
    done = ran(trained_model, "--input", table)
    fields = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [(label, text) for label, _, text in fields] == [("spam", rf"{SPAM}\nnow"), ("ham", HAM)]
    assert done.returncode == 1
    assert done.stderr.decode() == (
        f"error: {table}, line 5: expected at least 2 columns, found 1: mend the row, or choose another --column\n"
    )


def test_another_column_may_be_named(trained_model: Path, table: Path) -> None:
    done = ran(trained_model, "--input", table, "--column", "id")
    assert [line.split(b"\t")[2] for line in done.stdout.splitlines()] == [b"1", b"2", b"3", b"4"]


def test_rows_of_a_stream_are_answered_as_they_come(trained_model: Path) -> None:
    with subprocess.Popen(
        command(trained_model, "--input", "-", "--kind", "jsonl", "--format", "jsonl"), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
    ) as process:  # fmt: skip
        for text in (SPAM, "two\nlines", "\N{PILE OF POO}"):
            answer = answer_to(process, json.dumps({"text": text}).encode() + b"\n")
            assert json.loads(answer)["text"] == text
        rest, said = process.communicate(b"no JSON\n")
    assert (rest, process.returncode) == (b"", 1)
    assert said.startswith(b"error: standard input, line 4: expected a JSON object, found none ")


@pytest.mark.parametrize("processes", [1, 3])
def test_all_before_a_row_without_a_message_is_answered_first(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    texts = many(600)
    rows = [json.dumps({"text": text}) for text in texts]
    (tmp_path / "many.jsonl").write_text("\n".join([*rows, "[]", *rows]), "utf-8")
    monkeypatch.setattr(predict, "ALONE", 100)
    monkeypatch.setattr(predict, "READ", 1 << 12)
    monkeypatch.setattr(process_pool, "processors", lambda: processes)
    source = reader.Source(str(tmp_path / "many.jsonl"), "jsonl", None)
    found = predict.streamed(trained_model, Look("tsv"), source)
    lines: list[str] = []
    with pytest.raises(UserError, match="line 601: expected a JSON object or a string, found a list"):
        lines.extend(found)
    assert len("".join(lines).splitlines()) == 600


def test_an_explanation_has_what_each_token_does_for_the_positive_label(trained_model: Path) -> None:
    (line,) = succeeded(trained_model, f"{HAM} ", "--explain", "--format", "jsonl")
    model = predictor.load(trained_model)
    parts = explain.parts(model, f"{HAM} ", model.settings.labels.index("spam"))
    assert json.loads(line)["label"] == "ham"
    assert json.loads(line)["explanation"] == [[HAM[one.start : one.end], round(one.weight, 4)] for one in parts]
    assert len(parts) == 6


def test_of_more_than_two_labels_the_answer_is_explained(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = trained(tmp_path_factory.getbasetemp(), THREE) / "model"
    model = predictor.load(directory)
    for answer in expected(directory, [SPAM, HAM, "your parcel: the red box"], explain=True):
        parts = explain.parts(model, answer.text, model.settings.labels.index(answer.label))
        assert answer.pieces == writer.in_pieces(answer.text, parts)
        assert "".join(text for text, _ in answer.pieces) == answer.text


def test_an_explained_message_is_the_one_that_the_model_reads(model_copy: Path) -> None:
    settings = json.loads((model_copy / "settings.json").read_text("utf-8"))
    settings["normalisation"] = {"lowercase": True, "ascii_only": True, "remove_pattern": ""}
    (model_copy / "settings.json").write_text(json.dumps(settings))
    resealed(model_copy)
    (answer,) = expected(model_copy, ["WIN\ncafé"], explain=True)
    assert answer.text == "WIN\ncafé"
    assert [text for text, _ in answer.pieces] == ["win", " ", "caf"]


ESCAPE = re.compile(r"\x1b\[([\d;]*)m")


def test_on_a_terminal_an_explained_message_is_in_colours(trained_model: Path) -> None:
    shown = on_a_terminal(trained_model, "--explain", f"{SPAM}\x1b[1m", HAM)
    colours = ESCAPE.findall(shown)
    assert set(colours[1::2]) == {"0"}, "each ends where it began"
    assert all(re.fullmatch(r"38;5;16;48;5;(223|215|208|153|75|33)", colour) for colour in colours[::2])
    plain = ESCAPE.sub("", shown)
    assert "\x1b" not in plain
    header, first, text, second, other = plain.splitlines()
    assert header == "label  P(spam)  for spam +, against it -, in log-odds"
    assert re.match(r"spam    0\.\d{4}  \S+ [+-]\d\.\d\d", first)
    assert text == rf"  {SPAM}\x1b[1m"
    assert re.match(r"ham     0\.\d{4}  \S+ [+-]\d\.\d\d", second)
    assert other == f"  {HAM}"


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_refused(trained_model: Path, variables: dict[str, str]) -> None:
    shown = on_a_terminal(trained_model, "--explain", SPAM, variables=variables)
    assert "\x1b" not in shown
    assert shown.splitlines() == succeeded(trained_model, "--explain", SPAM, "--format", "table")


def test_a_stream_is_explained_as_its_messages_are_alone(
    trained_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = many(120)
    (tmp_path / "many").write_text("".join(f"{text}\n" for text in texts), "utf-8")
    monkeypatch.setattr(predict, "ALONE", 40 * predict.TOKENS)
    monkeypatch.setattr(predict, "READ", 500 * predict.TOKENS)
    monkeypatch.setattr(process_pool, "processors", lambda: 2)
    look = Look("tsv", explained=True)
    found = "".join(predict.streamed(trained_model, look, reader.Source(str(tmp_path / "many"), "lines", None)))
    assert found == "".join(writer.written(expected(trained_model, texts, explain=True), look))


def test_the_model_is_found_whatever_the_current_directory_is(trained_model: Path, tmp_path: Path) -> None:
    here = os.path.relpath(trained_model, tmp_path)
    done = subprocess.run(command(Path(here), HAM), cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.startswith(b"ham")


def test_the_probability_is_that_of_the_positive_label_which_wins_at_its_threshold(model_copy: Path) -> None:
    answers = {}
    for positive, threshold in (("spam", 0.0), ("spam", 1.0), ("ham", 0.0), ("ham", 1.0)):
        decision = json.loads((model_copy / "threshold.json").read_text("utf-8"))
        decision |= {"positive_label": positive, "threshold": threshold}
        (model_copy / "threshold.json").write_text(json.dumps(decision))
        (line,) = succeeded(model_copy, SPAM, "--format", "jsonl")
        answers[positive, threshold] = json.loads(line)
    assert {key: answer["label"] for key, answer in answers.items()} == {
        ("spam", 0.0): "spam", ("spam", 1.0): "ham", ("ham", 0.0): "ham", ("ham", 1.0): "spam",
    }  # fmt: skip
    assert answers["spam", 0.0]["probability"] == answers["spam", 1.0]["probability"] > 0.7
    assert answers["ham", 0.0]["probability"] == pytest.approx(1 - answers["spam", 0.0]["probability"], abs=2e-6)


def test_a_message_is_normalised_as_the_corpus_was(model_copy: Path) -> None:
    settings = json.loads((model_copy / "settings.json").read_text("utf-8"))
    settings["normalisation"] = {"lowercase": False, "ascii_only": False, "remove_pattern": "[0-9]+ "}
    (model_copy / "settings.json").write_text(json.dumps(settings))
    resealed(model_copy)
    first, second = succeeded(model_copy, f"{SPAM} ", f"123 {SPAM} ", "--format", "jsonl")
    assert json.loads(first)["probability"] == json.loads(second)["probability"]
    assert json.loads(second)["text"] == f"123 {SPAM} ", "what is shown is the message as it came"
