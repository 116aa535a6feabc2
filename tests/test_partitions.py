"""The data stages on a Dask cluster: a real scheduler and real workers, which die, disappear, or run other code."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.dask_cluster import cluster as running
from bench.scale import Place
from stages import clean, split, vectorize
from tests.test_pipeline import wait_for
from tests.test_streams import CORPUS
from tests.work import dies_at_nine, fails_at_seven, slower_at_first
from tests.workspace import Workspace
from textrnn.core import files, process_pool
from textrnn.core.errors import UserError
from textrnn.core.paths import ROOT
from textrnn.dedup import near_duplicates
from textrnn.partitions import dask_cluster, execute

ITEMS = range(40)
STAGES = (clean, vectorize, split)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the workers are at work."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def two(folder: Path) -> Iterator[str]:
    """Return the address of a cluster of two workers."""
    with running(folder, ROOT, ROOT) as (address, _):
        yield address


@pytest.mark.parametrize("keep_together", ["none", "duplicates", "templates"])
def test_the_stages_write_on_a_cluster_what_they_write_here_wherever_twins_lie(
    workspace: Workspace, two: str, monkeypatch: pytest.MonkeyPatch, keep_together: str
) -> None:
    for module in (files, vectorize):
        monkeypatch.setattr(module, "BLOCK", 3000)  # of 50,000: most twins lie in two parts
    monkeypatch.setattr(near_duplicates, "PIECE", 300)  # of some thousand entries
    workspace.settings(split__keep_together=keep_together)
    workspace.corpus(CORPUS)
    here = written(workspace)
    monkeypatch.setenv(dask_cluster.SCHEDULER, two)
    monkeypatch.setattr(process_pool, "ordered", None)  # which would have to be called
    assert written(workspace) == here
    assert workspace.metrics("clean")["duplicates"] > 20
    assert workspace.metrics("split")["groups"] < workspace.metrics("clean")["kept"] or keep_together != "templates"


def written(workspace: Workspace) -> dict[str, bytes]:
    """Return what the stages write, which did not stand there before."""
    for name in ("data/clean", "data/vectors", "data/split", "metrics"):
        shutil.rmtree(workspace.root / name, ignore_errors=True)
    for stage in STAGES:
        workspace.run(stage.main)
    found = sorted(path for path in workspace.root.rglob("*") if path.is_file())
    return {path.relative_to(workspace.root).as_posix(): path.read_bytes() for path in found}


def test_a_stage_that_runs_as_a_program_is_found_by_the_workers_under_its_name(
    two: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "place")
    place.corpus.parent.mkdir(parents=True)
    place.corpus.write_text(CORPUS, "utf-8")
    place.run("stages.clean")
    here = place.outputs()
    shutil.rmtree(place.folder / "data/clean")
    monkeypatch.setenv(dask_cluster.SCHEDULER, two)
    place.run("stages.clean")
    assert place.outputs() == here


def test_results_come_in_the_order_of_the_items_from_both_workers(two: str) -> None:
    results = list(dask_cluster.ordered(slower_at_first, ITEMS, two))
    assert [square for square, _ in results] == [number * number for number in ITEMS]
    assert len({process for _, process in results}) == 2


def test_items_are_taken_when_they_are_wanted_and_not_all_at_once(two: str) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in ITEMS:
            taken.append(number)
            yield number

    results = dask_cluster.ordered(slower_at_first, items(), two)
    for _ in range(5):
        next(results)
    assert len(taken) <= 5 + 2 * dask_cluster.AHEAD
    results.close()  # type: ignore[attr-defined]


def test_what_is_raised_on_a_worker_is_raised_here_when_its_turn_has_come(two: str) -> None:
    results = dask_cluster.ordered(fails_at_seven, ITEMS, two)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(UserError, match="expected less than 7, found 7"):
        next(results)


def test_without_the_variable_nothing_of_dask_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(dask_cluster.SCHEDULER, raising=False)
    program = (
        "import sys; from tests.work import fails_at_seven; from textrnn.partitions.execute import ordered;"
        "print(list(ordered(fails_at_seven, range(5))), 'dask' in sys.modules, 'distributed' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said == "[0, 1, 2, 3, 4] False False\n"


# What goes wrong


def error_of(address: str, function: object = slower_at_first) -> str:
    """Return the error with which the work ends, which is one line."""
    with pytest.raises(UserError) as error:
        list(dask_cluster.ordered(function, ITEMS, address))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_worker_that_is_killed_changes_nothing_while_another_lives_until_none_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "LONELY", 1)
    with running(tmp_path, ROOT, ROOT) as (address, (_, one, other)):
        results = dask_cluster.ordered(slower_at_first, ITEMS, address)
        found = [next(results) for _ in range(5)]
        assert {process for _, process in found} <= {one.pid, other.pid}
        one.kill()
        found += results
        assert [square for square, _ in found] == [number * number for number in ITEMS]
        assert {process for _, process in found[-20:]} == {other.pid}
        other.kill()
        assert f"expected workers of the Dask scheduler at {address}, found none for 1 seconds" in error_of(address)


def test_work_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with running(tmp_path, ROOT, ROOT, **settings) as (address, _):
        assert "found 1 of them ended at the same work (killed, for want of memory" in error_of(address, dies_at_nine)


def test_a_scheduler_that_dies_is_one_line(tmp_path: Path) -> None:
    with running(tmp_path, ROOT) as (address, (server, _)):
        results = dask_cluster.ordered(slower_at_first, ITEMS, address)
        next(results)
        server.kill()
        with pytest.raises(
            UserError, match=f"expected the Dask scheduler at {address} to live until all is done"
        ) as it:
            list(results)
        assert "\n" not in str(it.value)


UNREACHED = """
import sys, time
from textrnn import errors, scheduler
scheduler.REACH = 1
begin = time.monotonic()
code = errors.run(lambda: list(scheduler.ordered(len, ["a"], sys.argv[1])))
print(time.monotonic() - begin)
sys.exit(code)
"""


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense"])
def test_a_scheduler_that_is_not_there_is_told_in_one_line_in_time(address: str) -> None:
    command = [sys.executable, "-c", UNREACHED, address]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr.count("\n")) == (1, 1)
    assert found.stderr.startswith(f"error: expected a Dask scheduler at {address}, as TEXTRNN_SCHEDULER says, found")
    assert float(found.stdout) < dask_cluster.REACH


def test_a_worker_with_other_code_is_refused_and_so_is_one_with_none(tmp_path: Path) -> None:
    other = tmp_path / "other"
    for name in ("stages", "tests", "textrnn"):
        shutil.copytree(ROOT / name, other / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "stages/clean.py").open("a") as file:
        file.write("# edited\n")
    with running(tmp_path, other) as (address, _):
        assert "to run the code of this checkout" in error_of(address)
    with running(tmp_path, None) as (address, _):
        assert "to find this checkout's code and packages, found ModuleNotFoundError" in error_of(address)


def test_without_the_package_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv(dask_cluster.SCHEDULER, "tcp://127.0.0.1:1")
    with pytest.raises(UserError, match="expected the package distributed, since TEXTRNN_SCHEDULER is set, found none"):
        list(execute.ordered(len, ["a"]))


PROGRAM = """
import sys
from tests.work import slow
from textrnn import errors, partitions
sys.exit(errors.run(lambda: list(partitions.ordered(slow, range(4000)))))
"""


def test_ctrl_c_is_one_line_and_the_workers_are_free_for_others(two: str, folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, text=True, stderr=subprocess.PIPE,
        env=os.environ | {dask_cluster.SCHEDULER: two},
    )  # fmt: skip
    wait_for(lambda: len(list(folder.glob("working-*"))) == 2 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "error: interrupted\n")
    assert len(list(dask_cluster.ordered(slower_at_first, ITEMS, two))) == len(ITEMS)
