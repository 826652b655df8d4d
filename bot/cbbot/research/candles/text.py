"""A text file, gzipped or not, as blocks of whole lines. Nothing is held but the block that is being read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from cbbot.research.candles.errors import BadCandles

__all__ = ["blocks"]

_BLOCK: Final = 1 << 19
_LONGEST_LINE: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, about half a megabyte at a time; the last line may lack its end.

    Raises:
        BadCandles: the file cannot be read, or is no text.
    """
    try:
        with path.open("rb") as raw:
            yield from _whole_lines(path, _unpacked(path, raw))
    except FileNotFoundError:
        raise BadCandles(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadCandles(f"{path}: is a folder, not a file of candles") from None
    except PermissionError:
        raise BadCandles(f"{path}: may not be read by this user") from None
    except EOFError:
        raise BadCandles(f"{path}: cannot be read: its gzip data is cut short; is the file complete?") from None
    except (OSError, zlib.error) as error:
        raise BadCandles(f"{path}: cannot be read: {error}; is the file complete?") from error


def _unpacked(path: Path, raw: IO[bytes]) -> IO[bytes]:
    head: bytes = raw.peek(4)[:4]  # type: ignore[attr-defined]  # a file opened for reading bytes is buffered
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw, mode="rb")  # type: ignore[return-value]  # an IO[bytes] in all but name
    if head and path.name.lower().endswith(".gz"):
        raise BadCandles(f"{path}: is not gzip-compressed, as its name says; rename it, or fetch it anew")
    if head == _PARQUET:
        raise BadCandles(f"{path}: is a Parquet file; let its name end in .parquet")
    return raw


def _whole_lines(path: Path, source: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    first = True
    while piece := source.read(_BLOCK):
        if first and piece.startswith(_BYTE_ORDER_MARK):
            piece = piece[len(_BYTE_ORDER_MARK) :]
        first = False
        if b"\0" in piece:
            raise BadCandles(f"{path}: is not text; a candle file is CSV (.csv, .csv.gz) or Parquet (.parquet)")
        end = piece.rfind(b"\n") + 1
        if not end:
            rest += piece
            if len(rest) > _LONGEST_LINE + _BLOCK:
                raise BadCandles(f"{path}: is not a file of candles: a line has more than {_LONGEST_LINE} characters")
            continue
        yield rest + piece[:end]
        rest = piece[end:]
    if rest:
        yield rest
