"""The data stages write what a plain program finds, in blocks of any size, in processes here or on a Dask cluster."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from functools import partial
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import psutil
import pytest
from distributed.scheduler import KilledWorker

from bench.corpora import messages
from bench.dask_cluster import cluster as running
from bench.scale import Place
from stages import clean, split, vectorize
from tests import plain
from tests.work import dies_amid_a_file, fails_at_seven, slower_at_first
from tests.workspace import Workspace, wait_for
from textrnn import partitions
from textrnn.artifacts import ragged
from textrnn.artifacts.messages import TWINS
from textrnn.cleaning.batch import Clean
from textrnn.core import files, params, paths, process_pool
from textrnn.core.errors import UserError
from textrnn.core.files import read_table
from textrnn.core.paths import ROOT
from textrnn.corpus import readers
from textrnn.corpus.formats import tsv_rows
from textrnn.corpus.rows import Columns
from textrnn.dedup import groups, template_words
from textrnn.dedup.sides import Split
from textrnn.partitions import alphabet, dask_cluster, exchange, execute
from textrnn.text.settings import Vectorize

LINES = [f"{label}\t{text}\n" for label, text in messages(600, seed=1)]
ODD = "bad\nham\t \nspam\té \u2028 ok\nham\t!\nham\t! ?\nham\t!\x00\nham\t\x00\nham\t\uffff\nham\t\U0001f600\n"
CORPUS = "".join([*LINES, *LINES[:20], ODD])
ITEMS = range(40)
STAGES = (clean, vectorize, split)


# Parts of a corpus


def test_blocks_end_where_lines_end_and_make_up_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, size in product((b"", b"\n", b"one", b"one\n\ntwo\r\nthree", CORPUS.encode()), (1, 7, 100, 10**6)):
        monkeypatch.setattr(files, "BLOCK", size)
        longest = max(map(len, content.splitlines(keepends=True)), default=0)
        found = list(files.blocks(io.BytesIO(content)))
        assert b"".join(found) == content
        assert all(block.endswith(b"\n") for block in found[:-1])
        assert all(len(block) <= size + longest for block in found)
        path.write_bytes(content)
        cut = files.Blocks.of(path)
        found = list(map(cut.read, range(cut.total)))
        assert b"".join(found) == content
        assert all(len(block) <= size + longest for block in found)


def cut(monkeypatch: pytest.MonkeyPatch, processes: int, size: int) -> None:
    """Let so many processes work on blocks of so many bytes."""
    monkeypatch.setattr(process_pool, "processors", lambda: processes)
    monkeypatch.setattr(process_pool, "LONG", 0)
    monkeypatch.setattr(files, "BLOCK", size)
    monkeypatch.setattr(readers, "BATCH_ROWS", 1 + size // 100)
    monkeypatch.setattr(template_words, "WORDS", max(300, size // 3))
    monkeypatch.setattr(alphabet, "RANGE", max(5_000, 4 * size))


@pytest.mark.parametrize(
    ("cutting", "chosen"),
    [((1, 1000), ("keep", "none")), ((1, 200), ("drop", "duplicates")), ((2, 10_000), ("keep", "templates"))],
)
def test_the_stages_write_what_a_plain_program_finds(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, cutting: tuple[int, int], chosen: tuple[str, str]
) -> None:
    cut(monkeypatch, *cutting)
    duplicates, keep_together = chosen
    workspace.settings(clean__duplicates=duplicates, clean__lowercase=True, split__keep_together=keep_together)
    workspace.corpus(CORPUS)
    for stage in STAGES:
        workspace.run(stage.main)

    rows = list(tsv_rows(CORPUS.encode(), Columns(0, 1)))
    kept, rejected, dropped = plain.clean(rows, params.load("clean", Clean))
    assert paths.MESSAGES.read_text("utf-8") == "".join(f"{label}\t{text}\n" for label, text in kept)
    assert read_table(paths.REJECTED)[1:] == [["sms-spam", str(row.line), row.reason] for row in rejected]
    metrics = workspace.metrics("clean")
    assert (metrics["rows"], metrics["kept"], metrics["duplicates"]) == (len(rows), len(kept), dropped)
    assert (dropped > 20) == (duplicates == "drop")

    texts = [text for _, text in kept]
    tokenizer = params.load("vectorize", Vectorize).tokenizer
    everything = ragged.load(paths.VECTORS)
    ends = everything.offsets.tolist()
    assert [everything.tokens[start:end].tolist() for start, end in pairwise(ends)] == plain.ids(texts, tokenizer)
    assert everything.labels.tolist() == [("ham", "spam").index(label) for label, _ in kept]
    assert read_table(paths.VECTORS / "vocabulary.tsv") == [
        [token, str(count)] for token, count in plain.vocabulary(texts, tokenizer)
    ]

    sides = plain.sides(kept, params.load("split", Split))
    keys = plain.group_keys(kept, keep_together)
    order = None if keep_together == "templates" else partial(plain.seeded_hash, params.load("split", Split).seed)
    numbers = {key: number for number, key in enumerate(sorted(set(keys), key=order))}
    for folder in (paths.TRAIN, paths.VALIDATION, paths.TEST):
        expected = [row for row, side in enumerate(sides) if side == folder.name]
        found = ragged.load(folder)
        assert np.load(folder / "groups.npy").tolist() == [numbers[keys[row]] for row in expected]
        taken = ragged.take(everything, np.array(expected, np.int64))
        assert [array.tolist() for array in found] == [array.tolist() for array in taken]
    assert workspace.metrics("split")["groups"] == len(numbers)
    kinds = np.load(paths.TEST / "twins.npy")
    counted = {name: int((kinds >= kind).sum()) for kind, name in enumerate(TWINS, 1)}
    assert counted == plain.twins(texts, sides)
    assert workspace.metrics("split")["test_twins"] == counted["near_template"]


def test_the_stages_own_process_keeps_nothing_of_each_message(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(monkeypatch, 2, 10_000)
    monkeypatch.setattr(groups, "CHUNK", 100)
    monkeypatch.setattr(alphabet, "SAMPLE", 100)
    monkeypatch.setattr(alphabet, "RANGE", 200_000)
    workspace.settings(clean__duplicates="drop")
    peaks = []
    for count in (4_000, 12_000):
        workspace.corpus("".join(f"{label}\t{text}\n" for label, text in messages(count, seed=1)))
        for stage in STAGES:
            tracemalloc.start()
            workspace.run(stage.main)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    small, large = peaks[:3], peaks[3:]
    # A label, an offset, a digest and a group's number are 34 bytes; what is known of the ranges of words grows, too.
    assert [more - fewer < 25 * 8_000 for fewer, more in zip(small, large, strict=True)] == [True] * 3, peaks


# A Dask cluster


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a scheduler that is slow because the machine is busy."""
    monkeypatch.setattr(dask_cluster, "CONNECT_TIMEOUT", 600)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a cluster of two workers."""
    with running(tmp_path_factory.mktemp("cluster", numbered=False), ROOT, ROOT) as (address, _):
        yield address


def test_the_stages_write_on_a_cluster_what_they_write_here(
    workspace: Workspace, two: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(monkeypatch, 1, 5000)
    workspace.settings(clean__duplicates="keep", split__keep_together="none")
    workspace.corpus(CORPUS)
    here = written(workspace)
    monkeypatch.setenv(execute.SCHEDULER, two)
    monkeypatch.setattr(process_pool, "ordered", None)  # would have to be called
    assert written(workspace) == here


def test_workers_find_the_functions_of_a_stage_that_runs_as_a_program(
    two: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "place")
    place.corpus.parent.mkdir(parents=True)
    place.corpus.write_text(CORPUS, "utf-8")
    monkeypatch.setenv(execute.SCHEDULER, two)
    place.run("stages.clean")
    assert (
        (place.folder / "data/clean/rejected.tsv").read_text("utf-8").startswith("file\tline\treason\nsms-spam\t621\t")
    )


def written(workspace: Workspace) -> dict[str, bytes]:
    """Run the stages and return what they write."""
    for name in ("data/clean", "data/vectors", "data/split", "metrics"):
        shutil.rmtree(workspace.root / name, ignore_errors=True)
    for stage in STAGES:
        workspace.run(stage.main)
    return {name: (workspace.root / name).read_bytes() for name in workspace.files()}


def test_results_and_exceptions_come_in_order_and_items_are_taken_as_they_are_needed(two: str) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in ITEMS:
            taken.append(number)
            yield number

    results = dask_cluster.ordered(slower_at_first, items(), two)
    found = [next(results) for _ in range(5)]
    assert len(taken) <= 5 + 2 * dask_cluster.AHEAD
    found += results
    assert [square for square, _ in found] == [number * number for number in ITEMS]
    assert len({process for _, process in found}) == 2
    failing = dask_cluster.ordered(fails_at_seven, ITEMS, two)
    assert [next(failing) for _ in range(7)] == list(range(7))
    with pytest.raises(UserError, match="expected less than 7, found 7"):
        next(failing)
    with pytest.raises(FileNotFoundError, match="nowhere"):  # not what Dask itself raises when its connection breaks
        list(dask_cluster.ordered(Path.stat, [Path("nowhere")], two))


# What workers leave for others


def test_a_worker_that_dies_while_it_leaves_something_changes_nothing_that_others_read(tmp_path: Path) -> None:
    with exchange.shared(tmp_path) as folder, running(tmp_path, ROOT, ROOT) as (address, (_, *workers)):
        items = [(number, folder) for number in ITEMS]
        list(dask_cluster.ordered(dies_amid_a_file, items, address))
        assert sorted(worker.poll() is None for worker in workers) == [False, True]
        for bucket, power in enumerate((1, 2)):
            every = exchange.read_all(folder / "numbers", len(ITEMS), bucket, np.int64)
            found = [one.tolist() for one in every]
            assert found == [[number**power] for number in ITEMS]
        assert len(list(folder.iterdir())) > len(ITEMS) + 1, "what the dead worker left is in nobody's way"
    assert not folder.exists()


def test_a_worker_that_does_not_reach_the_folder_says_so(two: str, tmp_path: Path) -> None:
    said = error_of(dask_cluster.ordered(dies_amid_a_file, [(1, tmp_path / "elsewhere")], two))
    assert f"to reach {tmp_path / 'elsewhere'}, found no such folder: share the disk" in said


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_leaves_is_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    living = psutil.Process().parent()
    assert living is not None
    places = [tmp_path / f".exchange.{number}.tmp" for number in (dead.pid, living.pid, os.getpid(), "x")]
    for place in places:
        place.mkdir()
        (place / "left").touch()
    with exchange.shared(tmp_path) as folder:
        assert list(folder.iterdir()) == []
        assert [place.exists() for place in places] == [False, True, True, True]
    assert [place.exists() for place in places] == [False, True, False, True]


# What goes wrong on a cluster


def error_of(results: Iterator[object]) -> str:
    """Return the error with which the work ends, which is one line."""
    with pytest.raises(UserError) as error:
        list(results)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_killed_worker_changes_nothing_and_without_any_or_without_the_scheduler_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path, ROOT, ROOT) as (address, (scheduler, one, other)):
        results, second, third = (dask_cluster.ordered(slower_at_first, ITEMS, address) for _ in range(3))
        found = [next(results) for _ in range(5)]
        one.kill()
        found += results
        assert [square for square, _ in found] == [number * number for number in ITEMS]
        assert {process for _, process in found[-20:]} == {other.pid}
        next(second), next(third)
        other.kill()
        monkeypatch.setattr(dask_cluster, "WORKERS_TIMEOUT", 1)
        said = error_of(second)
        assert f"expected workers of the Dask scheduler at {address}, found none for 1 seconds" in said
        scheduler.kill()
        assert f"lost the Dask scheduler at {address}" in error_of(third)
    with pytest.raises(UserError, match="4 Dask workers died at the same work"), dask_cluster.cluster_errors(address):
        raise KilledWorker("work", None, 3)


PROGRAM = """
import sys
from tests.work import slow
from textrnn.cleaning.batch import Clean
from textrnn.core import errors
from textrnn.partitions import dask_cluster, execute
dask_cluster.CONNECT_TIMEOUT = int(sys.argv[1])
sys.exit(errors.run(lambda: list(execute.map_ordered(slow, range(4000)))))
"""


def started(address: str, timeout: int) -> subprocess.Popen[str]:
    """Start a program that has work for half an hour."""
    command, environment = [sys.executable, "-c", PROGRAM, str(timeout)], os.environ | {execute.SCHEDULER: address}
    return subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE, env=environment)


def test_ctrl_c_is_one_line_and_the_workers_are_free_for_others(
    two: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    process, folder = started(two, timeout=600), tmp_path_factory.getbasetemp() / "cluster"
    wait_for(lambda: len(list(folder.glob("working-*"))) == 2 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, said) == (130, "error: interrupted\n")
    assert len(list(dask_cluster.ordered(slower_at_first, ITEMS, two))) == len(ITEMS)


def test_an_address_without_a_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    process = started("tcp://127.0.0.1:1", timeout=1)
    _, said = process.communicate()
    message = "expected a Dask scheduler at {}, as TEXTRNN_SCHEDULER says, found none"
    assert said.startswith("error: " + message.format("tcp://127.0.0.1:1"))
    assert (process.returncode, said.count("\n")) == (1, 1)
    monkeypatch.setattr(dask_cluster, "CONNECT_TIMEOUT", 1)
    assert error_of(dask_cluster.ordered(abs, ITEMS, "nonsense")).startswith(message.format("nonsense"))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes up the connection, and nobody answers
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert error_of(dask_cluster.ordered(abs, ITEMS, address)).startswith(message.format(address))


def test_a_worker_with_other_code_is_refused_and_so_is_one_that_lacks_a_module(
    two: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def work(item):\n    return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import work  # type: ignore[import-not-found]

    said = error_of(dask_cluster.ordered(work, ITEMS, two))
    assert "to find this checkout's code and packages, found ModuleNotFoundError" in said
    monkeypatch.setattr(dask_cluster, "code", lambda: "the code of another commit")
    assert "to run the code of this checkout" in error_of(dask_cluster.ordered(abs, ITEMS, two))


def test_without_the_package_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, dask_cluster.__name__)
    monkeypatch.delattr(partitions, "dask_cluster")
    monkeypatch.setenv(execute.SCHEDULER, "tcp://127.0.0.1:1")
    with pytest.raises(UserError, match="expected the package distributed, since TEXTRNN_SCHEDULER is set, found none"):
        list(execute.map_ordered(len, ["a"]))
