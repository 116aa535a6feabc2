"""A user's own corpus as files: one file or several, plain or compressed."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from textrnn.core.errors import UserError
from textrnn.corpus import local_files

MOST = 10_000
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def failure(source: Path | str, header: bool = False, most: int = MOST) -> str:
    with pytest.raises(UserError) as raised:
        local_files.read(str(source), most, header)
    return str(raised.value)


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_compressed_file_is_decompressed_up_to_the_limit_or_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine.tsv{suffix}"
    path.write_bytes(COMPRESSED[suffix](b"ham\ttea\n" * 100))
    assert local_files.read(str(path), MOST, False) == b"ham\ttea\n" * 100
    path.write_bytes(COMPRESSED[suffix](bytes(2_000_000)))
    assert failure(path) == "expected at most 10,000 bytes, found more"
    whole = COMPRESSED[suffix](bytes(range(256)) * 20)
    for damaged in (b"ham\ttea\n", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        assert failure(path).startswith(f"cannot read {path}: ")


def test_several_files_follow_each_other_by_name_and_each_ends_its_last_line(tmp_path: Path) -> None:
    for name, content in {"b.tsv": b"ham\tb", "a.tsv": b"\xef\xbb\xbfham\ta", "c.tsv": b"", "d.txt": b"no"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "d.tsv").write_bytes("ham\té\n".encode("utf-16"))
    whole = "ham\ta\nham\tb\nham\té\n".encode()
    assert local_files.read(str(tmp_path / "*.tsv"), MOST, False) == whole
    assert failure(tmp_path / "*.tsv", most=20) == "expected at most 20 bytes, found more"
    (tmp_path / "e.tsv").write_bytes(b"\xff\xfe\x00\xd8a")
    assert failure(tmp_path / "*.tsv").startswith(f"{tmp_path / 'e.tsv'}: expected UTF-16, as its byte order mark says")


def test_one_of_several_headers_is_kept_and_they_must_agree(tmp_path: Path) -> None:
    one, two = tmp_path / "1.csv", tmp_path / "2.csv.gz"
    one.write_bytes(b"label,text\nham,tea")
    two.write_bytes(gzip.compress(b"label,text\r\nspam,win\r\n"))
    assert local_files.read(str(tmp_path / "*"), MOST, True) == b"label,text\nham,tea\nspam,win\r\n"
    two.write_bytes(gzip.compress(b"text,label\nwin,spam\n"))
    assert failure(tmp_path / "*", header=True) == f"expected the header of {one} in {two} too, found b'text,label'"


def test_one_file_stays_as_it_is_and_a_source_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert failure(tmp_path / "*.csv").endswith(f"a file, found no file that matches {tmp_path}/*.csv")
    for name in ("mine.csv", "mine[1].csv"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbfa,b\r\n1,2")
        assert local_files.read(str(tmp_path / name), MOST, True) == b"\xef\xbb\xbfa,b\r\n1,2"
    assert failure("nowhere://mine.tsv") == ("cannot read nowhere://mine.tsv: ValueError: Protocol not known: nowhere")


def test_any_store_that_fsspec_knows_is_read() -> None:
    memory = fsspec.filesystem("memory")
    for number in range(2):
        memory.pipe(f"/corpus/{number}.csv", b"label,text\nham,tea %d\n" % number)
    assert local_files.read("memory://corpus/*.csv", MOST, True) == b"label,text\nham,tea 0\nham,tea 1\n"
