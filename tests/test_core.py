"""Files written whole or not at all, fields that steer nothing, and how a program ends."""

import csv
import errno
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.core import files
from textrnn.core.errors import UserError, run
from textrnn.core.escape import field, unescaped

OLD, NEW = b"old", b"new \r\n\xff\x00"
DEAD = 2**31 - 1  # no process has this number


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file to be, in a directory that exists."""
    (tmp_path / "of").mkdir()
    return tmp_path / "of" / "file.bin"


def fail(failure: BaseException, file: IO[bytes] | None = None) -> None:
    if file:
        file.write(NEW)
        file.flush()
    raise failure


# Replacing a file


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    files.write_text(path, OLD.decode())
    with files.replacing(path) as file:
        file.write(NEW)
        file.flush()
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError("bug"), UserError("mistake"), OSError("full"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [OLD, None])
def test_a_block_that_raises_leaves_what_was_there(path: Path, old: bytes | None, failure: BaseException) -> None:
    if old:
        path.write_bytes(old)
    with pytest.raises(type(failure)) as caught, files.replacing(path) as file:
        fail(failure, file)
    assert caught.value is failure
    assert {found.read_bytes() for found in path.parent.iterdir()} == ({old} if old else set())


def test_a_file_takes_the_place_of_a_link_and_leaves_its_target(path: Path, tmp_path: Path) -> None:
    """DVC may link a stage's outputs to its cache, which must not change."""
    cached = tmp_path / "cached"
    cached.write_bytes(OLD)
    path.symlink_to(cached)
    files.write_text(path, "new")
    assert (cached.read_bytes(), path.read_text("utf-8"), path.is_symlink()) == (OLD, "new", False)


def test_the_next_writer_removes_the_temporary_files_of_killed_processes_and_is_stopped_by_none(path: Path) -> None:
    # Numbers are used again: this process' own may be that of a dead one. The parent is alive and may write.
    full, unreadable, link, directory, own, parents = (
        path.parent / f".file.bin.{number}.tmp" for number in (*range(DEAD - 3, DEAD + 1), os.getpid(), os.getppid())
    )
    for left in (full, own, parents):
        left.write_bytes(NEW)
    unreadable.touch(mode=0)
    link.symlink_to("nowhere")
    directory.mkdir()
    files.write_text(path, "new")
    assert set(path.parent.iterdir()) == {directory, parents, path}


def test_the_temporary_file_is_nothing_that_somebody_has_put_there(path: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(OLD)
    names = set()
    for _ in range(2):
        with files.replacing(path) as file:
            (temporary,) = set(path.parent.iterdir()) - {path}
            names.add(temporary.name)
            file.write(NEW)
    assert len(names) == 2, "a name that nobody can foresee"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", bytes)
        (path.parent / f".file.bin.{os.getpid()}.{'0' * 16}.tmp").symlink_to(tmp_path / "theirs")
        patch.setattr(files, "_remove_leftovers", lambda _: None)  # somebody is faster
        with pytest.raises(FileExistsError), files.replacing(path) as file:
            file.write(OLD)
    assert ((tmp_path / "theirs").read_bytes(), path.read_bytes()) == (OLD, NEW)


def test_a_pipe_is_no_file_and_not_waited_for(path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such pipes")
    os.mkfifo(path)
    for read in (files.opened, files.read_text, files.read_json, files.read_array):
        with pytest.raises(UserError, match=r"expected a file at .*file\.bin, found a pipe or a device"):
            read(path)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir])
def test_stray_files_or_directories_with_similar_names_are_left_alone(path: Path, make: Callable[[Path], None]) -> None:
    names = ["x", "", "-1", "0", "1_0", " 1", "٣", "7.8", "x.8", "9" * 30, "\n", "\udce9"]
    strays = {path.parent / f".file.bin.{name}.tmp" for name in names}
    for stray in strays:
        make(stray)
    files.write_text(path, "new")
    assert set(path.parent.iterdir()) == {*strays, path}


# Text, tables and JSON


FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n"))


