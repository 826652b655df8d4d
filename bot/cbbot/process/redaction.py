"""Texts that are shown to people, or logged, without the signatures and tokens that some of them repeat. Pure."""

from __future__ import annotations

import re

__all__ = ["redacted"]

# A JWT begins with base64 of '{"'; whatever follows a Bearer is a secret too. Cut short, it is still worth hiding.
# Neither has a quote or a backslash, so that JSON stays JSON.
_TOKENS = re.compile(r"eyJ[A-Za-z0-9_.=-]{8,}|(?<=bearer )[^\s\"',;\\]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """``text`` with *** in the place of every token. Redact before cutting: half of one may not be recognised."""
    return _TOKENS.sub("***", text)
