"""Several workers train one network: over loopback, as processes of their own, each in a checkout of its own."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import product
from pathlib import Path
from subprocess import DEVNULL, PIPE
from threading import Thread
from typing import Any

import numpy as np
import pytest

from stages import clean, split, train, vectorize
from tests.models import RECIPE, TWO, corpus, place
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.training import checkpoint
from textrnn.training.distributed import cluster as distributed
from textrnn.training.distributed.cluster import (
    ALONE,
    Cluster,
    answers,
    from_environment,
    host_and_port,
    wait_for_all,
)

HTTP_2 = bytes(3) + b"\x04\0\0\0\0\0"  # the empty frame of settings with which a server begins, TensorFlow's too
PAIR = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


def config(**changes: Any) -> str:
    return json.dumps(PAIR | changes)


def test_without_tf_config_or_with_one_worker_a_process_trains_alone() -> None:
    assert from_environment({}) == from_environment({"TF_CONFIG": " "}) == ALONE
    one = config(cluster={"worker": ["a:1"]}, task={"type": "worker", "index": "0"})  # as a shell script writes it
    for cluster in (ALONE, from_environment({"TF_CONFIG": one})):
        assert (cluster.several, cluster.chief) == (False, True)


def test_tf_config_holds_the_workers_and_the_number_of_this_one() -> None:
    assert from_environment({"TF_CONFIG": config()}) == Cluster(("a:1", "b:2"), 1)
    cluster = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}  # the chief is the first worker
    for number, (kind, index) in enumerate([("chief", 0), ("worker", 0), ("worker", 1)]):
        task = config(cluster=cluster, task={"type": kind, "index": index})
        assert from_environment({"TF_CONFIG": task}) == Cluster(("a:1", "b:2", "c:3"), number)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{}", "cluster: Field required"),
        (config(cluster={"worker": ["a:1", "b"]}), "cluster.worker.1: String should match pattern '^\\S+:\\d{1,5}$'"),
        (
            config(cluster={"worker": ["a:1", "b:" + "9" * 5000]}),
            "cluster.worker.1: String should match pattern '^\\S+:\\d{1,5}$'",
        ),
        (
            config(cluster={"worker": ["a:1", "b:65536"]}),
            "cluster.worker.1: Value error, there is no such host or port",
        ),
        (
            config(cluster={"worker": ["a..b:1", "b:2"]}),
            "cluster.worker.0: Value error, there is no such host or port",
        ),
        (config(cluster={"worker": ["a:1"], "ps": ["b:2"]}), "cluster.ps: Extra inputs are not permitted"),
        (config(cluster={"worker": ["a:1", "a:1"]}), "a:1 twice"),
        (config(task={"type": "evaluator", "index": 0}), "task.type: Input should be 'chief' or 'worker'"),
    ],
)
def test_an_invalid_tf_config_is_one_line(text: str, found: str) -> None:
    with pytest.raises(UserError) as error:
        from_environment({"TF_CONFIG": text})
    assert str(error.value) == (
        f"expected TF_CONFIG to hold the address of each worker and which one this is, found {found}: set it as "
        "docs/cluster.md shows, or unset it to train alone"
    )


def free(count: int) -> tuple[str, ...]:
    """Return addresses at which nobody listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)


def told(cluster: Cluster, fingerprint: str = "same") -> str:
    """Wait for all workers of the cluster, and return what this one is told."""
    try:
        wait_for_all(cluster, fingerprint)
    except UserError as error:
        return str(error)
    return "go"


def went_on(cluster: Cluster, stack: ExitStack) -> str:
    """Return what the worker is told; from then on TensorFlow listens at its port, as far as the others see."""
    said = told(cluster)
    server = stack.enter_context(socket.create_server(host_and_port(cluster.workers[cluster.number])))

    def answer() -> None:
        with suppress(OSError):  # until it is closed
            while True:
                with server.accept()[0] as visitor:
                    visitor.sendall(HTTP_2)

    Thread(target=answer, daemon=True).start()
    return said


def test_all_workers_go_on_together_or_hear_which_of_them_has_another_fingerprint() -> None:
    workers = free(3)
    with ExitStack() as stack, ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda number: went_on(Cluster(workers, number), stack), (2, 1, 0))) == ["go"] * 3
    workers = free(3)
    with ThreadPoolExecutor(3) as threads:
        heard = list(threads.map(lambda number: told(Cluster(workers, number), "other" * (number == 2)), range(3)))
    assert heard == [heard[0]] * 3
    assert heard[0].startswith("expected the parameters, data, code, packages and addresses of worker 0 on all workers")
    assert f"found others on worker 2 ({workers[2]}): " in heard[0]


