"""The two tokens of a TradingBot: made once, kept in its Secret, made again only when that is gone."""

from __future__ import annotations

import base64
import binascii
import secrets

from cbbot_operator.observed import BOT_TOKEN, CONTROL_TOKEN, Observed, Tokens

__all__ = ["tokens_in"]

_SHORTEST = 32


def tokens_in(seen: Observed) -> Tokens:
    """The tokens in the Secret; new ones for those that are missing or too short to be ours."""
    secret = seen.child("Secret", seen.names.tokens) or {}
    data = secret.get("data") or {}
    return Tokens(bridge=_kept(data.get(BOT_TOKEN, "")), control=_kept(data.get(CONTROL_TOKEN, "")))


def _kept(encoded: str) -> str:
    try:
        token = base64.b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        token = ""
    return token if len(token) >= _SHORTEST and token.isprintable() else secrets.token_urlsafe(32)
