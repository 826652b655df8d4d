"""Where a program keeps what it must remember, for one user of one machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["user_state_folder"]


def user_state_folder(environment: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/cbbot``, by default ``~/.local/state/cbbot``."""
    given = environment.get("XDG_STATE_HOME", "")
    # By the XDG Base Directory Specification a relative path is to be ignored.
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "cbbot"
