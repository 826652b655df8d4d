"""One writer: an exclusive lock on the state's folder, freed by the kernel however the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final

from cbbot.errors import UnsafeStart

__all__ = ["FolderLock"]

_NAME: Final = ".lock"


class FolderLock:
    """Held from construction to :meth:`release`.

    Raises:
        UnsafeStart: another process holds it, or the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnsafeStart(
                f"the state's folder {folder} cannot be used: {error.strerror}; "
                "set STATE_FILE to a path in a folder that this process may write to"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 64, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise UnsafeStart(
                f"another process {f'({holder}) ' if holder else ''}trades on the state in {folder}; "
                "stop it first, or give this one a STATE_FILE of its own"
            ) from error
        self._sign()

    def _sign(self) -> None:
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"process {os.getpid()}\n".encode(), 0)
        except OSError:
            # A full disk: the lock is held all the same, its holder just stays nameless.
            return

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
