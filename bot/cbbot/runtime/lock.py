"""One writer: an exclusive lock on the state's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cbbot.errors import UnsafeStart
from cbbot.process.exclusive_lock import FolderLock, HeldElsewhere

__all__ = ["lock_folder"]

_NAME: Final = ".lock"


def lock_folder(folder: Path) -> FolderLock:
    """The lock of the folder, which is made when it is not there.

    Raises:
        UnsafeStart: another process holds it, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return FolderLock(folder, _NAME)
    except HeldElsewhere as error:
        raise UnsafeStart(
            f"another process {f'(process {error.holder}) ' if error.holder else ''}trades on the state in {folder}; "
            "stop it first, or give this one a STATE_FILE of its own"
        ) from error
    except OSError as error:
        raise UnsafeStart(
            f"the state's folder {folder} cannot be used: {error.strerror}; "
            "set STATE_FILE to a path in a folder that this process may write to"
        ) from error
