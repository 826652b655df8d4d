"""The token of an ``Authorization: Bearer`` header, read alike by everything that asks for one."""

from __future__ import annotations

__all__ = ["shown_token"]


def shown_token(authorization: str | None) -> str:
    """What a header shows after ``Bearer``, which may be written in any case; ``""`` for any other header."""
    scheme, _, shown = (authorization or "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else ""
