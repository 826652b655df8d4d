"""JWTs that Coinbase accepts: ES256 with a P-256 key, EdDSA with an Ed25519 key.

A token names one method and path and lives two minutes, so every try of a request gets its own.
It is made valid a few seconds into the past: a clock that runs ahead by less than that still works.
"""

from __future__ import annotations

import base64
import binascii
import secrets

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cbbot.errors import BadInput
from cbbot_bridge.coinbase.api_key_text import pem_or_base64

__all__ = ["PrivateKey", "Signer", "load_private_key"]

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey

_LIFETIME_SECONDS = 120
_BACKDATED_SECONDS = 10
_SEED_BYTES = 32


def load_private_key(text: str) -> PrivateKey:
    """A signing key from any of the forms in ``cbbot_bridge.coinbase.api_key_text``.

    Raises:
        BadInput: no such key. The message never repeats the text.
    """
    cleaned = pem_or_base64(text)
    return _from_pem(cleaned) if cleaned.startswith("-----BEGIN") else _from_base64(cleaned)


def _from_pem(text: str) -> PrivateKey:
    try:
        key = load_pem_private_key(text.encode("utf-8"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # TypeError is how cryptography says that the PEM is encrypted. "from None": the cause may quote the key.
        raise BadInput(f"the PEM cannot be read as an unencrypted private key ({type(error).__name__})") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise BadInput("the PEM holds neither a P-256 (ES256) nor an Ed25519 private key")


def _from_base64(text: str) -> PrivateKey:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("the key is neither a PEM nor base64") from None
    if len(raw) not in (_SEED_BYTES, 2 * _SEED_BYTES):
        raise BadInput(f"an Ed25519 key in base64 has 32 or 64 bytes, this one has {len(raw)}")
    key = Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])
    if len(raw) == 2 * _SEED_BYTES and key.public_key().public_bytes_raw() != raw[_SEED_BYTES:]:
        raise BadInput("the two halves of the Ed25519 key do not belong together: it was cut or mistyped")
    return key


class Signer:
    """Makes JWTs for one API key."""

    def __init__(self, key_name: str, key: PrivateKey) -> None:
        self._key_name = key_name
        self._key = key
        self._algorithm = "EdDSA" if isinstance(key, Ed25519PrivateKey) else "ES256"

    def rest_token(self, method: str, host: str, path: str, now: float) -> str:
        """A token for one request. ``path`` carries no query; ``now`` is the venue's UNIX time in seconds."""
        return self._token({"uri": f"{method} {host}{path}"}, now)

    def websocket_token(self, now: float) -> str:
        """A token for one subscribe message."""
        return self._token({}, now)

    def _token(self, claims: dict[str, str], now: float) -> str:
        issued = int(now) - _BACKDATED_SECONDS
        payload = {"sub": self._key_name, "iss": "cdp", "nbf": issued, "exp": int(now) + _LIFETIME_SECONDS, **claims}
        headers = {"kid": self._key_name, "nonce": secrets.token_hex()}
        return jwt.encode(payload, self._key, algorithm=self._algorithm, headers=headers)
