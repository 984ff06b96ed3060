"""Tables with a row a nucleus, as CSV or Parquet, streamed."""

import csv
import io
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from maskless.atomic import atomic
from maskless.writers.compression import LIMIT_BYTES, GrowingFile

_GROUP_ROWS = 65_536


class TableFile:
    """A table at `path`: CSV (gzipped at `path`.gz if it exceeds `limit_bytes`) or Parquet, by its ending.

    A context manager, written as `add` is called, in bounded memory. It takes its name when the block ends
    without an error (see `atomic` and `GrowingFile`), and `path` is then the file that was written. The same
    rows give the same bytes, however many are added at a time. Numbers have as many digits as give them back
    exactly. CSV is that of RFC 4180, in UTF-8 with line feeds: text is quoted, a missing value is an empty
    field. Parquet is compressed with zstd. Raises UserError if the file cannot be written, ValueError for
    another ending and for a block that ends without columns.
    """

    def __init__(self, path: str | Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._path = Path(path)
        if self._path.suffix not in (".csv", ".parquet"):
            raise ValueError(f"{self._path.name} ends in neither .csv nor .parquet")
        self._columns: pd.DataFrame | None = None
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._csv = GrowingFile(self._path, limit_bytes) if self._path.suffix == ".csv" else None
        self._parquet: pa_parquet.ParquetWriter | None = None
        self._schema: pa.Schema | None = None

    @property
    def path(self) -> Path:
        """PATH, or PATH.gz once a CSV is large."""
        return self._csv.path if self._csv else self._path

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            if self._csv:
                opened.enter_context(self._csv)
            else:
                self._file: BinaryIO = opened.enter_context(atomic(self._path))
            opened.push(self._finish)
            self._opened = opened.pop_all()
        return self

    def add(self, nuclei: pd.DataFrame) -> None:
        """Append a row for each row of `nuclei`: always the same columns, in the same order.

        Numbers stay of the type they have in the first rows, all else is text. A frame without rows gives
        the columns, so that a table of no nuclei has a header. Raises ValueError for other columns than
        before, and for values that the type does not hold.
        """
        if self._columns is None:
            self._columns = nuclei.iloc[:0]
        if list(nuclei) != list(self._columns):
            raise ValueError(f"columns {list(nuclei)} follow on {list(self._columns)}")
        if len(nuclei):
            schema = self._begin(nuclei) if self._schema is None else self._schema
            self._pending.append(_table(nuclei, schema))
            self._pending_rows += len(nuclei)
        if self._pending_rows >= _GROUP_ROWS:
            self._write_groups(self._pending_rows // _GROUP_ROWS * _GROUP_ROWS)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def _begin(self, first: pd.DataFrame) -> pa.Schema:
        self._schema = _schema(first)
        if self._csv:
            self._csv.write(_header(self._schema.names))
        else:
            self._parquet = pa_parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        return self._schema

    def _write_groups(self, rows: int) -> None:
        table = pa.concat_tables(self._pending)
        for start in range(0, rows, _GROUP_ROWS):
            self._write(table.slice(start, min(_GROUP_ROWS, rows - start)))
        self._pending, self._pending_rows = [table.slice(rows)], len(table) - rows

    def _write(self, table: pa.Table) -> None:
        if self._csv:
            text = pa.BufferOutputStream()
            pa_csv.write_csv(table, text, pa_csv.WriteOptions(include_header=False))
            self._csv.write(text.getvalue().to_pybytes())
        elif self._parquet:
            self._parquet.write_table(table, row_group_size=_GROUP_ROWS)

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._write_rest()
        finally:
            if self._parquet:
                self._parquet.close()  # after an error too, else it tries to when the file is gone

    def _write_rest(self) -> None:
        if self._columns is None:
            raise ValueError(f"{self._path.name} has no columns: add a frame, if only one without rows")
        if self._schema is None:
            self._begin(self._columns)
        if self._pending_rows:
            self._write_groups(self._pending_rows)


def _schema(frame: pd.DataFrame) -> pa.Schema:
    fields = pa.Schema.from_pandas(frame, preserve_index=False)
    return pa.schema(
        [(field.name, field.type if _is_number(field.type) else pa.string()) for field in fields]
    )


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    try:
        return pa.Table.from_pandas(frame, schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"rows do not fit the types of those before them: {error}") from error


def _header(names: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().encode()
