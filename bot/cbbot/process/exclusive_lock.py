"""An exclusive lock on a file or a folder, freed by the kernel however the process ends; the file names its holder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final

__all__ = ["ExclusiveLock", "FolderLock", "HeldElsewhere"]

_KERNELS_LOCKS: Final = Path("/proc/locks")


class HeldElsewhere(Exception):
    """Another process has the lock. ``holder`` is its number as text, empty when it could not say."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"the lock is held by process {holder or 'unknown'}")
        self.holder = holder


class ExclusiveLock:
    """Held from construction to :meth:`release`, for the owner's eyes alone (0600).

    Children do not inherit it, so that it is free when this process is gone.

    Raises:
        HeldElsewhere: another process has it.
        OSError: the file cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _name(os.pread(self._descriptor, 64, 0))
            self.release()
            raise HeldElsewhere(holder) from None
        except OSError:
            self.release()
            raise
        self._sign()

    def _sign(self) -> None:
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        except OSError:
            # A full disk: the lock is held all the same, its holder just stays nameless.
            return

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> ExclusiveLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


class FolderLock:
    """Held on the folder itself and on the file ``name`` in it, from construction to :meth:`release`.

    A file's lock goes with its name: who removes the file, or restores the folder's content over it, opens the way for
    a second holder. The folder stays what it is. Where the file system locks no folders, the file has to do.

    Raises:
        HeldElsewhere: another process has it.
        OSError: the folder is not there, or the file cannot be made or opened.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._lock_folder(folder / name)
            self._file = ExclusiveLock(folder / name)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _lock_folder(self, file: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HeldElsewhere(_named_in(file) or _holder_of(self._descriptor)) from None
        except OSError:
            return

    def release(self) -> None:
        self._file.release()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def _named_in(file: Path) -> str:
    """The holder that the file names; empty when it does not."""
    with contextlib.suppress(OSError):
        return _name(file.read_bytes()[:64])
    return ""


def _name(content: bytes) -> str:
    return content.decode("ascii", "replace").strip().removeprefix("process ")


def _holder_of(descriptor: int) -> str:
    """The process that the kernel's list has for a file or folder; empty when it has none that we may see."""
    there = os.fstat(descriptor)
    place = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}:{there.st_ino}"
    with contextlib.suppress(OSError):
        for line in _KERNELS_LOCKS.read_text(encoding="ascii").splitlines():
            fields = line.split()
            # 1: FLOCK ADVISORY WRITE 1234 fd:01:5678 0 EOF
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == place and int(fields[4]) > 0:
                return fields[4]
    return ""
