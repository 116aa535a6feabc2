"""Several workers train one network: over loopback, as processes of their own, each in a checkout of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np
import pytest

from stages import clean, split, train, vectorize
from tests.models import RECIPE, TWO, corpus, place
from tests.workspace import Workspace
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.training.distributed import rendezvous
from textrnn.training.distributed.cluster import ALONE, Cluster, named

# TF_CONFIG

PAIR = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


def config(**changes: Any) -> str:
    return json.dumps(PAIR | changes)


def test_without_tf_config_a_process_trains_alone() -> None:
    assert named({}) == named({"TF_CONFIG": " "}) == ALONE
    assert (ALONE.several, ALONE.chief) == (False, True)


def test_tf_config_says_who_the_workers_are_and_which_one_this_is() -> None:
    assert named({"TF_CONFIG": config()}) == Cluster(("a:1", "b:2"), 1)
    task = {"type": "worker", "index": "0"}  # as a shell script might write it
    assert named({"TF_CONFIG": config(task=task)}).chief


def test_a_chief_beside_the_workers_is_the_first_of_them() -> None:
    cluster = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}
    found = [
        named({"TF_CONFIG": config(cluster=cluster, task={"type": kind, "index": index})})
        for kind, index in (("chief", 0), ("worker", 0), ("worker", 1))
    ]
    assert found == [Cluster(("a:1", "b:2", "c:3"), number) for number in range(3)]


def test_one_worker_is_alone() -> None:
    found = named({"TF_CONFIG": config(cluster={"worker": ["a:1"]}, task={"type": "worker", "index": 0})})
    assert (found.several, found.chief) == (False, True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("worker 1 of 2", "Invalid JSON: expected value at line 1 column 1"),
        ("[1]", "Input should be an object"),
        ("{}", "cluster: Field required"),
        (config(cluster={"worker": "a:1"}), "cluster.worker: Input should be a valid array"),
        (config(cluster={"worker": ["a:1", "b"]}), "cluster.worker.1: String should match pattern '^\\S+:\\d+$'"),
        (config(cluster={"worker": ["a:1"], "ps": ["b:2"]}), "cluster.ps: Extra inputs are not permitted"),
        (config(cluster={"worker": ["a:1", "a:1"]}), "a:1 twice"),
        (config(task={"type": "worker"}), "task.index: Field required"),
        (config(task={"type": "evaluator", "index": 0}), "task.type: Input should be 'chief' or 'worker'"),
        (config(task={"type": "worker", "index": -1}), "task.index: Input should be greater than or equal to 0"),
        (config(task={"type": "worker", "index": 2}), "worker 2 of 2 (they are counted from 0)"),
        (config(task={"type": "chief", "index": 0}), "chief 0 of 0 (they are counted from 0)"),
    ],
)
def test_a_wrong_tf_config_is_told_in_a_line(text: str, found: str) -> None:
    with pytest.raises(UserError) as told:
        named({"TF_CONFIG": text})
    assert str(told.value) == (
        f"expected TF_CONFIG to hold the address of each worker and which one this is, found {found}: set it as "
        "docs/cluster.md shows, or unset it to train alone"
    )


# Before TensorFlow loads


def free(count: int) -> tuple[str, ...]:
    """Return addresses at which nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    for one in sockets:
        one.close()
    return addresses


def met(workers: tuple[str, ...], marks: dict[int, str]) -> list[str]:
    """Let workers of these numbers meet, each with its mark, and return what each is told."""

    def one(number: int) -> str:
        try:
            rendezvous.meet(Cluster(workers, number), marks[number])
        except UserError as error:
            return str(error)
        return "go"

    with ThreadPoolExecutor(len(marks)) as threads:
        return list(threads.map(one, marks))


def test_workers_that_mean_the_same_go_on_together() -> None:
    assert met(free(3), dict.fromkeys((2, 1, 0), "mark")) == ["go"] * 3


def test_all_workers_are_told_who_has_another_checkout() -> None:
    workers = free(3)
    told = met(workers, {0: "mark", 1: "mark", 2: "other"})
    assert told == [told[0]] * 3
    assert told[0].startswith("expected the parameters, data, code, packages and addresses of worker 0 on all workers")
    assert f"found others on worker 2 ({workers[2]}): " in told[0]


@pytest.mark.parametrize(("numbers", "missing"), [((0, 1), 2), ((1,), 0)])
def test_a_worker_that_does_not_come_is_named_after_a_while(
    numbers: tuple[int, ...], missing: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rendezvous, "SILENCE", 0.2)
    monkeypatch.setattr(rendezvous, "LOOK", 0.2)
    monkeypatch.setattr(rendezvous, "WAIT", 1.0)
    workers = free(3)
    for told in met(workers, dict.fromkeys(numbers, "mark")):
        assert told == (
            f"expected all 3 workers to start within 1 seconds, found worker {missing} ({workers[missing]}) missing: "
            "start all of them, each with its own task in TF_CONFIG"
        )
    assert f"waiting for worker {missing} ({workers[missing]})\n" in capsys.readouterr().err


def test_of_two_workers_with_one_number_the_first_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "LOOK", 0.2)
    monkeypatch.setattr(rendezvous, "WAIT", 2.0)
    workers = free(2)
    # On two hosts nobody's port is taken: so the guests say what they have to by hand.
    with ThreadPoolExecutor(1) as threads:
        chief = threads.submit(met, (*workers, "127.0.0.1:1"), {0: "mark"})
        guests = []
        for _ in range(2):
            while not rendezvous.answers(workers[0]):
                time.sleep(0.02)
            guests.append(socket.create_connection(rendezvous.place(workers[0])))
            guests[-1].sendall(b"1 mark\n")
        with guests[0].makefile() as file:
            assert file.readline() == "expected one worker 1, found another one that has come later: end it\n"
        assert "missing" in chief.result()[0]
        for guest in guests:
            guest.close()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (told,) = met((*free(1), address), {1: "mark"})
    assert told.startswith(f"expected the port of worker 1 ({address}) to be free here, found it is not (")


