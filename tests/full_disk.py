"""A disk on which nothing can be written any more."""

from __future__ import annotations

import errno
from typing import NoReturn

__all__ = ["full"]


def full(*_: object, **__: object) -> NoReturn:
    """Takes the place of whatever writes."""
    raise OSError(errno.ENOSPC, "No space left on device")