@given(st.lists(st.lists(FIELD, min_size=1)))
def test_only_tabs_and_line_feeds_divide_a_table(tmp_path: Path, rows: list[list[str]]) -> None:
    files.write_text(tmp_path / "table", "".join("\t".join(row) + "\n" for row in rows))
    assert files.read_table(tmp_path / "table") == rows


def test_json_has_sorted_keys_line_feeds_and_letters_as_they_are(tmp_path: Path) -> None:
    value = {"é": 1, "b": {"z": None, "a": "\u2028"}, "a": 1 / 3}
    files.write_json(tmp_path / "a.json", value)
    assert (tmp_path / "a.json").read_bytes() == (
        '{\n  "a": 0.3333333333333333,\n  "b": {\n    "a": "\u2028",\n    "z": null\n  },\n  "é": 1\n}\n'.encode()
    )
    assert files.read_json(tmp_path / "a.json") == value


def test_fractions_in_metrics_are_rounded_to_six_digits_at_any_depth_and_must_be_finite(tmp_path: Path) -> None:
    given = [0.1234564999, 1e-7, 1234567.1234567, 1.0, 12345678901, True, "0.123456789", None]
    written = [0.123456, 0.0, 1234567.123457, 1.0, 12345678901, True, "0.123456789", None]
    for before, after in zip(given, written, strict=True):
        files.write_metrics(tmp_path / "a.json", {"one": before, "two": {"three": {"four": before}}})
        read = files.read_json(tmp_path / "a.json")
        assert read == {"one": after, "two": {"three": {"four": after}}}
        assert type(read["one"]) is type(after)
    for number in (math.nan, -math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            files.write_metrics(tmp_path / "a.json", {"train": {"loss": number}})
    assert files.read_json(tmp_path / "a.json") == read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see you", "see you"),
        ("=1+1", "'=1+1"),
        ("+44", "'+44"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("a\tb\x1b[31m\r\n", "a\\tb\\x1b[31m\\r\\n"),
        ('"=1+1"', '\'"=1+1"'),
        ('""=1+1', '\'""=1+1'),
        ("\uff1d1+1", "'\uff1d1+1"),
        (" =1", "' =1"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ('"yes"', '"yes"'),
        (-1, "-1"),
    ],
)
def test_a_field_neither_steers_a_terminal_nor_is_computed(text: object, expected: str) -> None:
    assert field(text) == expected


@given(st.text("'\"=+-@ a\uff1d", max_size=6))
def test_a_field_of_text_is_that_text_again_and_no_other_and_no_reader_makes_a_formula_of_it(text: str) -> None:
    written = field(text)
    assert unescaped(written) == text
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        for read in next(csv.reader([f"{written}\t0.5"], delimiter="\t", quoting=quoting)):
            assert not read.lstrip().startswith(tuple("=+-@\uff1d"))


# How a program ends


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (UserError("expected this, found \x1b that"), 1, r"expected this, found \x1b that"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", Path("a")), 1, "No such file or directory: a"),
        (PermissionError(errno.EACCES, "Permission denied", "a", None, "b"), 1, "Permission denied: a"),
        (OSError(errno.EIO, "Input/output error"), 1, "[Errno 5] Input/output error"),
        (ConnectionError("the line is dead"), 1, "the line is dead"),
        (MemoryError(), 1, "out of memory"),
        (MemoryError("Unable to allocate 8 GiB"), 1, "out of memory: Unable to allocate 8 GiB"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=repr,
)
def test_a_failure_that_a_user_can_mend_ends_in_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], failure: BaseException, code: int, said: str
) -> None:
    assert run(partial(fail, failure)) == code
    assert capsys.readouterr() == ("", f"error: {said}\n")


@pytest.mark.parametrize("bug", [ValueError("bug"), AssertionError("bug"), SystemExit(2)], ids=repr)
def test_a_bug_keeps_its_traceback(capsys: pytest.CaptureFixture[str], bug: BaseException) -> None:
    with pytest.raises(type(bug)) as caught:
        run(partial(fail, bug))
    assert caught.value is bug
    assert capsys.readouterr().err == ""
