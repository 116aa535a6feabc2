"""Files written whole or not at all, and how a user's mistake ends."""

import errno
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.core import files
from textrnn.core.errors import UserError, run

OLD, NEW = b"old", b"new \r\n\xff\x00"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "of" / "mine" / "file.bin"


def fail(path: Path, failure: BaseException) -> None:
    """Raise `failure` when the new file is half-written."""
    with files.replacing(path) as file:
        file.write(NEW)
        file.flush()
        raise failure


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


# Replacing


def test_a_file_is_written_with_its_directories_and_nothing_beside_it(path: Path) -> None:
    with files.replacing(path) as file:
        file.write(NEW)
    assert path.read_bytes() == NEW
    assert names(path.parent) == ["file.bin"]


def test_the_old_file_stands_until_the_new_one_is_whole(path: Path) -> None:
    files.write_text(path, OLD.decode())
    with files.replacing(path) as file:
        file.write(NEW)
        file.flush()
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("failure", [ValueError("bug"), UserError("mistake"), OSError("full"), KeyboardInterrupt()])
def test_a_block_that_raises_leaves_the_old_file_and_no_other(path: Path, failure: BaseException) -> None:
    files.write_text(path, OLD.decode())
    with pytest.raises(type(failure)) as caught:
        fail(path, failure)
    assert caught.value is failure
    assert path.read_bytes() == OLD
    assert names(path.parent) == ["file.bin"]


def test_a_block_that_raises_leaves_no_new_file(path: Path) -> None:
    with pytest.raises(ValueError, match="bug"):
        fail(path, ValueError("bug"))
    assert names(path.parent) == []


def test_where_a_link_stood_the_file_replaces_it_and_not_what_it_led_to(path: Path, tmp_path: Path) -> None:
    """DVC may link a stage's outputs to its cache, which must not change."""
    cached = tmp_path / "cached"
    cached.write_bytes(OLD)
    path.parent.mkdir(parents=True)
    path.symlink_to(cached)
    files.write_text(path, "new")
    assert cached.read_bytes() == OLD
    assert path.read_text("utf-8") == "new"
    assert not path.is_symlink()


def test_a_text_that_cannot_be_encoded_leaves_the_old_file(path: Path) -> None:
    files.write_text(path, OLD.decode())
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "half a pair \ud83d")
    assert path.read_bytes() == OLD
    assert names(path.parent) == ["file.bin"]


# Temporary files that a killed process has left

DEAD = 2**31 - 1  # no process has this number


def test_the_temporary_file_of_a_killed_process_is_removed_by_the_next_writer(path: Path) -> None:
    path.parent.mkdir(parents=True)
    (path.parent / f".file.bin.{DEAD}.tmp").write_bytes(NEW)
    (path.parent / f".file.bin.{os.getpid()}.tmp").write_bytes(NEW)  # numbers of processes are used again
    (path.parent / f".file.bin.{os.getppid()}.tmp").write_bytes(NEW)
    files.write_text(path, "new")
    assert names(path.parent) == [f".file.bin.{os.getppid()}.tmp", "file.bin"], "the parent is alive and may write"


@pytest.mark.parametrize("name", ["x", "", "-1", "0", "1_0", " 1", "٣", "7.8", "x.8", "9" * 30, "\n", "\udce9"])
@pytest.mark.parametrize("make", [Path.touch, Path.mkdir])
def test_a_stray_file_or_directory_with_a_similar_name_is_left_alone(
    path: Path, name: str, make: Callable[[Path], None]
) -> None:
    path.parent.mkdir(parents=True)
    stray = path.parent / f".file.bin.{name}.tmp"
    make(stray)
    files.write_text(path, "new")
    assert set(path.parent.iterdir()) == {stray, path}


def test_a_directory_or_an_unreadable_file_or_a_dangling_link_in_the_way_is_no_traceback(path: Path) -> None:
    path.parent.mkdir(parents=True)
    (path.parent / f".file.bin.{DEAD}.tmp").mkdir()
    (path.parent / f".file.bin.{DEAD - 1}.tmp").touch(mode=0)
    (path.parent / f".file.bin.{DEAD - 2}.tmp").symlink_to("nowhere")
    files.write_text(path, "new")
    assert names(path.parent) == [f".file.bin.{DEAD}.tmp", "file.bin"]


