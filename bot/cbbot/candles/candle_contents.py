"""The bytes of a candle file, out of gzip or zip, and a name for what is no candle file. Held is a piece at a time."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from cbbot.candles.candle_errors import BadCandles

__all__ = ["READ", "Contents", "contents", "lines_of"]

_PIECE: Final = 1 << 19
_LONGEST_LINE: Final = 1 << 16
# A century of minutes takes 6 GB. What is longer than this was packed to fill memory or disk.
_MOST_BYTES: Final = 1 << 34
_HEAD: Final = 512
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_ARROW: Final = (b"PAR1", b"ARROW1")
_BYTE_ORDER_MARK: Final = codecs.BOM_UTF8
READ: Final = "a candle file is CSV, JSON, Parquet or Feather, as it is, gzipped or alone in a .zip"
_OTHERS: Final = (
    (b"\xfd7zXZ\0", "is compressed with xz: unpack it"),
    (b"BZh", "is compressed with bzip2: unpack it"),
    (b"\x28\xb5\x2f\xfd", "is compressed with Zstandard: unpack it"),
    (b"7z\xbc\xaf", "is a 7z archive: unpack it"),
    (b"Rar!", "is a RAR archive: unpack it"),
    (b"\x89HDF", "is HDF5: write it as CSV or Feather"),
    (b"SQLite format 3", "is an SQLite database: write the table of candles as CSV"),
    (b"\xd0\xcf\x11\xe0", "is an Excel workbook: save it as CSV"),
    (b"FEA1", "is Feather of the first version: write it anew as Feather or Parquet"),
    (b"PK\x05\x06", "is a zip archive with nothing in it"),
)


class Contents(NamedTuple):
    """``kind`` is text, json or arrow; ``source`` stands at the first byte."""

    kind: str
    source: IO[bytes]


class _Utf16:
    """UTF-16 text as UTF-8."""

    def __init__(self, source: IO[bytes], encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int) -> bytes:
        while piece := self._source.read(size):
            if text := self._decoder.decode(piece):
                return text.encode("utf-8", "surrogatepass")
        return self._decoder.decode(b"", final=True).encode()


@contextmanager
def contents(path: Path) -> Iterator[Contents]:
    """The file, opened. What goes wrong while it is read is a ``BadCandles`` too.

    Raises:
        BadCandles: the file cannot be read, or is no candle file.
    """
    try:
        with path.open("rb") as raw:
            yield _recognised(path, raw)
    except FileNotFoundError:
        raise BadCandles(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadCandles(f"{path}: is a folder, not a file of candles") from None
    except PermissionError:
        raise BadCandles(f"{path}: may not be read by this user") from None
    except EOFError:
        raise BadCandles(f"{path}: cannot be read: its compressed data is cut short; is the file complete?") from None
    except UnicodeDecodeError as error:
        raise BadCandles(f"{path}: is UTF-16 text that is damaged: {error.reason}; is the file complete?") from None
    except (OSError, zlib.error) as error:
        raise BadCandles(f"{path}: cannot be read: {error}; is the file complete?") from error


def _recognised(path: Path, raw: IO[bytes]) -> Contents:
    head, name = _head(raw), path.name.lower()
    source: IO[bytes] = raw
    if head.startswith(_GZIP):
        name = name.removesuffix(".gz")
        source = gzip.GzipFile(fileobj=raw, mode="rb")  # type: ignore[assignment]  # an IO[bytes] in all but name
    elif head.startswith(_ZIP):
        from cbbot.candles.candle_zip import only_member  # noqa: PLC0415  what only archives need

        source, name = only_member(path, raw)  # type: ignore[assignment]  # as much of an IO[bytes] as is used
    elif head and name.endswith(".gz"):
        raise BadCandles(f"{path}: is not gzip-compressed, as its name says; rename it, or fetch it anew")
    elif name.endswith(".zip") and not head.startswith(b"PK"):
        raise BadCandles(f"{path}: is no whole zip archive, as its name says; is the file complete?")
    if source is not raw:
        head = _head(source)
        if head.startswith((_GZIP, _ZIP, *_ARROW)):
            raise BadCandles(f"{path}: what is packed in it is no text: unpack it and give the file in it")
    if head.startswith(_ARROW):
        return Contents("arrow", source)
    if not head.startswith(b"FEA1") and name.endswith((".parquet", ".feather", ".arrow")):
        raise BadCandles(f"{path}: cannot be read: it is no Parquet or Feather, as its name says; is it complete?")
    return _text(path, source, head)


def _head(source: IO[bytes]) -> bytes:
    found: bytes = source.peek(_HEAD)[:_HEAD]  # type: ignore[attr-defined]  # all that come here are buffered
    return found


def _text(path: Path, source: Any, head: bytes) -> Contents:
    for mark, said in _OTHERS:
        if head.startswith(mark):
            raise BadCandles(f"{path}: {said}; {READ}")
    if (encoding := _utf16(head)) is not None:
        source = _Utf16(source, encoding)
        head = head.decode(encoding, "ignore").encode("utf-8", "ignore")
    start = head.removeprefix(_BYTE_ORDER_MARK).lstrip()[:15].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BadCandles(f"{path}: is a web page, not candles; fetch the file that the page links to")
    if start.startswith((b"[", b"{")):
        return Contents("json", source)
    return Contents("text", source)


def _utf16(head: bytes) -> str | None:
    """The encoding, by its mark or by every other byte of the first letters being 0."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16" if len(head) > 3 and b"\0" in head else None
    letters = head[:16]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = letters[first::2], letters[1 - first :: 2]
        if len(letters) > 3 and not any(zeros) and all(others):
            return encoding
    return None


def lines_of(path: Path, source: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, about half a megabyte at a time, that end in a newline alone; the last line may lack its end.

    Raises:
        BadCandles: it is no text.
    """
    rest, first, size = b"", True, 0
    while piece := source.read(_PIECE):
        size += len(piece)
        if b"\0" in piece:
            raise BadCandles(f"{path}: is not text; {READ}")
        if first:
            piece = piece.removeprefix(_BYTE_ORDER_MARK)
            _refuse_lone_returns(path, piece)
        first = False
        if size > _MOST_BYTES:
            raise BadCandles(f"{path}: more than {_MOST_BYTES >> 30} GiB come out of it, which no file of candles is")
        end = piece.rfind(b"\n") + 1
        if not end:
            rest += piece
            if len(rest) > _LONGEST_LINE + _PIECE:
                raise BadCandles(f"{path}: is not a file of candles: a line has more than {_LONGEST_LINE} characters")
            continue
        yield _unix(rest + piece[:end])
        rest = piece[end:]
    if rest:
        yield _unix(rest)


def _unix(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").removesuffix(b"\r") if b"\r" in text else text


def _refuse_lone_returns(path: Path, piece: bytes) -> None:
    line, _, _ = piece.partition(b"\n")
    if b"\r" in line.rstrip(b"\r"):
        raise BadCandles(f"{path}: its lines end in carriage returns alone; each must end in a newline")
