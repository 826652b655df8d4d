"""The token that a request shows: ``Authorization: Bearer <token>``, the scheme in any case (RFC 9110, 11.1)."""

from __future__ import annotations

import hmac

__all__ = ["bearer_of", "shows"]


def bearer_of(authorization: str | None) -> str | None:
    """The token of the header's value; None when it shows none, or by another scheme."""
    scheme, _, shown = (authorization or "").strip().replace("\t", " ").partition(" ")
    return shown.strip() or None if scheme.lower() == "bearer" else None


def shows(authorization: str | None, token: str) -> bool:
    """Whether the header's value shows ``token``. Constant time."""
    shown = bearer_of(authorization)
    return shown is not None and hmac.compare_digest(shown.encode("utf-8"), token.encode("utf-8"))
