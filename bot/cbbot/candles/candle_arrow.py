"""A Parquet or Feather file as lines of CSV. Importing this module imports Arrow, which is large.

Arrow writes the rows as the text they would be in a CSV file, a float as the shortest decimal that means it, and
they are read as such: there is one way from text to ticks.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
from pyarrow import compute, parquet

from cbbot.candles.candle_errors import BadCandles
from cbbot.candles.candle_forms import is_known

__all__ = ["arrow_lines", "parquet_about"]

_BATCH: Final = 1 << 14


def parquet_about(path: Path) -> tuple[Sequence[str], Mapping[bytes, bytes]]:
    """The columns of a Parquet file, and what it says of itself besides.

    Raises:
        BadCandles: it cannot be read.
    """
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            return schema.names, schema.metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise BadCandles(f"{path}: cannot be read: {error}; is the file complete?") from error


def arrow_lines(path: Path, source: IO[bytes]) -> Iterator[bytes]:
    """A line of the columns' names, then lines of CSV. Columns that nothing reads are left in the file.

    Raises:
        BadCandles: the file cannot be read.
    """
    try:
        schema, batches = _opened(source)
        names = [name for name in schema.names if is_known(name)]
        if twice := [name for name in names if schema.names.count(name) > 1]:
            raise BadCandles(f"{path}: column {twice[0]} is in it twice")
        yield _line(names or schema.names)
        for batch in batches(names) if names else ():
            for at in range(0, batch.num_rows, _BATCH):
                yield _lines(batch.slice(at, _BATCH), names)
    except (pa.ArrowException, OSError) as error:
        raise BadCandles(f"{path}: cannot be read: {error}; is the file complete?") from error


def _opened(source: IO[bytes]) -> tuple[Any, Any]:
    """The schema, and a function from columns to batches of rows."""
    head = source.peek(4)[:4]  # type: ignore[attr-defined]  # a file opened for reading bytes is buffered
    if head.startswith(b"PAR1"):
        file = parquet.ParquetFile(source)
        return file.schema_arrow, lambda names: file.iter_batches(batch_size=_BATCH, columns=names)
    reader = pa.ipc.open_file(source)
    return reader.schema, lambda _: (reader.get_batch(i) for i in range(reader.num_record_batches))


def _line(texts: list[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow([text.replace("\n", " ") for text in texts])
    return written.getvalue().encode()


def _lines(batch: Any, names: list[str]) -> bytes:
    columns = [_as_text(batch.column(name)) for name in names]
    joined = compute.binary_join_element_wise(*columns, ",", null_handling="replace", null_replacement="")
    rows = joined.to_pylist()
    text = "".join(f"{row}\n" for row in rows).encode()
    if text.count(b"\n") == len(rows) and text.count(b",") == len(rows) * (len(names) - 1) and b'"' not in text:
        return text
    # Text with commas or line breaks in it, which no number has: quoted, so that the row stays one.
    table = [column.to_pylist() for column in columns]
    return b"".join(_line(["" if value is None else value for value in row]) for row in zip(*table, strict=True))


def _as_text(column: Any) -> Any:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        # Without its zone: the numbers of a timestamp with one are those of UTC.
        unit = kind.unit if pa.types.is_timestamp(kind) else "s"
        column = column.cast(pa.timestamp(unit))
        # Parts of a second remain as text, which shows them to whoever reads the error.
        with suppress(pa.ArrowInvalid):
            column = column.cast(pa.timestamp("s")).cast(pa.int64())
    return column.cast(pa.string())
