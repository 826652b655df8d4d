"""Signatures of requests: checked like Coinbase does, against real time, when a key is configured."""

from __future__ import annotations

from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from starlette.requests import Request
from starlette.responses import Response

from cbbot.errors import BadInput
from cbbot.process.bearer_tokens import bearer_of
from cbbot_bridge.simulator.error_answers import Endpoint, unauthorized

__all__ = ["Signatures"]

_ISSUERS = ("cdp", "coinbase-cloud")
_API_HOST = "api.coinbase.com"


class Signatures:
    """Knows one key, or none: then every request passes."""

    def __init__(self, key_name: str | None, public_key: str | None) -> None:
        """Read the key.

        Raises:
            BadInput: the PEM text is no P-256 or Ed25519 public key.
        """
        self._key_name = key_name
        self._key: EllipticCurvePublicKey | Ed25519PublicKey | None = None
        if key_name is None or public_key is None:
            return
        try:
            key = load_pem_public_key(public_key.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadInput(f"--public-key-file: no public key in PEM ({error})") from error
        if not isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey):
            raise BadInput("--public-key-file: a P-256 or Ed25519 public key is wanted")
        self._key = key
        self._algorithm = "EdDSA" if isinstance(key, Ed25519PublicKey) else "ES256"

    def private(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the check of its caller's token."""

        async def guarded(request: Request) -> Response:
            if not self._allows(request):
                return unauthorized()
            return await endpoint(request)

        return guarded

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a sound token; None for any other. Without a key there is nothing to be sound."""
        if self._key is None:
            return {}
        try:
            if jwt.get_unverified_header(token).get("kid") != self._key_name:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[self._algorithm],
                # ccxt names an audience, the SDK none; Coinbase takes both.
                options={"verify_aud": False, "require": ["exp", "nbf", "iss", "sub"]},
            )
        except jwt.PyJWTError:
            return None
        return claims if claims["iss"] in _ISSUERS and claims["sub"] == self._key_name else None

    def _allows(self, request: Request) -> bool:
        if self._key is None:
            return True
        token = bearer_of(request.headers.get("authorization"))
        claims = self.claims(token) if token is not None else None
        if claims is None:
            return False
        several = claims.get("uris")
        uris = [claims.get("uri"), *(several if isinstance(several, list) else ())]
        return any(_names(uri, request) for uri in uris if isinstance(uri, str))


def _names(uri: str, request: Request) -> bool:
    """Whether a token's uri claim (METHOD host/path, no query) is this request."""
    method, _, rest = uri.partition(" ")
    host, slash, path = rest.removeprefix("https://").removeprefix("http://").partition("/")
    hosts = (_API_HOST, request.headers.get("host"))
    return method == request.method and host in hosts and slash + path == request.url.path
