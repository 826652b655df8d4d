"""Standard output and error of this process when nobody takes them any more."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

__all__ = ["dropped", "said"]


def dropped(stream: TextIO) -> None:
    """What could not be written stays so: Python's own flush at the end would fail, and change the exit code."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def said(text: str) -> None:
    """Writes to standard error, if it can be."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
    dropped(sys.stderr)
