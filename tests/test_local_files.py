"""A user's own corpus as files: one file or several, plain or compressed."""

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from textrnn.core.errors import UserError
from textrnn.corpus import local_files

MOST = 10_000
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def failure(source: Path | str, most: int = MOST) -> str:
    with pytest.raises(UserError) as raised:
        local_files.read(str(source), most)
    return str(raised.value)


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_compressed_file_is_decompressed_up_to_the_limit_or_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine.tsv{suffix}"
    path.write_bytes(COMPRESSED[suffix](b"ham\ttea\n" * 100))
    assert local_files.read(str(path), MOST) == b"ham\ttea\n" * 100
    path.write_bytes(COMPRESSED[suffix](bytes(2_000_000)))
    assert failure(path) == "expected at most 10,000 bytes, found more"
    whole = COMPRESSED[suffix](bytes(range(256)) * 20)
    path.write_bytes(whole[: len(whole) // 2])
    assert failure(path).startswith("expected a whole compressed file, found a damaged one: ")
    path.write_bytes(b"ham\ttea\n")
    assert local_files.read(str(path), MOST) == b"ham\ttea\n", "the content says what it is, not the name"


def test_of_several_files_or_a_folder_a_zip_is_made_whose_bytes_do_not_change(tmp_path: Path) -> None:
    for name, content in {"b.tsv": b"ham\tb", "a.tsv": b"\xef\xbb\xbfham\ta", "c.tsv.gz": b"", "d.txt": b"no"}.items():
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    (tmp_path / ".hidden").write_bytes(b"no")
    found = local_files.read(str(tmp_path / "*.tsv*"), MOST)
    with zipfile.ZipFile(io.BytesIO(found)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert members == {"a.tsv": b"\xef\xbb\xbfham\ta", "b.tsv": b"ham\tb", "c.tsv.gz": b""}
    os.utime(tmp_path / "a.tsv", (0, 0))
    assert local_files.read(str(tmp_path / "*.tsv*"), MOST) == found
    with zipfile.ZipFile(io.BytesIO(local_files.read(str(tmp_path), MOST))) as archive:
        assert archive.namelist() == ["a.tsv", "b.tsv", "c.tsv.gz", "d.txt"]
    assert failure(tmp_path / "*.tsv", most=10) == "expected at most 10 bytes, found more"


def test_one_file_stays_as_it_is_and_a_source_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert failure(tmp_path / "*.csv").endswith(f"a file, found no file that matches {tmp_path}/*.csv")
    for name in ("mine.csv", "mine[1].csv"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbfa,b\r\n1,2")
        assert local_files.read(str(tmp_path / name), MOST) == b"\xef\xbb\xbfa,b\r\n1,2"
    assert failure("nowhere://mine.tsv") == ("cannot read nowhere://mine.tsv: ValueError: Protocol not known: nowhere")


def test_any_store_that_fsspec_knows_is_read() -> None:
    memory = fsspec.filesystem("memory")
    for number in range(2):
        memory.pipe(f"/corpus/{number}.csv", b"label,text\nham,tea %d\n" % number)
    with zipfile.ZipFile(io.BytesIO(local_files.read("memory://corpus/*.csv", MOST))) as archive:
        assert archive.read("1.csv") == b"label,text\nham,tea 1\n"