OTHER = b"textrnn worker 0 " + b"0" * 64 + b" waits\n"


@pytest.mark.parametrize("said", [None, b"", OTHER, HTTP_2, b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_a_missing_worker_is_named_whoever_else_is_at_its_address(
    said: bytes | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(distributed, "NOTICE_TIMEOUT", 0.1)
    monkeypatch.setattr(distributed, "ARRIVAL_TIMEOUT", 0.5)
    workers = free(2)
    missing = f"worker 1 ({workers[1]})"
    with ExitStack() as stack, ThreadPoolExecutor(1) as threads:
        if said is not None:
            server = stack.enter_context(socket.create_server(host_and_port(workers[1])))
            threads.submit(lambda: server.accept()[0].sendall(said))
        assert told(Cluster(workers, 0)) == (
            f"expected all 2 workers to start within 0.5 seconds, found {missing} missing: start all of them, "
            "each with its own task in TF_CONFIG"
        )
    assert capsys.readouterr().err == f"waiting for {missing}\n"


def test_strangers_at_a_workers_port_hear_its_line_and_change_nothing() -> None:
    workers = free(2)
    with ThreadPoolExecutor(1) as threads, ExitStack() as stack:
        chief = threads.submit(went_on, Cluster(workers, 0), stack)
        while not answers(workers[0]):
            assert not chief.done(), chief.result()
        for sent in (b"", bytes(range(256)), HTTP_2, OTHER.replace(b"r 0", b"r 1")):
            stranger = stack.enter_context(socket.create_connection(host_and_port(workers[0])))
            stranger.sendall(sent)
            assert re.fullmatch(b"textrnn worker 0 [0-9a-f]{64} waits\n", stranger.recv(100))
        assert went_on(Cluster(workers, 1), stack) == chief.result() == "go"


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        found = told(Cluster((*free(1), address), 1))
    assert found.startswith(f"expected the port of worker 1 ({address}) to be free here, found it is not (")


WAITING = """
import json, sys
from textrnn.training.distributed.cluster import Cluster, wait_for_all
wait_for_all(Cluster(tuple(json.loads(sys.argv[1])), int(sys.argv[2])), "same")
print("go")
"""


def test_workers_in_a_network_of_their_own_meet_there_and_nobody_else_reaches_them() -> None:
    (shell,) = re.findall("^ +(unshare .*)$", (paths.ROOT / "docs/cluster.md").read_text("utf-8"), re.MULTILINE)
    namespace = shlex.split(shell)
    if not shutil.which("unshare") or subprocess.run(namespace, check=False, stdin=DEVNULL, stderr=DEVNULL).returncode:
        pytest.skip("needs network namespaces")
    workers = free(2)
    first, second = (
        shlex.join([sys.executable, "-c", WAITING, json.dumps(workers), str(number)]) for number in range(2)
    )
    look = (
        f"import sys; from textrnn.training.distributed.cluster import answers; sys.exit(not answers({workers[0]!r}))"
    )
    meets = (
        f"{first} & until {shlex.join([sys.executable, '-c', look])}; do :; done; echo waits; read line; {second}; wait"
    )
    with subprocess.Popen(namespace, stdin=PIPE, stdout=PIPE, text=True, cwd=paths.ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(meets + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "waits\n"
        assert not answers(workers[0]), "from outside"
        out, _ = process.communicate("now\n")
    assert out == "go\n" * 2


def test_whatever_ends_the_work_with_another_worker_is_one_line_that_names_it() -> None:
    from textrnn.training.distributed import collective

    workers = free(2)
    for lost in collective.LOST:
        line = rf"^lost worker 0 .*{lost.__name__}\): start all"
        with pytest.raises(UserError, match=line), collective.together(Cluster(workers, 1)):
            raise lost(None, None, "gone")


LOADING = """
import sys
from textrnn.training.distributed import collective
from textrnn.training.distributed.cluster import Cluster
collective.LOAD_TIMEOUT = 1.0
collective.join(Cluster(tuple(sys.argv[1:]), 0), 0)
"""


def test_a_worker_that_is_gone_before_tensorflow_has_loaded_ends_the_others_in_one_line() -> None:
    command = [sys.executable, "-c", LOADING, *free(2)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -9  # SIGKILL, a name that Windows has not
    assert done.stderr == (
        "error: expected all workers to load TensorFlow within 1 seconds, found that they have not: start all workers "
        "again\n"
    )


ALONE_UNTIL, SHARED_AT = 5, 2  # epochs
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HTTP_2  # of HTTP/2's clients
STRANGE = [
    b"",
    bytes(range(256)) * 1000,
    b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    HELLO + b"\xff\xff\xff\x00\0\0\0\0\1" + bytes(1 << 20),  # a frame that says it is of 16 MB
    HELLO + b"\0\0\x05\0\1\0\0\0\1\0\xff\xff\xff\xff",  # a message that says it is of 4 GB
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return a checkout with a checkpoint after two epochs of one process, and the history of three more."""
    root = tmp_path_factory.mktemp("cluster") / "checkout"
    for folder in ("stages", "textrnn"):
        shutil.copytree(paths.ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.REQUIREMENTS, root)
    save, histories = checkpoint.save, []

    def save_and_stop(_: Path, fingerprint: str, saved: checkpoint.Checkpoint) -> None:
        if len(saved.history) == SHARED_AT:
            save(root / ".checkpoints/train.npz", fingerprint, saved)
        if len(saved.history) == ALONE_UNTIL:
            histories.append(saved.history)
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        place(patch, root)
        patch.setattr(checkpoint, "save", save_and_stop)
        workspace = Workspace(root)
        recipe = RECIPE | {
            "cell": "rnn", "bidirectional": False, "dropout": 0.3, "embedding_dropout": 0.2, "subword_dropout": 0.2,
            "optimizer": "rmsprop", "clip_norm": 0.05, "ensemble": 1, "linear": False, "epochs": 10_000,
            "batch_size": 12, "class_weights": "balanced",
        }  # fmt: skip
        workspace.settings(
            clean__duplicates="keep", split__keep_together="none",
            **{f"train__{key}": value for key, value in recipe.items()},
        )  # fmt: skip
        workspace.corpus(corpus(TWO, 123))
        for stage in (clean, vectorize, split):
            workspace.run(stage.main)
        assert len(ragged.load(paths.TRAIN).rows) % 12 == 1, "in the last batch one worker has no row"
        with pytest.raises(KeyboardInterrupt):
            train.main()
    return root, histories[0]


def test_two_workers_resume_together_learn_what_one_process_learns_and_end_when_one_is_killed(
    checkout: tuple[Path, Any], tmp_path: Path
) -> None:
    root, alone = checkout
    processes, workers = [], free(2)
    for number in range(2):
        shutil.copytree(root, tmp_path / str(number))
        if number:
            shutil.rmtree(tmp_path / "1/.checkpoints")  # they need not share a disk
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": number}}
        variables = {"TF_CONFIG": json.dumps(task), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        command, folder = [sys.executable, "-m", "stages.train"], tmp_path / str(number)
        processes.append(
            subprocess.Popen(command, cwd=folder, text=True, env=os.environ | variables, stdout=PIPE, stderr=PIPE)
        )
    chief, other = processes
    assert chief.stdout is not None
    first = chief.stdout.readline()
    assert first == f"resuming after epoch {SHARED_AT}\n", (first, chief.stderr and chief.stderr.read())
    with ExitStack() as strangers:
        for address, sent in product(workers, STRANGE):
            stranger = strangers.enter_context(socket.create_connection(host_and_port(address)))
            with suppress(OSError):  # the worker may have closed it
                stranger.sendall(sent)
        for _ in range(ALONE_UNTIL - SHARED_AT):
            chief.stdout.readline()
    other.kill()
    assert other.communicate()[0] == "", "the chief alone prints"
    _, stderr = chief.communicate()
    assert chief.returncode == 1
    *notes, line = stderr.splitlines()
    assert line.startswith(f"error: lost worker 1 ({workers[1]}) (")
    assert line.endswith("): start all workers again, and they resume from the chief's checkpoint")
    assert [one for one in notes if not one.startswith("note: ")] == []

    saved = (tmp_path / "0/.checkpoints/train.npz").read_bytes()
    history = checkpoint.unpacked(saved[2 * checkpoint.HASH :]).history
    # Not the same bits: a sum over a batch is taken in two parts.
    np.testing.assert_allclose(history[:ALONE_UNTIL], alone, atol=2e-6)
    left = Workspace(root).files() - {".checkpoints/train.npz"}
    assert Workspace(tmp_path / "1").files() == left, "the chief alone writes"
