"""Tables that are not text: Parquet, and the workbooks of spreadsheets (xlsx, xls, xlsb, ods)."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from textrnn.core.errors import UserError, one_line
from textrnn.corpus.layout import looks_like_header
from textrnn.corpus.rows import Wanted, as_text

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the first bytes of xls
MEMBERS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")  # of xlsx, xlsb and ods, which are zips

Records = Iterator[tuple[int, Sequence[str]]]


def is_workbook(file: io.BufferedReader) -> bool:
    """Return whether a zip is a workbook. The file is at its beginning, and will be there again."""
    try:
        return any(member in zipfile.ZipFile(file).namelist() for member in MEMBERS)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    finally:
        file.seek(0)


def kind_of(file: io.BufferedReader, wanted: str) -> str:
    """Return parquet or xlsx if the file is one or `wanted` says so, else nothing."""
    begin = file.peek(8)[:8]
    if wanted in ("parquet", "xlsx"):
        return wanted
    if begin.startswith(b"PAR1"):
        return "parquet"
    return "xlsx" if begin == OLE or (begin.startswith(b"PK\3\4") and is_workbook(file)) else ""


def read(
    kind: str, file: io.BufferedReader, name: str, wanted: Wanted, header: bool | None
) -> tuple[tuple[str, ...], Records, list[str]]:
    """Return the names of the columns, the rows after them with their lines, and what a person should know.

    Raises UserError.
    """
    try:
        return _parquet(file) if kind == "parquet" else _workbook(file, wanted, header)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except ImportError:
        raise
    except BaseException as error:  # both libraries raise classes of their own, or panic in Rust
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise UserError(f"{name}: expected a file of {kind}, found a damaged one: {one_line(error)[:200]}") from None


def _parquet(file: io.BufferedReader) -> tuple[tuple[str, ...], Records, list[str]]:
    from pyarrow import parquet  # noqa: PLC0415  # seldom needed, and slow to load

    table = parquet.ParquetFile(file)
    return tuple(table.schema_arrow.names), _parquet_rows(table), []


def _parquet_rows(table: Any) -> Records:
    line = 1
    try:
        for batch in table.iter_batches(batch_size=2_000, use_threads=False):
            columns = [[as_text(value) for value in column.to_pylist()] for column in batch.columns]
            for fields in zip(*columns, strict=True):
                yield line, fields
                line += 1
    except Exception as error:  # noqa: BLE001  # as in read
        raise UserError(f"expected a whole file of Parquet, found damage after row {line - 1:,}: {error}") from None


def _workbook(
    file: io.BufferedReader, wanted: Wanted, header: bool | None
) -> tuple[tuple[str, ...], Records, list[str]]:
    from python_calamine import CalamineWorkbook  # noqa: PLC0415  # seldom needed

    book = CalamineWorkbook.from_filelike(file)
    sheets = [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in book.sheet_names]
    full = [(name, rows) for name, rows in sheets if any(map(any, rows))]
    if not full:
        raise UserError("expected a sheet with rows, found none")
    name, values = full[0]
    rows = [(line, [as_text(value) for value in row]) for line, row in enumerate(values, 1) if any(row)]
    notes = [f"the first sheet is read, {name}: the others are left out"] if len(full) > 1 else []
    named = any(isinstance(column, str) for column in wanted)
    fields = [row for _, row in rows[:1_000]]
    if header or (header is None and (named or (len(rows) > 1 and looks_like_header(fields)))):
        return tuple(fields[0]), iter(rows[1:]), notes
    return (), iter(rows), notes
