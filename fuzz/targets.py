"""What is fuzzed: functions of bytes, each of which fails when the project breaks a promise about them.

An AssertionError is a broken promise, any other exception one which the user should never have seen. The first
byte of an input chooses among settings where there are some.
"""

import codecs
import csv
import io
import json
import tempfile
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, get_args
from xml.sax.saxutils import escape

import numpy as np
import pyarrow
import pyarrow.parquet

from compare.prepare import near_duplicate_keys
from stages.vectorize import vectorize
from textrnn.artifacts import provenance, ragged
from textrnn.artifacts.messages import columns, read_messages
from textrnn.artifacts.messages import printed as printed_label
from textrnn.artifacts.settings import Positive
from textrnn.cleaning.batch import Clean
from textrnn.cleaning.tally import Tally, clean
from textrnn.cli import reader
from textrnn.cli.columns import Kind
from textrnn.core import params
from textrnn.core.errors import UserError
from textrnn.core.escape import is_unicode, printable
from textrnn.core.files import Blocks, read_array, read_json
from textrnn.corpus import readers, sms_spam
from textrnn.corpus.encoding import UTF_16, as_file
from textrnn.corpus.rows import Row, Wanted
from textrnn.dedup.templates import templates
from textrnn.inference import decision, settings
from textrnn.text import subwords
from textrnn.text.ngrams import index, ngrams, places
from textrnn.text.normalise import normalise
from textrnn.text.settings import Vectorize
from textrnn.text.vocabulary import Tokenizer, ranked, read_tokens, tokenize, write_counts

SPARE = 10_000_000  # bytes that reading a small file may take: more than numpy needs to parse any header

CLEAN: dict[str, Any] = {
    "format": "tsv",
    "encoding": "auto",
    "header": "auto",
    "labels": {"fold_case": False, "map": {}},
    "label_column": 0,
    "text_column": 1,
    "lowercase": False,
    "unicode": "none",
    "fold_lookalikes": False,
    "ascii_only": False,
    "remove_pattern": "",
    "duplicates": "keep",
    "max_rejected_share": 1.0,
}
TSV_COLUMNS = ((0, 1), (1, 0), (2, 0), (1, 3), (0, 16_383))
COLUMNS = (*TSV_COLUMNS, ("label", "text"), (0, "text"), ("é", "text"))
INPUTS: tuple[tuple[Kind, str | None], ...] = (
    ("lines", None),
    ("csv", "0"),
    ("csv", None),
    ("tsv", None),
    ("tsv", "label"),
    ("jsonl", None),
)
SECTIONS: tuple[tuple[str, type[params.Section], bool], ...] = (
    ("clean", Clean, False),
    ("vectorize", Vectorize, False),
    ("evaluate", Positive, True),
)
MEMBER = "corpus"


def knob(raw: bytes) -> tuple[int, bytes]:
    """Return the first byte as a number that chooses settings, and the rest."""
    return (raw[0], raw[1:]) if raw else (0, raw)


def text_of(raw: bytes) -> str:
    """Return `raw` as text, as much of it as is UTF-8."""
    return raw.decode("utf-8", errors="ignore")


