"""The fuzzer: no input breaks a promise, none that once did does so now, and a promise broken is noticed.

`python -m fuzz` searches far longer.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import targets
from fuzz.targets import HEADER, MEMBER, TARGETS, Target, numpy_file, zipped
from textrnn.cleaning.tally import Tally
from textrnn.core.errors import UserError
from textrnn.core.paths import ROOT

LONGEST_PIECE = 64  # bytes of a word of libFuzzer's dictionary


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return any bytes, mixtures of a target's pieces, and its seeds with a few bytes changed."""
    mixed = st.lists(st.sampled_from(target.pieces) | st.binary(max_size=3), max_size=12).map(b"".join)
    changed = st.builds(
        lambda seed, start, end, between: seed[:start] + between + seed[end:],
        st.sampled_from(target.seeds),
        st.integers(0, 120),
        st.integers(0, 120),
        st.sampled_from(target.pieces) | st.binary(max_size=4),
    )
    return st.binary(max_size=60) | mixed | changed


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_promise(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].check(seed)
    settings(max_examples=40)(given(inputs(TARGETS[name]))(TARGETS[name].check))()


# Each of these once ended in a traceback, or in an array that was none.
FOUND = {
    "an empty integer": ("params", b"\1vectorize: !!int ''"),
    "no truth value": ("params", b"\1vectorize: !!bool x"),
    "a character beyond the last": ("params", b'\1vectorize: "\\U99999999"'),
    "a deep list": ("params", b"\1vectorize: " + b"[" * 1000),
    "a deep list in JSON": ("settings", b"\1" + b"[" * 100_000),
    "a member beyond the reach of a file": ("zip", zipped(MEMBER, zipfile.ZIP_STORED, offset=2**64 - 1)),
    "numbers which are not in the file": ("array", numpy_file(HEADER.format("'<i8'", 10**12))),
    "more numbers than 64 bits count": ("array", numpy_file(HEADER.format("'<i8'", 10**20))),
    "a header of 4 GB": ("array", b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
    "a header that never ends": ("array", numpy_file("{'descr': (")),
    "a header with a list for a key": ("array", numpy_file("{[]: 1}")),
    "a header too deep": ("array", numpy_file("-" * 5000 + "1")),
    "a type of one part": ("array", numpy_file(HEADER.format("('<i8',)", 1))),
    "a zip": ("array", zipped(MEMBER, zipfile.ZIP_STORED)),
    "half a zip": ("array", b"PK\x03\x04"),
}


@pytest.mark.parametrize(("name", "raw"), FOUND.values(), ids=FOUND)
def test_what_once_broke_a_promise_breaks_none(name: str, raw: bytes) -> None:
    TARGETS[name].check(raw)


def nothing(*_: Any, **__: Any) -> list[Any]:
    return []


def unreadable(*_: Any, **__: Any) -> None:
    raise KeyError("of the insides")


HI = b"\0ham\thi 12345\n"


@pytest.mark.parametrize(
    ("name", "function", "broken", "raw"),
    [
        ("tsv_rows", "all_rows", nothing, HI),
        ("inputs", "reader.messages", lambda *_: iter([["hi"], ["\ud83d"]]), HI),
        ("clean", "clean", lambda *_: nullcontext(Tally(Counter(), 0, "", 0, 0, None)), HI),
        ("ragged", "ragged.take", lambda rows, _: rows, b"ab\nc"),
        ("templates", "near_duplicate_keys", lambda texts: [str(number) for number, _ in enumerate(texts)], b"a\na"),
        ("params", "params.load", unreadable, b""),
        ("array", "read_array", lambda _: np.zeros(9, np.int16), b"12345678"),
        ("printable", "printable", str, b"\x1b"),
    ],
)
def test_a_broken_promise_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, function: str, broken: Callable[..., Any], raw: bytes
) -> None:
    monkeypatch.setattr(f"{targets.__name__}.{function}", broken)
    with pytest.raises((AssertionError, KeyError, UserError)):
        TARGETS[name].check(raw)


def test_the_shares_are_of_a_thousand_and_no_piece_is_too_long_for_the_fuzzer() -> None:
    assert sum(target.share for target in TARGETS.values()) == 1000
    assert max(len(piece) for target in TARGETS.values() for piece in target.pieces) <= LONGEST_PIECE


def test_a_search_that_finds_something_fails_and_keeps_the_input(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="there is no atheris for this system")
    project, scratch = tmp_path / "project", tmp_path / "scratch"
    for package in ("compare", "fuzz", "stages", "textrnn"):
        shutil.copytree(ROOT / package, project / package)
    shutil.copy(ROOT / "predict.py", project)
    scratch.mkdir()
    tokenizers = project / "textrnn/text/vocabulary.py"
    tokenizers.write_text(tokenizers.read_text("utf-8").replace(r'r"|\d+"', r'r"|[0-8]+"'), "utf-8")
    command = [sys.executable, "-m", "fuzz", "--inputs", "4000", "--target", "tokenize"]
    environment = {"PATH": "", "TMPDIR": str(scratch)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r"^tokenize +[\d,]+ +[\d,]+ +1$", done.stdout, re.MULTILINE)
    assert "AssertionError" in done.stdout
    again = done.stdout.splitlines()[-1]
    assert again.startswith("python -m fuzz.one tokenize ")
    crash = Path(again.split()[-1])
    assert crash.is_relative_to(scratch)
    assert re.search(r"[^\D0-8]", crash.read_text("utf-8", errors="ignore"))
