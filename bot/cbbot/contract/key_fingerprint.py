"""How an API key is told from another without being shown: bridge and operator must agree on it."""

from __future__ import annotations

import hashlib

__all__ = ["key_fingerprint"]


def key_fingerprint(name_digest: bytes, private_key_digest: bytes) -> str:
    """Of a key as it stands in a Secret, or in files mounted from one, by the SHA-256 of its two halves."""
    return hashlib.sha256(name_digest + private_key_digest).hexdigest()[:32]
