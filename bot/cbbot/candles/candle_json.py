"""A JSON array of candles as lines of CSV: each candle an array, or an object with the names of the columns.

Read piece by piece, so that a large file is never held whole; numbers keep the digits that they are written with.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from cbbot.candles.candle_errors import BadCandles

__all__ = ["json_lines"]

_PIECE: Final = 1 << 16
_LONGEST_ITEM: Final = 1 << 16
_ROWS: Final = 1 << 13
_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_WANTED: Final = "a file of candles in JSON is one array of arrays or of objects"


def json_lines(path: Path, source: IO[bytes]) -> Iterator[bytes]:
    """First the names of the columns as a line, empty for arrays; then lines of CSV, several thousand at a time.

    Raises:
        BadCandles: it is no such JSON.
    """
    lines: list[str] = []
    names: list[str] | None = None
    for count, item in enumerate(_items(path, source), 1):
        if isinstance(item, dict):
            if count == 1:
                names = list(item)
                yield _line(names).encode("utf-8", "replace")
            lines.append(_line([item.get(name) for name in names or item]))
        elif isinstance(item, list) and names is None:
            if count == 1:
                yield b""
            lines.append(_line(item))
        else:
            raise BadCandles(f"{path}: row {count}: a JSON {_kind(item)} among the candles; {_WANTED}")
        if len(lines) >= _ROWS:
            yield "".join(lines).encode("utf-8", "replace")
            lines = []
    if lines:
        yield "".join(lines).encode("utf-8", "replace")


def _line(values: Sequence[Any]) -> str:
    texts = ["" if value is None else str(value).replace("\n", " ").replace("\r", " ") for value in values]
    line = ",".join(texts)
    if line.count(",") == len(texts) - 1 and '"' not in line:
        return line + "\n"
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(texts)
    return written.getvalue()


def _kind(item: Any) -> str:
    return "array" if isinstance(item, list) else "object" if isinstance(item, dict) else "value"


def _items(path: Path, source: IO[bytes]) -> Iterator[Any]:
    """The elements of the outermost array, one after the other."""
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    text, at, done = "", 0, False
    before = "["  # what must come next before an element: the array's beginning, or a comma after an element
    while True:
        piece = source.read(_PIECE)
        text, at, done = text[at:] + decode(piece, final=not piece), 0, not piece
        while True:
            begins = _past_spaces(text, at)
            if begins == len(text):
                break
            mark = text[begins]
            if mark == "]" and before != "[":
                return
            if mark != before and before:
                raise _unreadable(path, text, begins, before)
            begins = _past_spaces(text, begins + len(before))
            if begins < len(text) and text[begins] == "]" and before == "[":
                return
            try:
                item, ends = _DECODER.raw_decode(text, begins)
            except (json.JSONDecodeError, RecursionError):
                # Not all of it is here yet; or never will be.
                if len(text) - begins > _LONGEST_ITEM:
                    raise BadCandles(f"{path}: an element of the JSON array cannot be read; {_WANTED}") from None
                break
            if ends == len(text) and not done:
                break
            yield item
            at, before = ends, ","
        if done:
            raise BadCandles(f"{path}: its JSON ends in the middle or is damaged; is the file complete?")


def _past_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _unreadable(path: Path, text: str, at: int, before: str) -> BadCandles:
    if before == "[" and text[at] == "{":
        return BadCandles(f"{path}: is a JSON object; {_WANTED}: take the array out of it")
    return BadCandles(f"{path}: its JSON is damaged: {text[at : at + 20]!r} where {before!r} is due")