@contextmanager
def file_of(raw: bytes) -> Iterator[Path]:
    """Give the path of a file which holds `raw`, until the block ends."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "file"
        path.write_bytes(raw)
        yield path


def whole(row: Row) -> bool:
    """Tell whether a row is what it should be: a label and a text without lone surrogates, or a reason."""
    (row.label + row.text).encode("utf-8")  # raises if there is one
    return bool(row.reason) != bool(row.label and row.label.isprintable() and row.text.strip())


def all_rows(raw: bytes, chosen: readers.Settings) -> list[Row]:
    """Return the rows of a corpus."""
    seen: list[readers.Seen] = []
    files = readers.parts(as_file(raw), "a corpus")
    return [
        row for name, file in files for batch in readers.of_file(file, name, chosen, seen.append) for row in batch()
    ]


# Targets


def tsv_rows(raw: bytes) -> None:
    """Check that each line is one row, which holds what the line holds."""
    number, raw = knob(raw)
    columns = TSV_COLUMNS[number % len(TSV_COLUMNS)]
    rows = all_rows(raw, readers.Settings(Wanted(*columns), "tsv", "utf-8", header=False))
    raw = raw.removeprefix(codecs.BOM_UTF8)
    lines = raw.removesuffix(b"\n").split(b"\n") if raw else []
    assert [row.line for row in rows] == list(range(1, len(lines) + 1))
    assert all(map(whole, rows))
    for row, line in zip(rows, lines, strict=True):
        if columns == (0, 1) and not row.reason:
            label, _, text = line.removesuffix(b"\r").decode("utf-8").partition("\t")
            assert (row.label, row.text) == (printed_label(label), text)


def corpus_rows(file_format: readers.Format) -> Callable[[bytes], None]:
    """Return a check that rows stand on rising lines, and that all have a label and a text or a reason."""

    def check(raw: bytes) -> None:
        number, raw = knob(raw)
        wanted = Wanted(*COLUMNS[number % len(COLUMNS)])
        with suppress(UserError):
            rows = all_rows(raw, readers.Settings(wanted, file_format, header=(None, False, True)[number % 3]))
            starts = [row.line for row in rows]
            assert file_format == "auto" or starts == sorted(set(starts))  # auto: a zip may have several files
            assert all(map(whole, rows))

    return check


def read_of(raw: bytes, source: reader.Source, size: int) -> tuple[list[str], list[Exception]]:
    """Return the messages of a source that `raw` is read from, so many bytes at a time, and the error it ends with."""
    failures: list[Exception] = []
    found = reader.until_failure(reader.messages(io.BytesIO(raw), source, size), failures)
    return [text for texts in found for text in texts or ()], failures


def input_rows(raw: bytes) -> None:
    """Check that any input is read the same at once and in small pieces, and CSV as the csv module reads all of it."""
    number, raw = knob(raw)
    kind, column = INPUTS[number % len(INPUTS)]
    source = reader.Source("-", kind, column)
    texts, failures = read_of(raw, source, 1 << 17)
    small, told = read_of(raw, source, 3 + number // len(INPUTS))  # a byte order mark comes whole
    assert (small, list(map(str, told))) == (texts, list(map(str, failures)))
    assert all(isinstance(failure, UserError) for failure in failures)
    assert all(map(is_unicode, texts))
    if kind == "csv" and column == "0":
        text = raw.decode("utf-16" if raw.startswith(UTF_16) else "utf-8-sig", "replace")
        with suppress(csv.Error):
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
            assert (texts, failures) == ([row[0] for row in rows], [])


def cleaned(raw: bytes) -> tuple[bytes, Tally, Clean]:
    """Return what is kept of the TSV after the first byte, and the settings that this byte stands for."""
    number, raw = knob(raw)
    changes = {
        "lowercase": bool(number & 1),
        "unicode": ("none", "NFC", "NFKC", "NFKC")[number >> 4 & 3],
        "fold_lookalikes": bool(number & 64),
        "ascii_only": bool(number & 2),
        "duplicates": "drop" if number & 4 else "keep",
        "remove_pattern": r"[0-9]+|ab" if number & 8 else "",
    }
    settings = Clean.model_validate(CLEAN | changes)
    reading = readers.Settings(Wanted(0, 1), "tsv", "utf-8", header=False)
    batches = readers.of_file(as_file(raw), "a corpus", reading, lambda _: None)
    with tempfile.TemporaryDirectory() as directory:
        with clean((("a corpus", batch) for batch in batches), settings, Path(directory)) as tally:
            assert tally.rows == len(all_rows(raw, reading))
        assert 1 + tally.rejected == Path(directory, "rejected.tsv").read_bytes().count(b"\n")  # a header, and lines
        kept = Path(directory, "messages.tsv").read_bytes()
    return kept, tally, settings


def clean_rows(raw: bytes) -> None:
    """Check that each row is kept, a duplicate or rejected, and that a text kept would be left as it is."""
    kept, tally, settings = cleaned(raw)
    labels, texts = columns(kept.decode("utf-8"))
    assert tally.labels == Counter(labels)
    assert tally.rows == len(texts) + tally.rejected + tally.duplicates
    assert not tally.duplicates or settings.duplicates == "drop"
    assert settings.duplicates == "keep" or len(texts) == len(set(texts))
    if not settings.remove_pattern:
        assert [normalise(text, settings.normalisation) for text in texts] == texts


def messages(raw: bytes) -> None:
    """Check that the messages kept are read as they are written, each on a line of its own."""
    kept, tally, _ = cleaned(raw)
    with file_of(kept) as path:
        read = read_messages(path)
    assert len(read) == tally.rows - tally.rejected - tally.duplicates
    assert "".join(f"{label}\t{text}\n" for label, text in read).encode("utf-8") == kept


def tokens(raw: bytes) -> None:
    """Check that no token is empty or holds white space, and that rich loses nothing but that and digits."""
    text = text_of(raw)
    for tokenizer in get_args(Tokenizer):
        for token in tokenize(text, tokenizer):
            assert token.split() == token.splitlines() == [token]
    joined = "".join(tokenize(text, "rich"))
    bare = "".join(text.split())
    assert len(joined) == len(bare)
    assert all(one == other or one.isdecimal() for one, other in zip(bare, joined, strict=True))


def vocabulary(raw: bytes) -> None:
    """Check that each distinct token of a text is read as it is written, in order."""
    counts = ranked(Counter(tokenize(text_of(raw), "rich")))
    with file_of(b"") as path:
        write_counts(path, counts)
        assert read_tokens(path) == [token for token, _ in counts]


def vectors(raw: bytes) -> None:
    """Check that the ids of messages decode to their tokens."""
    number, raw = knob(raw)
    tokenizer: Tokenizer = "word" if number & 1 else "rich"
    texts = text_of(raw).split("\n")
    labels = [("ham", "spam")[row % 2] for row, _ in enumerate([*texts, ""])]
    with tempfile.TemporaryDirectory() as directory:
        messages = Path(directory, "messages.tsv")
        messages.write_bytes(
            "".join(f"{label}\t{text}\n" for label, text in zip(labels, [*texts, ""], strict=True)).encode()
        )
        size = 1 + messages.stat().st_size // 2
        settings = Vectorize(tokenizer=tokenizer, min_word_frequency=0, max_sequence_length=1)
        vectorize(Blocks(messages, size, 2), settings, messages.parent)
        found, names = ragged.load(messages.parent), read_tokens(messages.parent / "vocabulary.tsv")
        tokens = [names[number] for number in found.tokens.tolist()]
        ends = pairwise(found.offsets.tolist())
        assert [tokens[start:end] for start, end in ends] == [tokenize(text, tokenizer) for text in [*texts, ""]]
        assert [("ham", "spam")[number] for number in found.labels.tolist()] == labels


def ragged_rows(raw: bytes) -> None:
    """Check that rows are loaded as they are saved, and taken in the order given."""
    lines = raw.split(b"\n")
    places = np.arange(len(lines))
    offsets = np.cumsum([0, *map(len, lines)], dtype=np.int64)
    labels = (places % 3).astype(np.int16)
    rows = ragged.Rows(np.frombuffer(b"".join(lines), np.uint8).astype(np.int32), offsets, labels, places)
    backwards = ragged.take(rows, places[::-1])
    with tempfile.TemporaryDirectory() as directory:
        for name, array in backwards._asdict().items():
            np.save(Path(directory) / f"{name}.npy", array)
        loaded = ragged.load(Path(directory))
        forwards = ragged.take(loaded, places[::-1])
        both = ragged.joined(loaded, forwards)
    assert [array.dtype for array in forwards] == [array.dtype for array in rows]
    assert [array.tolist() for array in forwards] == [array.tolist() for array in rows]
    assert both.offsets[-1] == 2 * offsets[-1]
    assert np.array_equal(ragged.take(both, places + len(lines)).tokens, rows.tokens)


def subword_features(raw: bytes) -> None:
    """Check that a token has a few features, all of them numbers of buckets."""
    number, raw = knob(raw)
    buckets = 1 << number % 32
    token = text_of(raw)
    numbers = subwords.features(token, buckets)
    assert 4 <= len(numbers) <= subwords.MOST
    assert all(1 <= feature <= buckets for feature in numbers)


def bag(raw: bytes) -> None:
    """Check that n-grams are distinct and in order, and that each is found among itself."""
    grams = ngrams(text_of(raw))
    assert grams.dtype == np.uint64
    assert (grams[:-1] < grams[1:]).all()
    assert places(index(grams), grams).tolist() == list(range(len(grams)))
    assert (places(index(grams[::2]), grams) >= 0).sum() == len(grams[::2])


def template_families(raw: bytes) -> None:
    """Check that a template is its own, that texts of one are of one family, and that their order is no matter."""
    texts = text_of(raw).split("\n")
    found = templates(texts)
    assert templates(found) == found
    assert [bool(one) for one in found] == [bool(text) for text in texts]
    keys = near_duplicate_keys(texts)
    assert near_duplicate_keys(texts[::-1]) == keys[::-1]
    assert set(keys) <= set(found)
    assert len(set(zip(found, keys, strict=True))) == len(set(found))


def parameters(raw: bytes) -> None:
    """Check that any params.yaml is read or is a user's error."""
    number, raw = knob(raw)
    name, kind, part = SECTIONS[number % len(SECTIONS)]
    with file_of(raw) as path, suppress(UserError):
        params.load(name, kind, part=part, path=path)


