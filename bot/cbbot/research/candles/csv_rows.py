"""The rows of a CSV file, on an instrument's scales and in the order of the file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from cbbot.domain.instrument import Instrument
from cbbot.research.candles.errors import BadCandles, BadRow
from cbbot.research.candles.header import wanted
from cbbot.research.candles.plain import PADDING, fields_of, numbers_of
from cbbot.research.candles.row import FIELDS
from cbbot.research.candles.rows import Rows
from cbbot.research.candles.text import blocks

__all__ = ["read_csv"]


def read_csv(path: Path, instrument: Instrument, rows: Rows) -> None:
    """Add every row of the file to ``rows``.

    Raises:
        BadCandles: the file or its header cannot be used.
    """
    reader: _Reader | None = None
    line = 1
    for block in blocks(path):
        body = block
        if reader is None:
            header, _, body = block.partition(b"\n")
            reader = _Reader(path, header, instrument, rows)
            line = 2
        reader.read(body, line)
        line += body.count(b"\n")
        rows.ends_within_line = not block.endswith(b"\n")
    if reader is None:
        raise BadCandles(f"{path}: the file is empty")


class _Reader:
    def __init__(self, path: Path, header: bytes, instrument: Instrument, rows: Rows) -> None:
        self._instrument, self._rows = instrument, rows
        if b"\r" in header.rstrip(b"\r"):
            raise BadCandles(f"{path}: its lines end in carriage returns alone; each must end in a newline")
        try:
            titles = next(csv.reader([header.decode("utf-8")]), [])
        except (UnicodeDecodeError, csv.Error):
            raise BadCandles(
                f"{path}: is not text in UTF-8; a candle file is CSV (.csv, .csv.gz) or Parquet (.parquet)"
            ) from None
        self._width = len(titles)
        self._columns = wanted(path, titles)

    def read(self, body: bytes, line: int) -> None:
        """Whole lines, of which the first is the file's ``line``-th."""
        if b"\r" in body:
            body = body.replace(b"\r\n", b"\n").removesuffix(b"\r")
        if not body:
            return
        lines = range(line, line + body.count(b"\n") + 1)
        if b'"' in body or not self._ordinary(
            body.replace(b", ", b",").replace(b" ,", b","), self._width, self._columns, lines
        ):
            self._unordinary(body, line)

    def _ordinary(
        self, body: bytes, width: int, columns: list[int], lines: Sequence[int], torn: Iterable[tuple[int, BadRow]] = ()
    ) -> bool:
        """Read lines of equal width without quotes; false, and nothing read, if they are not."""
        fields = fields_of(body + (b"" if body.endswith(b"\n") else b"\n") + PADDING, width, columns)
        if fields is None:
            return False
        found, sure = numbers_of(fields, self._instrument)
        self._rows.add(found, sure, lines, fields.row, self._instrument, torn)
        return True

    def _unordinary(self, body: bytes, line: int) -> None:
        """Quotes, blank lines, rows too short or too long: what they leave has six columns and no quotes."""
        kept: list[str] = []
        lines: list[int] = []
        torn: list[tuple[int, BadRow]] = []
        texts = body.decode("utf-8", "replace").split("\n")
        for number, text in enumerate(texts, line):
            try:
                values = next(csv.reader([text]), [])
            except csv.Error as error:
                torn.append((number, BadRow(f"is no row of CSV: {error}")))
                continue
            if not values or (len(values) == 1 and not values[0].strip()):
                continue
            if len(values) != self._width:
                torn.append((number, self._wrong_width(len(values), last=number == line + len(texts) - 1)))
                continue
            chosen = [values[index] for index in self._columns]
            odd = [value for value in chosen if "," in value or '"' in value]
            if odd:
                torn.append((number, BadRow(f"{odd[0]!r} is not a plain number or time")))
                continue
            kept.append(",".join(chosen) + "\n")
            lines.append(number)
        if kept:
            self._ordinary("".join(kept).encode(), len(FIELDS), list(range(len(FIELDS))), lines, torn)
        else:
            self._rows.refuse(torn)

    def _wrong_width(self, count: int, last: bool) -> BadRow:
        if last and count < self._width:
            return BadRow("the last row is cut short; is the file complete?")
        return BadRow(f"{count} values where the header names {self._width}")
