"""Times as text: RFC 3339 in UTC, milliseconds only where there are any."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["rfc3339"]


def rfc3339(ms: int) -> str:
    """``2025-09-09T12:37:00Z`` of milliseconds since the epoch."""
    seconds, rest = divmod(ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"
