"""A file of candles, row by row: CSV, gzipped CSV or Parquet by its ending. Replaced whole or not at all.

Written are the columns ``time,open,high,low,close,volume``; the time in RFC 3339 (a timestamp in
Parquet), everything else as the decimal text that the venue gave (text in Parquet as well: a float
would not keep it). Read is whatever ``cbbot backtest`` reads, as long as it has no columns besides these.
"""

from __future__ import annotations

import contextlib
import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Final

from cbbot.candles.candle_blocks import opened, rows_of
from cbbot.candles.candle_rows import FIELDS, are_plain
from cbbot.domain.decimals import parse_decimal, plain
from cbbot.domain.timestamps import rfc3339
from cbbot.errors import BadInput, CbbotError
from cbbot.process.durable_files import StagedFile, check_replaceable
from cbbot.research.backfill.rows import Row

__all__ = ["check_target", "read_rows", "replace_rows"]

_ENDINGS: Final = (".csv", ".csv.gz", ".parquet")
_BATCH_ROWS: Final = 65_536
_PARQUET_KEYS: Final = {"product_id": b"cbbot.product_id", "granularity": b"cbbot.granularity"}

About = Mapping[str, str]
"""``product_id`` and ``granularity`` of a file. A CSV has no place for them."""


def check_target(path: Path) -> None:
    """That a file could be written there. It must be a file: what it holds is filled up, and a run that was cut
    short goes on beside it.

    Raises:
        BadInput: no file, an ending that is none of ours, no such folder, no right to write, Parquet without pyarrow.
    """
    if str(path) == "-" or (path.exists() and not (path.is_file() or path.is_dir())):
        raise BadInput(f"--out {path}: must be a file: a backfill fills up what it holds and goes on where it stopped")
    if not path.name.endswith(_ENDINGS) or path.name in _ENDINGS:
        raise BadInput(f"--out {path}: the name must end in .csv, .csv.gz or .parquet")
    folder = path.parent
    if not folder.is_dir() or path.is_dir() or not os.access(folder, os.W_OK):
        raise BadInput(f"--out {path}: cannot be written there; is {folder} a folder that you may write to?")
    try:
        check_replaceable(path)
    except OSError as error:
        raise BadInput(f"--out {path}: cannot be written: {error.strerror}") from error
    if path.suffix == ".parquet":
        _parquet(path)


def read_rows(path: Path, about: About) -> Iterator[tuple[str, Row]]:
    """Candles of a file in its own order, each with the name of its line; nothing of a file that is not there.

    Raises:
        BadInput: it cannot be read, holds more than candles, or candles of something else.
    """
    if not path.exists():
        return
    found = opened(path)
    others = found.layout.others
    if path.suffix == ".parquet":
        from cbbot.candles.candle_arrow import parquet_about  # noqa: PLC0415  Arrow takes 0.2 s to import

        names, metadata = parquet_about(path)
        _check_about(path, metadata, about)
        others = len(names) > len(FIELDS)
    if others:
        # They would be lost.
        raise BadInput(
            f"{path}: it has more columns than {', '.join(FIELDS)}; a file that is to be filled up has these and "
            "no others; give another --out"
        )
    for where, numbers, texts in rows_of(found):
        yield where, Row(numbers.start, *(texts[1:] if are_plain(texts) else map(_plain, texts[1:])))


def replace_rows(path: Path, rows: Iterable[Row], about: About, is_wanted: Callable[[], bool]) -> bool:
    """Writes all rows beside the file, and puts them in its place if ``is_wanted()`` says so at the end.

    Raises:
        CbbotError: it cannot be written; the file is as it was.
    """
    write = _write_parquet if path.suffix == ".parquet" else _write_csv
    try:
        # The journal is locked: nobody else fills this file.
        with StagedFile(path, only_writer=True) as staged:
            write(staged.file, path, rows, about)
            if not is_wanted():
                return False
            staged.commit()
    except OSError as error:
        raise CbbotError(f"{path}: cannot be written: {error.strerror or error}") from error
    return True


def _plain(text: str) -> str:
    return plain(parse_decimal(text))


def _write_csv(file: IO[bytes], path: Path, rows: Iterable[Row], _about: About) -> None:
    lines = (f"{rfc3339(row.start * 1000)},{','.join(row[1:])}\n" for row in rows)
    with contextlib.ExitStack() as stack:
        sink: Any = file
        if path.suffix == ".gz":
            # Without name and time the same candles are the same bytes.
            sink = stack.enter_context(gzip.GzipFile("", "wb", 6, fileobj=file, mtime=0))
        for batch in _batches(chain([",".join(FIELDS) + "\n"], lines)):
            sink.write("".join(batch).encode("ascii"))


def _parquet(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415  only when asked for: the import costs 0.2 s
        from pyarrow import parquet  # noqa: PLC0415  as above
    except ImportError as error:
        raise BadInput(f"{path}: Parquet needs pyarrow: pip install 'cbbot[research]'") from error
    return pa, parquet


def _check_about(path: Path, metadata: Mapping[bytes, bytes], about: About) -> None:
    for name, key in _PARQUET_KEYS.items():
        held = metadata.get(key, about[name].encode()).decode(errors="replace")
        if held != about[name]:
            raise BadInput(f"{path}: holds candles of {held}, not of {about[name]}; give another --out")


def _write_parquet(file: IO[bytes], path: Path, rows: Iterable[Row], about: About) -> None:
    pa, parquet = _parquet(path)
    text = pa.string()
    fields = [("time", pa.timestamp("ms", tz="UTC")), *((name, text) for name in FIELDS[1:])]
    schema = pa.schema(fields, metadata={key: about[name] for name, key in _PARQUET_KEYS.items()})
    with parquet.ParquetWriter(file, schema) as writer:
        for batch in _batches(rows):
            times, *texts = zip(*batch, strict=True)
            columns = [pa.array([start * 1000 for start in times], schema.field(0).type)]
            columns += [pa.array(values, text) for values in texts]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH_ROWS)):
        yield batch
