"""How the command line reads the name of a file or folder."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["named_path"]


def named_path(text: str) -> Path:
    """For ``parser=`` of every option that names a path. Whoever opens it says what is wrong with it.

    typer's own paths must be readable, which an output need not be, and make the folder we are in of no name at all,
    which is what a variable that is not set gives.

    Raises:
        BadParameter: the name is empty.
    """
    if not text:
        raise typer.BadParameter("the name is empty")
    return Path(text)
