"""The one file in a zip archive. Apart, because few files are archives and their module takes time to import."""

from __future__ import annotations

import lzma
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Final

from cbbot.candles.candle_errors import BadCandles

__all__ = ["Member", "only_member"]

_NAMED: Final = 3


class Member:
    """A packed file; what is wrong with the archive while it is read is an OSError."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source

    def read(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except (zipfile.BadZipFile, lzma.LZMAError) as error:
            raise OSError(str(error)) from error

    def peek(self, size: int) -> bytes:
        try:
            found: bytes = self._source.peek(size)  # type: ignore[attr-defined]  # a member is buffered
            return found
        except (zipfile.BadZipFile, lzma.LZMAError) as error:
            raise OSError(str(error)) from error


def only_member(path: Path, raw: IO[bytes]) -> tuple[Member, str]:
    """The file and its name, in small letters.

    Raises:
        BadCandles: the archive holds not exactly one, or cannot be read.
    """
    try:
        archive = zipfile.ZipFile(raw)
        entries = archive.infolist()
        files = [entry for entry in entries if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")]
        if any(entry.filename.startswith("xl/") for entry in files):
            raise BadCandles(f"{path}: is an Excel workbook: save it as CSV")
        if len(files) != 1:
            names = ", ".join(entry.filename for entry in files[:_NAMED]) + (", ..." if len(files) > _NAMED else "")
            raise BadCandles(
                f"{path}: is a zip archive of {len(files)} files ({names}): unpack it and give one of them"
            )
        if files[0].flag_bits & 1:
            raise BadCandles(f"{path}: is a zip archive with a password: unpack it and give the file in it")
        return Member(archive.open(files[0])), PurePosixPath(files[0].filename).name.lower()
    except zipfile.BadZipFile as error:
        raise BadCandles(f"{path}: cannot be read: {error}; is the file complete?") from error
    except NotImplementedError as error:
        raise BadCandles(f"{path}: is packed in a way that is not read here ({error}): unpack it") from error