def archive(raw: bytes) -> None:
    """Check that any zip gives a member of bounded size or is a user's error."""
    with suppress(UserError):
        assert len(sms_spam.member(raw, MEMBER)) <= sms_spam.MOST_BYTES


def array_file(raw: bytes) -> None:
    """Check that any file is an array no larger than itself or raises ValueError, and takes no more memory."""
    with file_of(raw) as path:
        tracemalloc.start()
        try:
            array = read_array(path)
            assert isinstance(array, np.ndarray)
            assert array.nbytes <= len(raw)
        except ValueError:
            pass
        finally:
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert most <= SPARE


def settings_file(raw: bytes) -> None:
    """Check that any settings.json or threshold.json is read or is a user's error."""
    number, raw = knob(raw)
    of_json = (settings.of_json, decision.of_json)[number % 2]
    with file_of(raw) as file, suppress(UserError), provenance.whole(file) as path:
        of_json(read_json(path))


def printed(raw: bytes) -> None:
    """Check that what is printed can be, and that a text which can be is printed as it is."""
    text = raw.decode("utf-8", errors="surrogateescape")
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert shown == text or not text.isprintable()


# What each begins with


def parquet(columns: dict[str, list[Any]]) -> bytes:
    """Return a corpus as a file of Parquet."""
    pyarrow.parquet.write_table(pyarrow.table(columns), file := io.BytesIO())
    return file.getvalue()


