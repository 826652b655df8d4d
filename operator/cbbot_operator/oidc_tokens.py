"""Tokens of OpenID Connect from a kubeconfig's ``auth-provider``, refreshed at the issuer when they run out."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import aiohttp

from cbbot_operator.api_access import NoAccess, trusting
from cbbot_operator.bounded_answers import AnswerTooLarge, read_bounded
from cbbot_operator.kubeconfig import KubeconfigPart

__all__ = ["OidcTokens", "token_expiry"]

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_MOST_BYTES = 1_000_000


def token_expiry(token: str) -> datetime | None:
    """When a token says that it runs out. It is read, not verified: that is the API server's part."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError):
        return None


class OidcTokens:
    """The pair of an ID token and the refresh token that brings the next one."""

    def __init__(self, user: KubeconfigPart) -> None:
        provider = user.fields.get("auth-provider") or {}
        self._config = KubeconfigPart(f"{user.what}: oidc", provider.get("config") or {}, user.folder)
        self.id_token = self._config.text("id-token") or ""
        self._refresh_token = self._config.text("refresh-token") or ""

    async def refresh(self) -> None:
        """Ask the issuer for the next ID token. Its certificate is always verified: it is told our secrets.

        Raises:
            NoAccess: there is no refresh token, or the issuer gave nothing for it.
        """
        issuer, client = self._config.text("idp-issuer-url"), self._config.text("client-id")
        if not (self._refresh_token and issuer and client):
            raise NoAccess(
                f"{self._config.what}: the ID token has run out, and refresh-token, idp-issuer-url or client-id "
                "to get another is missing: log in again"
            )
        if not issuer.startswith("https://"):
            raise NoAccess(f"{self._config.what}: idp-issuer-url must begin with https://")
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token, "client_id": client}
        headers = {}
        if secret := self._config.text("client-secret"):
            headers["Authorization"] = aiohttp.encode_basic_auth(client, secret)
        connector = aiohttp.TCPConnector(ssl=trusting(self._config.content("idp-certificate-authority")))
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, trust_env=True) as session:
            found = await self._ask(session, "GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            address = str(found.get("token_endpoint") or "")
            if not address.startswith("https://"):
                raise NoAccess(f"{self._config.what}: {issuer} names no token endpoint with https://")
            tokens = await self._ask(session, "POST", address, data=form, headers=headers)
        if not isinstance(tokens.get("id_token"), str):
            raise NoAccess(f"{self._config.what}: {address} gave no id_token")
        self.id_token = tokens["id_token"]
        self._refresh_token = str(tokens.get("refresh_token") or self._refresh_token)

    async def _ask(self, session: aiohttp.ClientSession, verb: str, address: str, **content: Any) -> dict[str, Any]:
        try:
            async with session.request(verb, address, allow_redirects=False, **content) as response:
                said = await read_bounded(response, _MOST_BYTES)
            answer = json.loads(said) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AnswerTooLarge) as error:
            raise NoAccess(f"{self._config.what}: {address}: {error or type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise NoAccess(f"{self._config.what}: {address} answers {response.status}: log in again")
        return answer
