"""The rows of a Parquet file, on an instrument's scales and in the order of the file.

Arrow writes the rows as the text they would be in a CSV file, a float as the shortest decimal that means it, and
they are read as such: there is one way from text to ticks. Importing this module imports Arrow, which is large.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from cbbot.domain.instrument import Instrument
from cbbot.research.candles.errors import BadCandles
from cbbot.research.candles.header import wanted
from cbbot.research.candles.plain import PADDING, fields_of, numbers_of
from cbbot.research.candles.row import FIELDS
from cbbot.research.candles.rows import Rows

__all__ = ["read_parquet"]

_BATCH: Final = 1 << 14
_ALL: Final = list(range(len(FIELDS)))


def read_parquet(path: Path, instrument: Instrument, rows: Rows) -> None:
    """Add every row of the file to ``rows``.

    Raises:
        BadCandles: the file or its columns cannot be used.
    """
    if path.is_dir():
        raise BadCandles(f"{path}: is a folder, not a file of candles")
    try:
        with path.open("rb") as raw:
            source = parquet.ParquetFile(raw)
            names = source.schema_arrow.names
            chosen = [names[index] for index in wanted(path, names)]
            if twice := [name for name in chosen if names.count(name) > 1]:
                raise BadCandles(f"{path}: column {twice[0]} is in it twice")
            line = 1
            for batch in source.iter_batches(batch_size=_BATCH, columns=chosen):
                _add(batch, chosen, line, instrument, rows)
                line += batch.num_rows
    except FileNotFoundError:
        raise BadCandles(f"{path}: no such file") from None
    except PermissionError:
        raise BadCandles(f"{path}: may not be read by this user") from None
    except (pa.ArrowException, OSError) as error:
        raise BadCandles(f"{path}: cannot be read: {error}; is the file complete?") from error


def _add(batch: Any, names: list[str], line: int, instrument: Instrument, rows: Rows) -> None:
    columns = [_as_text(batch.column(name)) for name in names]
    joined = compute.binary_join_element_wise(*columns, ",", null_handling="replace", null_replacement="")
    text = "".join(f"{row}\n" for row in joined.to_pylist()).encode()
    lines = range(line, line + batch.num_rows)
    fields = fields_of(text + PADDING, len(FIELDS), _ALL)
    if fields is None or len(fields.start) != batch.num_rows:
        # Text with commas or line breaks in it, which no number has: read, and refused, one by one.
        table = [column.to_pylist() for column in columns]
        unsure = np.zeros(batch.num_rows, dtype=np.bool_)
        empty = np.zeros((batch.num_rows, len(FIELDS)), dtype=np.int64)
        rows.add(empty, unsure, lines, lambda i: [str(values[i] or "") for values in table], instrument)
        return
    found, sure = numbers_of(fields, instrument)
    rows.add(found, sure, lines, fields.row, instrument)


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