def workbook(rows: Sequence[tuple[str, ...]]) -> bytes:
    """Return a corpus as a workbook of a spreadsheet, the least that ECMA-376 allows."""
    main, office = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org/"
    relations = office + "officeDocument/2006/relationships"
    begin = f'<Relationships xmlns="{office}package/2006/relationships"><Relationship Id="r1" Type="{relations}'
    cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
    cells = "".join(f"<row>{''.join(cell.format(escape(text)) for text in row)}</row>" for row in rows)
    members = {
        "_rels/.rels": f'{begin}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        '<sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{begin}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


class Target(NamedTuple):
    """A function to fuzz, how many of a thousand inputs it has, and what the search begins with."""

    check: Callable[[bytes], None]
    share: int  # those which read and write files are slow, and have fewer
    seeds: tuple[bytes, ...]  # whole inputs
    pieces: tuple[bytes, ...]  # of inputs, up to 64 bytes: those that one byte at a time would seldom make


def encoded(*pieces: str) -> tuple[bytes, ...]:
    """Return the pieces in UTF-8."""
    return tuple(piece.encode("utf-8") for piece in pieces)


def zipped(name: str, compression: int, offset: int = 0) -> bytes:
    """Return a zip of one member, which its directory says begins at `offset`."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", compression) as archive:
            archive.writestr(name, "ham\tsee you at 8\n" * 4)
            archive.infolist()[0].header_offset = offset
        return file.getvalue()


def numpy_file(header: str, content: bytes = b"") -> bytes:
    """Return a `.npy` file, whatever its header says."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode("utf-8") + content


TEXT = encoded(
    *"\t\n\r\x1c\x85\u2028\u3000\u200b\u0301\xad²½٣Ⅷªß_'’-!?.,£%:;=8()[]dDpP/\\|*\U0001f600İΣς",
    *("http://", "WWW.", "camelCase", "WIN", "don't", "12345", "07", "中文", "10:30", "ham\t", "spam\t", "ab"),
)
MESSAGES = encoded(
    "\0ham\tsee you at 8\nspam\tWIN £1,000 now! www.a.example/b\r\n",
    "\5Ham\tIS it İ or Σ\nham\tis it i\u0307 or σ\n\nspam\nham\t \n",
    "\7ham\tcafé\nham\tcaf\n",
)
MARKS = encoded(",", '"', '""', '","', "\r\n", "\n", "label,text", "é", "\x00", "\ufeff")
YAML = encoded(
    *(
        "vectorize: ",
        "clean: ",
        "evaluate: ",
        "positive_label: ",
        "tokenizer: ",
        "min_word_frequency: ",
        "\n  ",
        "---\n",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        "? ",
        ": ",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        "!!int ",
        "!!float ",
        "!!bool ",
        "!!timestamp ",
        "!!str ",
    ),
    *(
        "!!binary ",
        "!!set ",
        "!!omap ",
        "null",
        "true",
        ".nan",
        "1e3",
        "0x",
        "0o7",
        "_",
        "2001-01-01",
        "|\n",
        ">\n",
        '"',
    ),
    *(
        "'",
        "''",
        '"\\U00110000"',
        '"\\uD800"',
        '"\\n"',
        "%YAML 1.1\n---\n",
        "%TAG ! x\n",
        "#",
        "\t",
        "[[[",
        "]]]",
        "9" * 60,
    ),
)
JSON = encoded(
    *('"labels"', '"tokenizer"', '"positive_label"', '"threshold"', '"normalisation"', '"remove_pattern"', '"rich"'),
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"',
        "null",
        "true",
        "NaN",
        "-Infinity",
        "1e999",
        "0.5",
        "\\ud800",
        "\\n",
        "(((",
        "a{9}",
    ),
    *("[[[", "]]]", '{"a":', "9" * 60),
)
HEADER = "{{'descr': {}, 'fortran_order': False, 'shape': ({},), }}\n"
ARRAYS = encoded(
    *(
        "'<u4'",
        "'|O'",
        "'S0'",
        "('<i8',)",
        "[('a', '<i8')]",
        "{'descr': ",
        "'fortran_order': ",
        "'shape': ",
        "True",
        "(,)",
    ),
    *("1000000000000", "9" * 20, "-1", "[]", "(((", "'''", "\n", "---", "\x93NUMPY", "PK\x03\x04", "L"),
)
ZIPS = (
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"\x01\x00\x18\x00",
    b"\xff" * 8,
    b"\xff" * 4,
)