# Text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_read_as_it_was_written(tmp_path: Path, text: str) -> None:
    files.write_text(tmp_path / "text", text)
    assert (tmp_path / "text").read_bytes() == text.encode("utf-8")
    assert files.read_text(tmp_path / "text") == text


def test_a_missing_text_is_a_users_error_that_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        files.read_text(tmp_path / "nothing")
    assert str(error.value) == f"expected the file {tmp_path / 'nothing'}, found none: run `dvc repro`, which makes it"


FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n"))


@given(st.lists(st.lists(FIELD, min_size=1)))
def test_a_table_is_lines_of_fields_and_only_tabs_and_line_feeds_are_marks(
    tmp_path: Path, rows: list[list[str]]
) -> None:
    files.write_text(tmp_path / "table", "".join("\t".join(row) + "\n" for row in rows))
    assert files.read_table(tmp_path / "table") == rows


# JSON


def test_json_has_sorted_keys_line_feeds_and_letters_as_they_are(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"é": 1, "b": {"z": None, "a": "\u2028"}, "a": 1 / 3})
    assert (tmp_path / "a.json").read_bytes() == (
        '{\n  "a": 0.3333333333333333,\n  "b": {\n    "a": "\u2028",\n    "z": null\n  },\n  "é": 1\n}\n'.encode()
    )
    assert files.read_json(tmp_path / "a.json") == {"é": 1, "b": {"z": None, "a": "\u2028"}, "a": 1 / 3}


@pytest.mark.parametrize("write", [files.write_json, files.write_metrics])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_not_written(tmp_path: Path, write: Any, number: float) -> None:
    write(tmp_path / "a.json", {"loss": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(tmp_path / "a.json", {"train": {"loss": number}})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"loss": 1.0}
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.1234564999, 0.123456),
        (0.1234567, 0.123457),
        (1 / 3, 0.333333),
        (1e-7, 0.0),
        (1234567.1234567, 1234567.123457),
        (1.0, 1.0),
        (12345678901, 12345678901),
        (True, True),
        ("0.123456789", "0.123456789"),
        (None, None),
    ],
)
def test_metrics_are_rounded_to_six_digits_at_any_depth(tmp_path: Path, value: Any, written: Any) -> None:
    files.write_metrics(tmp_path / "a.json", {"one": value, "two": {"three": {"four": value}}})
    read = files.read_json(tmp_path / "a.json")
    assert read == {"one": written, "two": {"three": {"four": written}}}
    assert type(read["one"]) is type(written)


def test_json_itself_is_not_rounded(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"threshold": 0.123456789})
    assert files.read_json(tmp_path / "a.json") == {"threshold": 0.123456789}


# How a run ends


def raising(failure: BaseException) -> Any:
    def main() -> None:
        raise failure

    return main


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (UserError("expected this, found that"), 1, "expected this, found that"),
        (OSError(errno.ENOSPC, "No space left on device", "data/clean"), 1, "No space left on device: data/clean"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", Path("a")), 1, "No such file or directory: a"),
        (PermissionError(errno.EACCES, "Permission denied", "a", None, "b"), 1, "Permission denied: a"),
        (OSError(errno.EIO, "Input/output error"), 1, "[Errno 5] Input/output error"),
        (ConnectionError("the line is dead"), 1, "the line is dead"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=repr,
)
def test_what_a_user_can_mend_ends_in_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], failure: BaseException, code: int, said: str
) -> None:
    assert run(raising(failure)) == code
    assert capsys.readouterr() == ("", f"error: {said}\n")


def test_a_run_without_failure_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda: None) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("bug", [ValueError("bug"), KeyError("bug"), AssertionError("bug"), SystemExit(2)], ids=repr)
def test_a_bug_keeps_its_traceback(capsys: pytest.CaptureFixture[str], bug: BaseException) -> None:
    with pytest.raises(type(bug)) as caught:
        run(raising(bug))
    assert caught.value is bug
    assert capsys.readouterr().err == ""
