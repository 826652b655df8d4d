"""An exclusive lock on a file, freed by the kernel however the process ends; the file names its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

__all__ = ["ExclusiveLock", "HeldElsewhere"]


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
            holder = os.pread(self._descriptor, 64, 0).decode("ascii", "replace").strip().removeprefix("process ")
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
