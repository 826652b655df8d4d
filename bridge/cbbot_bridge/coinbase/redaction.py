"""Texts of Coinbase's that are shown to people, without the signatures that some of them repeat. Pure."""

from __future__ import annotations

import re

__all__ = ["redacted"]

# A JWT begins with base64 of '{"'; whatever follows a Bearer is one too. Cut short, it is still worth hiding.
_SIGNATURES = re.compile(r"eyJ[A-Za-z0-9_.=-]{8,}|(?<=bearer )[^\s\"',;]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """``text`` with *** in the place of every signature. Redact before cutting: half of one is not recognised."""
    return _SIGNATURES.sub("***", text)
