"""Files that are replaced whole or not at all, and are on the disk when a call returns.

A name is replaced by writing the content under another name, syncing it, renaming it, and syncing the
folder: a crash at any point leaves the old content or the new, never a mixture.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol

from cbbot.process.deferred_stops import DeferredStops

__all__ = [
    "StagedFile",
    "check_replaceable",
    "keep_aside",
    "link_over",
    "replace_durably",
    "sync_folder",
    "sync_open",
    "write_all",
    "write_durably",
]

OWNER_ONLY: Final = 0o600


class _SystemCalls(Protocol):
    """What of ``os`` a durable write calls by descriptor."""

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int: ...
    def write(self, fd: int, data: memoryview, /) -> int: ...
    def fsync(self, fd: int) -> None: ...
    def close(self, fd: int) -> None: ...
    def link(self, src: Any, dst: Any) -> None: ...


def _system_calls(path: Path) -> _SystemCalls:
    """The operating system's, unless the path is of a file system of its own: it has its ``system_calls`` then."""
    calls: _SystemCalls = getattr(path, "system_calls", os)
    return calls


def write_all(write: Callable[[memoryview], int], content: bytes) -> None:
    """Writes to the end: ``write`` may take a part, and says how many bytes it took."""
    rest = memoryview(content)
    while rest:
        rest = rest[write(rest) :]


def write_durably(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Writes over ``path`` in place; ``mode`` is for a file that is new. Its folder is not synced.

    Raises:
        OSError: it is not durable; the file may hold a part.
    """
    calls = _system_calls(path)
    descriptor = calls.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        write_all(lambda rest: calls.write(descriptor, rest), content)
        calls.fsync(descriptor)
    finally:
        calls.close(descriptor)


def replace_durably(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Makes ``content`` what ``path`` holds. One caller at a time for one path.

    Raises:
        OSError: ``path`` is as it was, or holds ``content`` without the folder's entry being durable.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        write_durably(temporary, content, mode)
    except OSError:
        # On a full disk a part of this must not take the room of what is written next.
        temporary.unlink(missing_ok=True)
        raise
    temporary.replace(path)
    sync_folder(path.parent)


def link_over(source: Path, path: Path) -> None:
    """Makes ``path`` a second name of the file that ``source`` is now. One caller at a time for one path.

    The file must only ever be replaced, never written in place. The folder is not synced.

    Raises:
        OSError: ``path`` is as it was.
    """
    # Not the name that replace_durably writes to: what a crash leaves of a link is the file itself.
    temporary = path.with_name(path.name + ".link")
    temporary.unlink(missing_ok=True)
    try:
        _system_calls(source).link(source, temporary)
        temporary.replace(path)
    finally:
        # Renaming one name of a file over another of its names does nothing.
        temporary.unlink(missing_ok=True)


def keep_aside(path: Path) -> Path:
    """Keeps what ``path`` holds under a name of its own beside it, durably: ``NAME.aside-1``, or the next that is free.

    The file must only be replaced from then on, never written in place.

    Raises:
        OSError: it is not kept; ``path`` is as it was.
    """
    for number in count(1):
        aside = path.with_name(f"{path.name}.aside-{number}")
        if not aside.exists():
            break
        if aside.samefile(path):
            # Kept by a run that was killed before it replaced the file.
            return aside
    try:
        link_over(path, aside)
        sync_folder(path.parent)
    except OSError:
        # Not every file system has links.
        replace_durably(aside, path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return aside


def sync_folder(folder: Path) -> None:
    """Makes the folder's entries durable: names made, replaced and removed before this call.

    Raises:
        OSError: the folder cannot be synced.
    """
    calls = _system_calls(folder)
    descriptor = calls.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        calls.fsync(descriptor)
    finally:
        calls.close(descriptor)


def sync_open(path: Path, file: IO[bytes]) -> None:
    """Makes durable what was written to ``file``, which is ``path`` opened. Its folder is not synced.

    Raises:
        OSError: it is not.
    """
    file.flush()
    _system_calls(path).fsync(file.fileno())


def check_replaceable(path: Path) -> None:
    """That what is at ``path``, if anything, may be replaced by this process. A folder's rights would allow more.

    Raises:
        OSError: it may not be written to, it is another user's and would become ours, or its links lead nowhere.
    """
    try:
        owner = path.stat().st_uid
    except FileNotFoundError:
        return
    # The rights of who runs it, as opening the file would ask for them; root has all.
    if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if os.geteuid() not in (0, owner):
        raise PermissionError(errno.EPERM, "it belongs to another user")


class StagedFile:
    """Content for ``path`` that is written bit by bit beside it, and takes its place at :meth:`commit`.

    A link stays a link: what it points at is replaced. A file that is there keeps its owner, group and mode; a new one
    gets the umask's. Leaving the ``with`` block without a commit removes what was written. The process's number in the
    temporary name keeps two runs from sharing a half-written file; an ``only_writer`` needs none, and overwrites
    what an earlier one that was killed has left.
    """

    def __init__(self, path: Path, *, only_writer: bool = False) -> None:
        check_replaceable(path)
        # Not Path.resolve, which raises what is no OSError for links in a circle.
        self._place = Path(os.path.realpath(path))
        number = "" if only_writer else f".{os.getpid()}"
        self._temporary = self._place.with_name(f".{self._place.name}{number}.tmp")
        self.file: IO[bytes] = self._temporary.open("wb")

    def sync(self) -> None:
        """Everything written so far is on the disk, under the temporary name.

        Raises:
            OSError: it is not.
        """
        self.file.flush()
        self._resemble_what_is_there()
        os.fsync(self.file.fileno())

    def commit(self) -> None:
        """Syncs, and gives the content its name.

        Raises:
            OSError: ``path`` is as it was, or holds the content without the folder's entry being durable.
        """
        self.sync()
        self.file.close()
        self._temporary.replace(self._place)
        sync_folder(self._place.parent)

    def __enter__(self) -> StagedFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with DeferredStops():
            # Closing flushes, and that may fail as the write before it did.
            with contextlib.suppress(OSError):
                self.file.close()
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def _resemble_what_is_there(self) -> None:
        try:
            there = self._place.stat()
        except FileNotFoundError:
            return
        descriptor = self.file.fileno()
        ours = os.fstat(descriptor)
        if (ours.st_uid, ours.st_gid) != (there.st_uid, there.st_gid):
            try:
                os.fchown(descriptor, there.st_uid, there.st_gid)
            except OSError as error:
                raise PermissionError(error.errno, "its owner and group cannot be kept") from error
        # After the owner: changing that takes bits away.
        os.fchmod(descriptor, stat.S_IMODE(there.st_mode))
