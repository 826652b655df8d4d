"""What a container said last, from the end of its log: Kubernetes keeps it as the termination message. Pure."""

from __future__ import annotations

import json

__all__ = ["last_words"]

_MOST_CHARACTERS = 500


def last_words(message: str) -> str:
    """The lines for people, joined; where there are only log lines, the event of the last one."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    for_people = [line for line in lines if not line.startswith("{")]
    text = "; ".join(for_people) or (_event(lines[-1]) if lines else "")
    # The end says what it died of.
    return text if len(text) <= _MOST_CHARACTERS else f"...{text[3 - _MOST_CHARACTERS :]}"


def _event(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    said = [str(entry[key]) for key in ("event", "reason", "error") if entry.get(key)]
    return ": ".join(said) or line
