"""Files that a person named."""

from __future__ import annotations

from pathlib import Path

from cbbot.errors import BadInput

__all__ = ["text_of"]


def text_of(path: Path, asked_by: str) -> str:
    """The text of a file that a person named, without the byte order mark that some editors put before it.

    Raises:
        BadInput: it cannot be read as UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"{asked_by} {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{asked_by} {path}: not UTF-8 text") from error
