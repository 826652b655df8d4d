"""A candle file of any form as blocks of lines in one layout, and the rows of a block one by one.

Every kind of file becomes lines of text with its columns known. Whoever reads many rows at once takes the blocks,
everybody else :func:`rows_of`; both see the same rows and the same errors.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from cbbot.candles.candle_contents import READ, contents, lines_of
from cbbot.candles.candle_errors import BadCandles, BadRow
from cbbot.candles.candle_forms import FORMATS, SAMPLE_ROWS, Layout, layout_of
from cbbot.candles.candle_rows import Values, misfit, values

__all__ = ["TORN", "Block", "CandleText", "ReadRow", "check_torn", "checked_form", "opened", "rows_of",
           "split_rows", "torn_row"]  # fmt: skip

_DELIMITERS: Final = (",", ";", "\t", "|")
_PREAMBLE: Final = re.compile(rb"\s*(?:sep=(?P<mark>[,;|\t])|(?:https?://|www\.)\S*)[\s,;]*", re.IGNORECASE)
_MOST_ROWS: Final = 60_000_000  # a century of minutes
TORN: Final = "its last line has no end: the file may be cut short"
"""What is said of a file whose last row is sound and has no line's end."""


class Block(NamedTuple):
    """Whole lines, the first of which is the file's ``line``-th. ``torn``: one line, the last, without its end."""

    text: bytes
    line: int
    torn: bool = False


class ReadRow(NamedTuple):
    """A candle as it stands in the file: where, its numbers, and their texts in the order of ``FIELDS``."""

    where: str
    values: Values
    texts: Sequence[str]


@dataclass(slots=True)
class CandleText:
    """An opened file. ``between`` stands between its name and the number of a line.

    ``is_torn`` is known once the blocks are read: the last line has no end.
    """

    path: Path
    layout: Layout
    delimiter: str
    between: str
    blocks: Iterator[Block] = field(repr=False)
    is_torn: bool = False

    def where(self, line: int | str) -> str:
        """The name of a line, for an error."""
        return f"{self.path}{self.between}{line}"


def checked_form(form: str | None) -> str | None:
    """
    Raises:
        BadCandles: ``--format`` names no form.
    """
    if form is not None and form not in FORMATS:
        raise BadCandles(f"--format {form} is not accepted: one of {', '.join(FORMATS)}")
    return form


class _Opening(NamedTuple):
    """What comes before the lines: how one is called, and the names of the columns where the lines have none."""

    between: str
    names: bytes


def opened(path: Path, form: str | None = None) -> CandleText:
    """The file with its layout known.

    Raises:
        BadCandles: it cannot be read, or what its columns are is not clear.
    """
    pieces = _pieces(path)
    opening = next(pieces)
    assert isinstance(opening, _Opening)  # noqa: S101  for the type checker: it always comes first
    first = next(pieces, b"")
    assert isinstance(first, bytes)  # noqa: S101  as above: lines follow it
    if not first and not opening.names:
        raise BadCandles(f"{path}: {'the file is empty' if opening.between == ':' else 'no candles in it'}")
    body, skipped, delimiter = opening.names + first, 0, ","
    if opening.between == ":":
        body, skipped, mark = _after_preamble(body)
        delimiter = mark or _delimiter(body)
    line = skipped + (0 if opening.names else 1)
    sample = _sample(path, body, delimiter)
    layout, has_header = layout_of(f"{path}{opening.between}{line}", sample, form)
    if has_header:
        _, _, body = body.partition(b"\n")
        line += 1
    found = CandleText(path, layout, delimiter, opening.between, iter(()))
    found.blocks = _numbered(found, chain([body], pieces), line)
    return found


def _pieces(path: Path) -> Iterator[Any]:
    """An ``_Opening``, then whole lines, piece by piece."""
    with contents(path) as (kind, source):
        if kind == "text":
            yield _Opening(":", b"")
            yield from lines_of(path, source)
            return
        lines = _json(path, source) if kind == "json" else _arrow(path, source)
        yield _Opening(": row ", next(lines, b""))
        yield from lines


def _json(path: Path, source: IO[bytes]) -> Iterator[bytes]:
    from cbbot.candles.candle_json import json_lines  # noqa: PLC0415  what only JSON needs

    return json_lines(path, source)


def _arrow(path: Path, source: IO[bytes]) -> Iterator[bytes]:
    try:
        from cbbot.candles.candle_arrow import arrow_lines  # noqa: PLC0415  Arrow takes 0.2 s to import
    except ImportError as error:
        raise BadCandles(f"{path}: reading Parquet and Feather needs pyarrow: pip install 'cbbot[research]'") from error
    yield from arrow_lines(path, source)