# Steps


def test_replicas_some_of_them_without_rows_learn_what_one_learns_with_noise_and_clipping() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.replicas"], cwd=paths.ROOT, capture_output=True, text=True, check=True
    )
    apart, clipped = map(float, done.stdout.split())
    assert clipped > 1e-3, "else a norm of part of the gradients would go unnoticed"
    assert apart < 2e-6  # sums over rows are taken in parts, and rounded otherwise in the last of seven digits


# Trainings

EPOCHS = 12


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with all that train reads, and a single network to be trained."""
    root = tmp_path_factory.mktemp("cluster") / "checkout"
    for folder in ("stages", "textrnn"):
        shutil.copytree(paths.ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.REQUIREMENTS, root)
    with pytest.MonkeyPatch.context() as patch:
        place(patch, root)
        workspace = Workspace(root)
        # Small, as most of the time goes to compiling it; tests/replicas.py has the rest.
        config = RECIPE | {
            "cell": "rnn", "bidirectional": False, "subword_buckets": 0, "dropout": 0.3, "embedding_dropout": 0.2,
            "ensemble": 1, "linear": False, "epochs": EPOCHS,
        }  # fmt: skip
        workspace.settings(
            clean__duplicates="keep", split__keep_together="none",
            **{f"train__{key}": value for key, value in config.items()},
        )  # fmt: skip
        workspace.corpus(corpus(TWO, 120))
        for stage in (clean, vectorize, split):
            workspace.run(stage.main)
    return root


def begun(checkout: Path, folder: Path, count: int) -> list[subprocess.Popen[str]]:
    """Start so many workers, each in a copy of the checkout unless it is there already."""
    processes, workers = [], free(count)
    for number in range(count):
        copy = folder / str(number)
        if not copy.exists():
            shutil.copytree(checkout, copy)
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": number}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "stages.train"]
        processes.append(subprocess.Popen(command, cwd=copy, text=True, env=environment, stdout=PIPE, stderr=PIPE))
    return processes


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Return what each worker has printed, all of which must end well."""
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return [out for out, _ in said]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def weights(folder: Path) -> dict[str, Any]:
    with np.load(folder / "0/model/weights.npz") as arrays:
        return dict(arrays)


def history(folder: Path) -> Any:
    return np.loadtxt(folder / "0/model/history.tsv", skiprows=1)


@pytest.fixture(scope="module")
def pair(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return where two workers have trained, and what they printed."""
    folder = tmp_path_factory.mktemp("pair")
    return folder, ended(begun(checkout, folder, 2))


def test_two_workers_learn_what_one_process_learns(
    checkout: Path, pair: tuple[Path, list[str]], tmp_path: Path
) -> None:
    ended(begun(checkout, tmp_path, 1))
    alone, together = weights(tmp_path), weights(pair[0])
    # Not the same bits: a sum over a batch is taken in two parts. Adam divides by the root of what may be almost 0.
    assert max(np.abs(alone[name] - together[name]).max() for name in alone) < 1e-4
    np.testing.assert_allclose(history(tmp_path), history(pair[0]), atol=2e-6)


def test_only_the_chief_writes_and_tells(checkout: Path, pair: tuple[Path, list[str]]) -> None:
    folder, (of_chief, of_other) = pair
    assert files(folder / "1") == files(checkout)
    assert of_other == ""
    assert of_chief.count("epoch ") == EPOCHS
    made = {f"model/{name}" for name in (*train.PARTS, "model.json")}
    assert files(folder / "0") - files(checkout) == made | {
        "data/scored/held_out.tsv", "metrics/train.json", ".machine.json",
    }  # fmt: skip


def wait_for(there: Callable[[], bool], processes: list[subprocess.Popen[str]]) -> None:
    while not there():
        assert [process.poll() for process in processes] == [None] * len(processes)
        time.sleep(0.01)


def test_a_killed_worker_ends_the_others_with_a_line_and_all_go_on_to_the_same_bits(
    checkout: Path, pair: tuple[Path, list[str]], tmp_path: Path
) -> None:
    processes = begun(checkout, tmp_path, 2)
    wait_for((tmp_path / "0/.checkpoints/train.npz").exists, processes)
    processes[1].send_signal(signal.SIGKILL)
    _, told = processes[0].communicate(timeout=30)
    assert processes[0].returncode == 1
    line = told.splitlines()[-1]
    assert line.startswith("error: expected all 2 workers to live until all is done, found worker 1 (127.0.0.1:")
    assert line.endswith("start all of them again, and they go on from the chief's checkpoint")
    assert [one for one in told.splitlines()[:-1] if not one.startswith("note: ")] == []
    processes[1].communicate()

    resumed, _ = ended(begun(checkout, tmp_path, 2))
    assert resumed.startswith("resuming after epoch ")
    assert files(tmp_path / "1") == files(checkout)
    assert (tmp_path / "0/model/weights.npz").read_bytes() == (pair[0] / "0/model/weights.npz").read_bytes()
    assert (tmp_path / "0/model/history.tsv").read_bytes() == (pair[0] / "0/model/history.tsv").read_bytes()
