"""A corpus in a bucket or a folder of many files, and workers that share nothing but a bucket."""

import bz2
import contextlib
import csv
import gzip
import io
import json
import secrets
import shutil
import socket
import socketserver
import threading
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import s3fs  # type: ignore[import-untyped]

from bench.corpora import messages
from bench.dask_cluster import cluster, kill_at_work
from stages import clean, download, split, vectorize
from tests.server import body, direct, running
from tests.storage import ACCESS_KEY, SECRET_KEY, s3
from tests.workspace import Workspace
from textrnn.core import paths, process_pool
from textrnn.core.paths import ROOT
from textrnn.core.stores import store
from textrnn.corpus import file_list
from textrnn.partitions import execute

NAMED = {"clean__label_column": "label", "clean__text_column": "text"}
ROWS = [(label, f"{text} {number}") for number, (label, text) in enumerate(messages(900, seed=3))]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server that speaks S3 and has a bucket textrnn."""
    with s3(tmp_path_factory.mktemp("storage")) as storage:
        yield storage.stands_for["https://minio.example.org"]


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let this process and its children know the server, and return the address of an empty folder."""
    known = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, **direct()}
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    through(endpoint, monkeypatch)
    return f"s3://textrnn/{secrets.token_hex(8)}"


def through(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    s3fs.S3FileSystem.clear_instance_cache()  # it knows no change of the environment


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process work alone, as it does sooner than others start."""
    monkeypatch.setattr(process_pool, "mapped", map)


def as_csv(rows: list[tuple[str, str]]) -> bytes:
    csv.writer(file := io.StringIO(newline="")).writerows([("label", "text"), *rows])
    return file.getvalue().encode()


def as_parquet(rows: list[tuple[str, str]]) -> bytes:
    labels, texts = zip(*rows, strict=True)
    pa.parquet.write_table(pa.table({"id": range(len(rows)), "text": texts, "label": labels}), file := io.BytesIO())
    return file.getvalue()


def put(folder: Path | str, name: str, content: bytes) -> None:
    """Write a file into a folder here or in a bucket, whose server would not see at once what is written behind it."""
    if isinstance(folder, str):
        store(folder).pipe(f"{folder}/{name}", content)
    else:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def remove(folder: Path | str, name: str) -> None:
    store(folder).rm(f"{folder}/{name}") if isinstance(folder, str) else (folder / name).unlink()


def lay(folder: Path | str) -> None:
    """Write files of several formats into a folder, one of them in a folder below it, and some that are none."""
    parts = [ROWS[start::6] for start in range(6)]
    lines = "".join(json.dumps({"text": text, "label": label}) + "\n" for label, text in [*parts[1], ("ham", "")])
    files = {
        "b.csv": as_csv([*parts[0], *parts[0][:9]]),
        "a.jsonl.gz": gzip.compress(lines.encode(), mtime=0),
        "2026/c.parquet": as_parquet(parts[2]),
        "d.tsv": "".join(f"{label}\t{text}\n" for label, text in [("label", "text"), *parts[3]]).encode(),
        "e.csv.bz2": bz2.compress(as_csv(parts[4])),
        "f.csv": as_csv(parts[5]).decode().encode("utf-16"),
        "empty.csv": b"",
        "_SUCCESS": b"done",
        ".hidden": b"no",
    }
    for name, content in files.items():
        put(folder, name, content)


def outputs(workspace: Workspace, *stages: object, **settings: object) -> dict[str, bytes]:
    """Run download, clean and other stages, and return what all but download write."""
    workspace.settings(**NAMED, **settings)
    for name in ("data/clean", "data/vectors", "data/split", "metrics"):
        shutil.rmtree(workspace.root / name, ignore_errors=True)
    for stage in (download, clean, *stages):
        workspace.run(stage.main)  # type: ignore[attr-defined]
    written = (name for name in workspace.files() if name.startswith(("data/", "metrics")) and "/raw/" not in name)
    return {name: (workspace.root / name).read_bytes() for name in written}


# A corpus that stays where it is


@pytest.mark.usefixtures("alone")
def test_a_large_folder_here_or_in_a_bucket_is_read_as_a_small_one_that_is_copied(
    workspace: Workspace, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(workspace.root / "mail")
    lay(f"{bucket}/mail")
    (workspace.root / "more.csv").write_bytes(as_csv([("ham", f"another {number}") for number in range(50)]))
    sources = ("mail", f"{bucket}/mail/", f"{bucket}/mail", "mail/**/*.*")
    expected = outputs(workspace, download__source="mail", split__test_source="more.csv")
    assert paths.CORPUS.read_bytes().startswith(b"PK")
    assert workspace.metrics("clean")["kept"] == len(ROWS) + 50
    assert b"\na.jsonl.gz\t" in expected["data/clean/rejected.tsv"]
    monkeypatch.setattr(download, "MOST_BYTES", 100)
    lists = set()
    for source in sources:
        assert outputs(workspace, download__source=source, split__test_source="more.csv") == expected
        listed = file_list.read(paths.CORPUS)
        assert listed is not None
        assert [file.name for file in listed] == ["a.jsonl.gz", "b.csv", "c.parquet", "d.tsv", "e.csv.bz2", "f.csv"]
        lists.add(file_list.checksum(listed))
    (checksum,) = lists
    assert b'["mail/2026/c.parquet", ' in paths.CORPUS.read_bytes(), "another checkout finds it"
    assert outputs(workspace, download__source=f"{bucket}/mail", download__sha256=checksum)
    workspace.settings(**NAMED, download__source="mail", download__sha256="0" * 64)
    assert f"mail: expected sha256 {'0' * 64}, found {checksum} (6 files)" in workspace.failure(download.main)


def test_a_large_file_is_read_as_a_small_one(
    workspace: Workspace, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (workspace.root, bucket):
        put(folder, "mine.csv.gz", gzip.compress(as_csv(ROWS)))
    expected = outputs(workspace, download__source="mine.csv.gz")
    monkeypatch.setattr(download, "MOST_BYTES", 100)
    for source in ("mine.csv.gz", f"{bucket}/mine.csv.gz"):
        assert outputs(workspace, download__source=source) == expected
        assert paths.CORPUS.read_bytes().startswith(file_list.MARK)


@pytest.mark.usefixtures("alone")
def test_the_checksum_of_a_large_file_is_its_own_as_that_of_a_small_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTRNN_CACHE", str(workspace.root / "small"))
    put(workspace.root, "mine.csv", content := as_csv(ROWS))
    expected = outputs(workspace, download__source="mine.csv", download__sha256=sha256(content).hexdigest())
    monkeypatch.setattr(download, "MOST_BYTES", 100)
    monkeypatch.setenv("TEXTRNN_CACHE", str(workspace.root / "large"))
    found = outputs(workspace, download__source="mine.csv", download__sha256=sha256(content).hexdigest().upper())
    assert found == expected
    assert paths.CORPUS.read_bytes().startswith(file_list.MARK)
    workspace.settings(**NAMED, download__source="mine.csv", download__sha256="0" * 64)
    assert f"found {sha256(content).hexdigest()} ({len(content):,} bytes)" in workspace.failure(download.main)


@pytest.mark.usefixtures("alone")
def test_a_large_zip_that_is_alone_in_a_folder_is_read_as_a_small_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        for name, rows in (("a.csv", ROWS[::2]), ("b.csv", ROWS[1::2])):
            archive.writestr(name, as_csv(rows))
    put(workspace.root / "mail", "all.zip", file.getvalue())
    expected = outputs(workspace, download__source="mail")
    monkeypatch.setattr(download, "MOST_BYTES", 100)
    assert outputs(workspace, download__source="mail") == expected


def test_a_list_is_nothing_that_a_stranger_may_send(workspace: Workspace) -> None:
    secret = file_list.written([file_list.File("/etc/passwd", "", 1, "0" * 64)])
    with running() as server:
        workspace.settings(download__source=server.serves("/mine.tsv", body(secret)))
        assert "expected a corpus, found a list that textrnn wrote" in workspace.failure(download.main)


@pytest.mark.usefixtures("alone")
def test_a_listed_file_that_changes_lacks_a_column_or_vanishes_is_named(
    workspace: Workspace, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 100)
    (workspace.root / "mail").mkdir()
    places: tuple[tuple[Path | str, str], ...] = ((workspace.root / "mail", "mail"), (f"{bucket}/mail",) * 2)
    for folder, source in places:
        workspace.settings(**NAMED, download__source=source)
        assert "found no" in (said := workspace.failure(download.main)) or "found none" in said
        lay(folder)
        workspace.run(download.main)
        put(folder, "b.csv", as_csv(ROWS[:3]))
        said = workspace.failure(clean.main)
        assert "error: b.csv: expected sha256 " in said
        assert "it has changed since it was listed; run `dvc repro --force download`" in said
        workspace.run(download.main)
        remove(folder, "b.csv")
        assert "b.csv: " in workspace.failure(clean.main)
        put(folder, "b.csv", b"label,words\nham,tea\nspam,win\n")
        workspace.run(download.main)
        assert "mail: b.csv: expected one column 'text' in a header line, found 'label', 'words'" in workspace.failure(
            clean.main
        )
        put(folder, "b.csv", gzip.compress(as_csv(ROWS))[:-100])
        workspace.run(download.main)
        assert "expected a whole compressed file, found a damaged one" in workspace.failure(clean.main)
    assert not list(paths.MESSAGES.parent.glob("*")), "nothing half-written, and nothing that workers left"


# Workers


def test_workers_that_read_a_bucket_and_one_that_is_killed_write_what_one_process_writes(
    workspace: Workspace, bucket: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(workspace.root / "mail")
    lay(f"{bucket}/mail")
    stages = (vectorize, split)
    expected = outputs(workspace, *stages, download__source="mail")
    shutil.rmtree(workspace.root / "mail")
    monkeypatch.setattr(download, "MOST_BYTES", 100)
    with cluster(tmp_path_factory.mktemp("cluster"), ROOT, ROOT, ROOT) as (address, (_, first, *workers)):
        monkeypatch.setenv(execute.SCHEDULER, address)
        killer = threading.Thread(target=kill_at_work, args=(first,))
        killer.start()
        assert outputs(workspace, *stages, download__source=f"{bucket}/mail") == expected
        killer.join()
        assert [worker.poll() for worker in workers] == [None, None]


# What goes wrong


@pytest.mark.usefixtures("alone")
def test_wrong_keys_and_a_bucket_that_is_none_are_one_line_without_the_key(
    workspace: Workspace, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(f"{bucket}/mail")
    monkeypatch.setattr(download, "MOST_BYTES", 100)
    workspace.settings(**NAMED, download__source=f"{bucket}/mail")
    workspace.run(download.main)
    workspace.settings(**NAMED, download__source="s3://nowhere/mail")
    assert "s3://nowhere/mail" in workspace.failure(download.main)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed" * 5)
    s3fs.S3FileSystem.clear_instance_cache()
    said = workspace.failure(clean.main)
    assert f"could not read {bucket}/mail/a.jsonl.gz: PermissionError: " in said
    workspace.settings(**NAMED, download__source=f"{bucket}/mail")
    said += workspace.failure(download.main)
    assert f"cannot read {bucket}/mail: PermissionError: " in said
    assert "guessed" not in said
    assert ACCESS_KEY not in said


@contextlib.contextmanager
def cutting(endpoint: str, limit: int, times: int) -> Iterator[str]:
    """Forward connections to a server, and cut so many of them after `limit` bytes of its answers."""
    left, port = [times], int(endpoint.rpartition(":")[2])

    class Cut(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as server, contextlib.suppress(OSError):
                threading.Thread(target=self.forward, args=(server,), daemon=True).start()
                sent = 0
                while part := server.recv(4096):
                    sent += len(part)
                    if left[0] and sent > limit:
                        left[0] -= 1
                        return
                    self.request.sendall(part)

        def forward(self, server: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while part := self.request.recv(4096):
                    server.sendall(part)

    class Proxy(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, False

    with Proxy(("127.0.0.1", 0), Cut) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


@pytest.mark.usefixtures("alone")
def test_a_server_that_stops_half_way_is_asked_for_the_rest_and_one_that_always_does_is_one_line(
    workspace: Workspace, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        put(bucket, f"mail/{number}.csv", as_csv(ROWS[number::2] * 40))
    monkeypatch.setattr(download, "MOST_BYTES", 100)
    expected = outputs(workspace, download__source=f"{bucket}/mail")
    listed = paths.CORPUS.read_bytes()
    with cutting(endpoint, limit=100_000, times=2) as proxy:
        through(proxy, monkeypatch)
        assert outputs(workspace, download__source=f"{bucket}/mail") == expected
    with cutting(endpoint, limit=100_000, times=10**6) as proxy:
        through(proxy, monkeypatch)
        paths.MESSAGES.unlink()
        for stage in (download, clean):
            said = workspace.failure(stage.main)
            assert f"could not read {bucket}/mail/0.csv: " in said
        assert paths.CORPUS.read_bytes() == listed
        assert not paths.MESSAGES.exists()
        assert not list(paths.MESSAGES.parent.glob(".*")), "nothing half-written"
    through(endpoint, monkeypatch)
    assert outputs(workspace, download__source=f"{bucket}/mail") == expected