def _after_preamble(text: bytes) -> tuple[bytes, int, str]:
    """The text without the lines before a header (blank, an address, ``sep=,``), their count, and the separator."""
    skipped, mark = 0, ""
    while True:
        line, newline, rest = text.partition(b"\n")
        found = _PREAMBLE.fullmatch(line.strip(b'"\r'))
        if not newline or (found is None and line.strip()):
            return text, skipped, mark
        if found is not None and found["mark"]:
            mark = found["mark"].decode()
        text, skipped = rest, skipped + 1


def _delimiter(text: bytes) -> str:
    """What separates the columns of the first line that holds any."""
    line = text.lstrip().partition(b"\n")[0].decode("utf-8", "replace")
    counts = {mark: line.count(mark) for mark in _DELIMITERS}
    return max(counts, key=lambda mark: counts[mark])


def _sample(path: Path, body: bytes, delimiter: str) -> list[list[str]]:
    """The first rows as texts, the header among them."""
    lines = body.split(b"\n", SAMPLE_ROWS + 1)[: SAMPLE_ROWS + 1]
    try:
        lines[0].decode("utf-8")
        texts = [line.decode("utf-8", "replace") for line in lines]
        rows = [row for text in texts for row in csv.reader([text], delimiter=delimiter)]
    except (UnicodeDecodeError, csv.Error):
        raise BadCandles(f"{path}: is not text in UTF-8; {READ}") from None
    # A row that the block's end or the file's end cuts is no sample of the others.
    whole = rows[:1] + [row for row in rows[1:] if len(row) == len(rows[0])]
    return whole or [[]]


def _numbered(found: CandleText, pieces: Iterator[bytes], line: int) -> Iterator[Block]:
    """Blocks with the numbers of their lines. A last line without an end becomes a block of its own."""
    for piece in pieces:
        whole, last = piece, b""
        if not piece.endswith(b"\n"):
            whole, newline, last = piece.rpartition(b"\n")
            whole += newline
        count = whole.count(b"\n")
        if line + count > _MOST_ROWS:
            raise BadCandles(f"{found.path}: more than {_MOST_ROWS:,} lines, which no file of candles has")
        if whole:
            yield Block(whole, line)
        line += count
        if last.strip():
            found.is_torn = True
            yield Block(last + b"\n", line, torn=True)


def split_rows(found: CandleText, block: Block) -> Iterator[tuple[int, list[str] | BadRow]]:
    """The rows of a block by their lines: texts in the order of ``FIELDS``, or why a line is no row. No blank lines."""
    layout, quoted = found.layout, b'"' in block.text
    for line, text in enumerate(block.text.decode("utf-8", "replace").removesuffix("\n").split("\n"), block.line):
        if quoted:
            try:
                cells = next(csv.reader([text], delimiter=found.delimiter), [])
            except csv.Error as error:
                yield line, BadRow(f"is no row of CSV: {error}")
                continue
        else:
            cells = text.split(found.delimiter)
        if not cells or (len(cells) == 1 and not cells[0].strip()):
            continue
        if len(cells) == layout.width:
            chosen = [cells[place] for place in layout.columns]
            if layout.clock is not None:
                chosen[0] = _joined(chosen[0], cells[layout.clock])
            yield line, chosen
        elif block.torn and len(cells) < layout.width:
            yield line, BadRow("the last row is cut short; is the file complete?")
        else:
            yield line, BadRow(f"{len(cells)} values where the header names {layout.width}")


def _joined(date: str, clock: str) -> str:
    """A date and a time of day in the form that is read fastest."""
    stripped = clock.strip()
    seconds = ":00" if stripped.count(":") == 1 else ""
    return f"{date.strip().replace('.', '-')}T{stripped}{seconds}"


def torn_row(error: BadRow) -> BadRow:
    """The error of a row that is the last one and has no end."""
    if "cut short" in str(error):
        return error
    return BadRow(f"the last row is cut short ({error}); is the file complete?")


def check_torn(before: Sequence[float] | None, last: Sequence[float]) -> None:
    """That the last row, which has no end, goes with the one before it; both are numbers in the order of ``FIELDS``.

    Raises:
        BadRow: it does not.
    """
    if before is not None and (name := misfit(before, last)):
        raise torn_row(BadRow(f"its {name} is more than half off the row before it"))


def rows_of(found: CandleText, *, skip: bool = False) -> Iterator[ReadRow]:
    """Every candle in the order of the file.

    Raises:
        BadCandles: a row is none, unless such rows are skipped; with file and line.
    """
    before: Values | None = None
    prefix = found.where("")
    for block in found.blocks:
        for line, texts in split_rows(found, block):
            try:
                if isinstance(texts, BadRow):
                    raise texts
                numbers = values(texts)
                if block.torn:
                    check_torn(None if before is None else _floats(before), _floats(numbers))
            except BadRow as error:
                if skip:
                    continue
                raise BadCandles(f"{found.where(line)}: {torn_row(error) if block.torn else error}") from None
            before = numbers
            yield ReadRow(prefix + str(line), numbers, texts)


def _floats(numbers: Values) -> list[float]:
    return [float(number) for number in numbers]