CORPORA = (
    *encoded("\0ham,hi\r\n", '\5label,text\r\nham,"on\r\n""two"" lines"\n\n,x\n', "\0ham;hi, you\nspam;win\n"),
    *encoded('\5{"label": "ham", "text": "hi"}\n{"text": [1.0, null]}\n', '\0[["ham", "hi"], {"a": true}]'),
    *encoded("\0__label__ham hi\n__label__a __label__b c\n", "\1sep=;\r\n'hi';'ham'\n'ho';'ham'\n"),
    b"\0" + parquet({"label": ["ham", "spam"], "text": ["hi", "win"], "n": [1.0, None]}),
    b"\0" + workbook([("ham", "hi")]),
)  # fmt: skip

TARGETS: dict[str, Target] = {
    "tsv_rows": Target(tsv_rows, 60, MESSAGES, TEXT),
    **{
        name: Target(corpus_rows(name), 30 if name in ("auto", "csv") else 14, CORPORA, MARKS + JSON + TEXT)
        for name in get_args(readers.Format)
        if name != "tsv"
    },
    "inputs": Target(
        input_rows,
        70,
        (
            *encoded("\0see you at 8\r\nWIN", '\1"on\r\n""two"" lines",x\r5" wide\n', "\2id,text\n1,hi\n2,ho\n"),
            *encoded('\3ham\t"hi\n\nho', "\4label\ttext\nhi\tho\n", '\5{"text": "hi", "a": [1]}\n\n"ho \\ud83d"\n'),
            b"\1" + "hi,\u0a0d\r\n".encode("utf-16"),
        ),
        MARKS + JSON + TEXT,
    ),
    "clean": Target(clean_rows, 90, MESSAGES, TEXT),
    "messages": Target(messages, 40, MESSAGES, TEXT),
    "tokenize": Target(tokens, 90, MESSAGES, TEXT),
    "vocabulary": Target(vocabulary, 30, MESSAGES, TEXT),
    "vectorize": Target(vectors, 80, MESSAGES, TEXT),
    "ragged": Target(ragged_rows, 30, (b"", b"\n\n", b"abc\n\nde\n"), (b"\n", b"\n\n\n")),
    "subwords": Target(subword_features, 50, encoded("\0a", "\37don't", "\16www.a.example/b?c=12345"), TEXT),
    "ngrams": Target(bag, 50, MESSAGES, TEXT),
    "templates": Target(
        template_families, 70, encoded("win £5 now\nWIN £1,000 now!\na b c d e\na b c d f", "!?\n"), TEXT
    ),
    "params": Target(
        parameters,
        30,
        (
            b"\0clean: " + json.dumps(CLEAN).encode(),
            b"\1vectorize:\n  tokenizer: rich\n  min_word_frequency: 1\n  max_sequence_length: 100  # tokens\n",
            b"\2evaluate: {positive_label: spam, threshold: 0.5}\n",
        ),
        YAML,
    ),
    "zip": Target(
        archive,
        60,
        (
            zipped(MEMBER, zipfile.ZIP_STORED),
            zipped(MEMBER, zipfile.ZIP_DEFLATED),
            zipped(MEMBER, zipfile.ZIP_DEFLATED, offset=2**32),
            zipped(MEMBER, zipfile.ZIP_LZMA),
            zipped("other", zipfile.ZIP_STORED),
            b"<!DOCTYPE html>",
        ),
        ZIPS,
    ),
    "array": Target(
        array_file,
        30,
        (
            numpy_file(HEADER.format("'<i8'", 2), bytes(16)),
            numpy_file(HEADER.format("'|i1'", 0)),
            numpy_file(HEADER.format("[('a', '<u4')]", 1), bytes(4)),
            numpy_file(HEADER.format("'<i8'", 10**12)),
        ),
        ARRAYS,
    ),
    "settings": Target(
        settings_file,
        50,
        (
            b'\0{"labels": ["ham", "spam"], "tokenizer": "rich", "max_sequence_length": 100, "masking": true, '
            b'"subword_buckets": 16384, "linear": true, "encoder": "none", "alone_from": 0.98, "normalisation": '
            b'{"unicode": "NFKC", "fold_lookalikes": true, "lowercase": false, "ascii_only": false, '
            b'"remove_pattern": ""}}',
            b'\1{"positive_label": "spam", "threshold": 0.5}',
        ),
        JSON,
    ),
    "printable": Target(printed, 40, (b"see you at 8", b"\x1b[31m\r\n\xff"), TEXT),
}
