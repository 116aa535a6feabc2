"""clean, vectorize and split write what a plain program finds, in any number of processes and blocks of any size."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.corpora import messages
from stages import clean, split, vectorize
from tests import plain
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.core import files, params, paths, process_pool
from textrnn.core.files import read_table
from textrnn.corpus import rows as corpus_rows
from textrnn.corpus.rows import tsv_rows
from textrnn.text.vocabulary import Vectorize

ROWS = 600
CORPUS = "".join(f"{label}\t{text}\n" for label, text in messages(ROWS, seed=1)) + "bad\nham\t \nspam\té \u2028 ok\n"
PROCESSES_AND_BYTES = [(1, 2 << 20), (1, 1), (1, 1000), (2, 3000), (3, 10_000)]
cut_in = pytest.mark.parametrize(("processes", "size"), PROCESSES_AND_BYTES)


@pytest.fixture
def cut(processes: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many processes work on blocks of so many bytes."""
    monkeypatch.setattr(process_pool, "processors", lambda: processes)
    monkeypatch.setattr(process_pool, "LONG", 0)
    for module in (files, vectorize):
        monkeypatch.setattr(module, "BLOCK", size)
    monkeypatch.setattr(corpus_rows, "BATCH_ROWS", 1 + size // 100)


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
@pytest.mark.usefixtures("cut")
@cut_in
def test_clean_keeps_and_rejects_the_same(workspace: Workspace, duplicates: str) -> None:
    workspace.settings(clean__duplicates=duplicates, clean__lowercase=True)
    workspace.corpus(CORPUS)
    workspace.run(clean.main)
    rows = list(tsv_rows(CORPUS.encode(), 0, 1))
    kept, rejected, dropped = plain.clean(rows, params.load("clean", clean.Clean))
    assert paths.MESSAGES.read_text("utf-8") == "".join(f"{label}\t{text}\n" for label, text in kept)
    assert read_table(paths.REJECTED) == [[str(row.line), row.reason] for row in rejected]
    metrics = workspace.metrics("clean")
    assert (metrics["rows"], metrics["kept"], metrics["duplicates"]) == (len(rows), len(kept), dropped)
    assert (dropped > 20) == (duplicates == "drop")


@pytest.mark.usefixtures("cut")
@cut_in
def test_clean_keeps_the_same_of_a_csv(workspace: Workspace) -> None:
    workspace.settings(clean__format="csv")
    rows = [line.split("\t", 1) for line in CORPUS.splitlines() if "bad" not in line and "\u2028" not in line]
    workspace.corpus("".join('{},"{}"\r\n'.format(label, text.replace('"', '""')) for label, text in rows[:-1]))
    workspace.run(clean.main)
    kept = dict(reversed([(text, label) for label, text in rows[:-1] if text.strip()]))
    assert len(read_table(paths.MESSAGES)) == len(kept)
    assert {text: label for label, text in map(tuple, read_table(paths.MESSAGES))} == kept


@pytest.mark.usefixtures("cut")
@cut_in
def test_vectorize_writes_the_same_ids(workspace: Workspace) -> None:
    workspace.settings()
    rows = plain_messages()
    workspace.messages(rows)
    workspace.run(vectorize.main)
    texts = [text for _, text in rows]
    tokenizer = params.load("vectorize", Vectorize).tokenizer
    written = ragged.load(paths.VECTORS)
    ends = written.offsets.tolist()
    assert [written.tokens[start:end].tolist() for start, end in pairwise(ends)] == plain.ids(texts, tokenizer)
    assert written.labels.tolist() == [("ham", "spam").index(label) for label, _ in rows]
    assert read_table(paths.VECTORS / "vocabulary.tsv") == [
        [token, str(count)] for token, count in plain.vocabulary(texts, tokenizer)
    ]


@pytest.mark.parametrize("keep_together", ["none", "duplicates", "templates"])
@pytest.mark.usefixtures("cut")
@cut_in
def test_split_deals_the_same_rows_to_each_side(workspace: Workspace, keep_together: str) -> None:
    workspace.settings(split__keep_together=keep_together)
    rows = plain_messages()
    workspace.messages(rows)
    workspace.run(vectorize.main)
    workspace.run(split.main)
    sides = plain.sides(rows, params.load("split", split.Split))
    keys = plain.group_keys(rows, keep_together)
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    everything = ragged.load(paths.VECTORS)
    for folder in (paths.TRAIN, paths.VALIDATION, paths.TEST):
        expected = [row for row, side in enumerate(sides) if side == folder.name]
        found = ragged.load(folder)
        assert found.rows.tolist() == expected
        assert np.load(folder / "groups.npy").tolist() == [numbers[keys[row]] for row in expected]
        taken = ragged.take(everything, np.array(expected, np.int64))
        assert [array.tolist() for array in found] == [array.tolist() for array in taken]
    assert workspace.metrics("split")["groups"] == len(numbers)
    assert workspace.metrics("split")["test_twins"] == plain.twins([text for _, text in rows], sides)


def plain_messages() -> list[tuple[str, str]]:
    """Return messages of which some are equal, and some equal but for their label."""
    rows = [(label, text) for label, text in messages(ROWS, seed=2)]
    return [*rows, *rows[:20], *(("spam", text) for _, text in rows[20:30]), ("ham", ""), ("ham", "!"), ("ham", "! ?")]


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_blocks_end_where_lines_end_and_are_the_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(files, "BLOCK", size)
    for content in (b"", b"\n", b"one", b"one\n\ntwo\r\nthree", CORPUS.encode()):
        (tmp_path / "file").write_bytes(content)
        longest = max(map(len, content.splitlines(keepends=True)), default=0)
        with (tmp_path / "file").open("rb") as file:
            found = list(files.blocks(file))
        assert b"".join(found) == content
        assert all(block.endswith(b"\n") for block in found[:-1])
        assert all(len(block) <= size + longest for block in found)
