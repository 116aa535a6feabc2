"""textrnn/corpus/local_files.py: one file or several, plain or compressed."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from textrnn.core.errors import UserError
from textrnn.corpus import local_files

MOST = 10_000
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
}  # fmt: skip


def failed(source: Path, header: bool = False, most: int = MOST) -> str:
    with pytest.raises(UserError) as raised:
        local_files.read(str(source), most, header)
    return str(raised.value)


def test_one_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,2")
    assert local_files.read(str(tmp_path / "mine.csv"), MOST, True) == b"\xef\xbb\xbfa,b\r\n1,2"


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_compressed_file_is_decompressed(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"mine.tsv{suffix}").write_bytes(COMPRESSED[suffix](b"ham\ttea\n" * 100))
    assert local_files.read(str(tmp_path / f"mine.tsv{suffix}"), MOST, False) == b"ham\ttea\n" * 100


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_compressed_file_that_is_damaged_or_cut_off_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine.tsv{suffix}"
    whole = COMPRESSED[suffix](bytes(range(256)) * 20)
    for content in (b"ham\ttea\n", whole[: len(whole) // 2]):
        path.write_bytes(content)
        said = failed(path)
        assert said.startswith(f"{path}: expected a file that can be read, found ")
        assert "\n" not in said


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_no_more_is_decompressed_than_may_be(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bomb.tsv{suffix}"
    path.write_bytes(COMPRESSED[suffix](bytes(50_000_000)))
    assert failed(path) == f"{path}: expected at most 10,000 bytes, found more"


def test_several_files_follow_each_other_by_their_names_each_last_line_ended(tmp_path: Path) -> None:
    for name, content in {"b.tsv": b"ham\tb", "a.tsv": b"\xef\xbb\xbfham\ta", "c.tsv": b"", "d.txt": b"no"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "d.tsv").write_bytes("ham\té\n".encode("utf-16"))
    assert local_files.read(str(tmp_path / "*.tsv"), MOST, False) == "ham\ta\nham\tb\nham\té\n".encode()


def test_of_several_headers_one_is_kept(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_bytes(b"label,text\nham,tea")
    (tmp_path / "2.csv.gz").write_bytes(gzip.compress(b"label,text\r\nspam,win\r\n"))
    assert local_files.read(str(tmp_path / "*"), MOST, True) == b"label,text\nham,tea\nspam,win\r\n"


def test_another_header_in_another_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_bytes(b"label,text\nham,tea\n")
    (tmp_path / "2.csv").write_bytes(b"text,label\nwin,spam\n")
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    assert failed(tmp_path / "*.csv", header=True) == (
        f"{two}: expected the header line of {one}, 'label,text', found 'text,label'"
    )


def test_one_of_several_files_that_is_not_the_utf_16_it_says_is_told(tmp_path: Path) -> None:
    (tmp_path / "1.tsv").write_bytes(b"ham\ttea\n")
    (tmp_path / "2.tsv").write_bytes(b"\xff\xfe\x00\xd8a")
    said = failed(tmp_path / "*.tsv")
    assert said.startswith(f"{tmp_path / '2.tsv'}: expected UTF-16, as its first two bytes say, found none: ")


def test_all_files_together_may_have_no_more_bytes_than_one(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.tsv").write_bytes(b"ham\ttea\n" * 10)
    assert len(local_files.read(str(tmp_path / "*.tsv"), 240, False)) == 240
    assert failed(tmp_path / "*.tsv", most=239) == f"{tmp_path}/*.tsv: expected at most 239 bytes, found more"


def test_a_name_with_brackets_is_the_file_of_that_name_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "mine[1].tsv").write_bytes(b"ham\ttea\n")
    assert local_files.read(str(tmp_path / "mine[1].tsv"), MOST, False) == b"ham\ttea\n"


def test_a_pattern_that_no_file_is_like_is_told(tmp_path: Path) -> None:
    said = failed(tmp_path / "*.csv")
    assert said == (
        f"params.yaml: expected download.source to be sms-spam, a URL or a file, found no file like {tmp_path}/*.csv"
    )


def test_a_store_that_nobody_knows_is_told() -> None:
    with pytest.raises(UserError, match=r"^nowhere://mine\.tsv: ValueError: Protocol not known: nowhere"):
        local_files.read("nowhere://mine.tsv", MOST, False)


def test_any_store_that_fsspec_knows_is_read() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for number in range(2):
        memory.pipe(f"/corpus/{number}.csv", b"label,text\nham,tea %d\n" % number)
    assert local_files.read("memory://corpus/*.csv", MOST, True) == b"label,text\nham,tea 0\nham,tea 1\n"
