"""Fetched pages, on disk the moment they come: what a killed run leaves for the next one.

``FILE.partial`` stands beside the file that is being filled and is only ever added to. Its first line
says what it holds, every other line is one page, each behind the CRC-32 of its text::

    3f0c9a51 {"cbbot": "backfill", "version": 1, "product_id": "BTC-USD", "granularity": "ONE_MINUTE"}
    a7d1e2b4 [[1757142120,"110754.29","110777.14","110754.28","110777.13","1.18492322"], ...]

A last line without its end is cut off when the file is opened again, a damaged one is passed over: its
candles are asked for anew. The lines are not fsynced: they outlive the process, and after a power cut
the checksums tell which are whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cbbot.contract.bridge_api import CandleRow
from cbbot.domain.candle import Granularity
from cbbot.errors import BadInput, CbbotError
from cbbot.process.durable_files import write_all
from cbbot.research.backfill.grid import Starts, starts_of
from cbbot.research.backfill.rows import Row

__all__ = ["Journal"]

_VERSION: Final = 1


class _Page(NamedTuple):
    offset: int
    length: int


class Journal:
    """The journal of ``target``, locked against other runs. The file is made by :meth:`begin`.

    Raises:
        BadInput: another run holds it, or it belongs to another product or granularity.
    """

    def __init__(self, target: Path, product_id: str, granularity: Granularity) -> None:
        self.path = target.with_name(target.name + ".partial")
        self.damaged = 0
        self._header = {
            "cbbot": "backfill",
            "version": _VERSION,
            "product_id": product_id,
            "granularity": granularity.value,
        }
        self._pages: list[tuple[int, _Page]] = []
        self._starts: list[Sequence[int]] = []
        self._descriptor = -1
        try:
            self._open()
        except OSError as error:
            raise BadInput(f"{self.path}: cannot be opened: {error.strerror}") from error

    @property
    def pages(self) -> list[tuple[int, _Page]]:
        """``(oldest open time, page)`` in the order in which they were read; load one with :meth:`rows`."""
        return self._pages

    def starts(self) -> Starts:
        """Open times of all candles in it."""
        return starts_of(*self._starts)

    def rows(self, page: _Page) -> list[Row]:
        """The candles of a page."""
        rows = _rows_in(os.pread(self._descriptor, page.length, page.offset))
        if rows is None:
            raise CbbotError(f"{self.path}: it was altered while cbbot backfill ran; start it again")
        return rows

    def begin(self) -> None:
        """Makes the file if there is none: whether pages can be kept is known before the first is asked for.

        Raises:
            BadInput: it cannot be made, or another run has made it in the meantime.
        """
        if self._descriptor >= 0:
            return
        try:
            self._create()
        except FileExistsError as error:
            raise self._held() from error
        except OSError as error:
            raise BadInput(f"{self.path}: cannot be written there: {error.strerror}; give another --out") from error

    def append(self, rows: Sequence[Row]) -> None:
        """Keeps a page.

        Raises:
            CbbotError: it cannot be written; what was written before is kept.
        """
        if not rows:
            return
        self.begin()
        try:
            offset = os.lseek(self._descriptor, 0, os.SEEK_END)
            line = _line(rows)
            write_all(self._write, line)
        except OSError as error:
            raise CbbotError(f"{self.path}: cannot be written: {error.strerror}") from error
        self._note(rows, _Page(offset, len(line)))

    def close(self) -> None:
        """Leaves the file for the next run; one that holds nothing is removed."""
        if self._descriptor < 0:
            return
        if not self._pages:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def discard(self) -> None:
        """Removes the file: its candles stand where they belong."""
        self._pages.clear()
        self.close()

    def _open(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        self._descriptor = descriptor
        try:
            self._lock()
            if not _is_still(self.path, descriptor):
                raise self._held()
            self._read()
        except BaseException:
            os.close(descriptor)
            self._descriptor = -1
            raise

    def _create(self) -> None:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._lock()
        write_all(self._write, _line(self._header))

    def _write(self, content: memoryview) -> int:
        return os.write(self._descriptor, content)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._held() from error

    def _held(self) -> BadInput:
        return BadInput(f"{self.path}: another cbbot backfill is filling this file; wait for it, or stop it")

    def _read(self) -> None:
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            offset = 0
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._take(line, offset)
                offset += len(line)
        # A page that was cut short by a kill, and a header that was: neither holds anything.
        os.ftruncate(self._descriptor, offset)
        if offset == 0:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            write_all(self._write, _line(self._header))

    def _take(self, line: bytes, offset: int) -> None:
        if offset == 0:
            self._check_header(_checked(line))
            return
        rows = _rows_in(line)
        if rows:
            self._note(rows, _Page(offset, len(line)))
        else:
            self.damaged += 1

    def _note(self, rows: Sequence[Row], page: _Page) -> None:
        self._pages.append((min(row.start for row in rows), page))
        self._starts.append([row.start for row in rows])

    def _check_header(self, header: Any) -> None:
        if header == self._header:
            return
        if isinstance(header, dict) and header.get("cbbot") == "backfill":
            held = " ".join(str(header.get(key)) for key in ("product_id", "granularity"))
            wanted = f"{self._header['product_id']} {self._header['granularity']}"
            raise BadInput(
                f"{self.path}: an interrupted backfill of {held} is kept there, not of {wanted}; "
                "finish that one, give another --out, or remove the file"
            )
        raise BadInput(f"{self.path}: is no journal of cbbot backfill, or damaged; move it away")


def _line(content: Iterable[Any]) -> bytes:
    text = json.dumps(content, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _checked(line: bytes) -> Any:
    """What a line holds; None when it does not match its checksum."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _rows_in(line: bytes) -> list[Row] | None:
    """The candles of a line; None when it is damaged."""
    page = _checked(line)
    try:
        return list(_parsed(page)) if isinstance(page, list) else None
    except (TypeError, ValueError):
        return None


def _parsed(page: list[Any]) -> Iterator[Row]:
    for values in page:
        row = Row(*values)
        # The same rules as for an answer of the bridge's.
        CandleRow(start=str(row.start), open=row.open, high=row.high, low=row.low, close=row.close, volume=row.volume)
        yield row


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether ``path`` names the file that is open, not one that its last run has removed since."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
