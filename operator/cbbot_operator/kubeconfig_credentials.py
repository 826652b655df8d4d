"""Access by a kubeconfig: a token, a password or a certificate that stands there or that a program or issuer gives."""

from __future__ import annotations

import asyncio
import logging
import ssl
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from cbbot_operator.api_access import Access, NoAccess, trusting
from cbbot_operator.exec_plugin import PluginCredential, run_plugin
from cbbot_operator.kubeconfig import Kubeconfig
from cbbot_operator.oidc_tokens import OidcTokens, token_expiry

__all__ = ["KubeconfigCredentials"]

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 60.0
# The spare time before a credential runs out: a minute, but of a short life no more than a fifth.
_SPARE_SECONDS = 60.0
_SPARE_PART = 0.2
# A program is not asked more often than this, whatever the server thinks of what it gives.
_LEAST_SECONDS = 5.0


class KubeconfigCredentials:
    """Credentials of the current context, renewed before they run out and when they are refused."""

    def __init__(
        self,
        kubeconfig: Kubeconfig,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cluster = kubeconfig.cluster
        self._user = kubeconfig.user
        self._clock = clock
        self._now = now
        self._renewing = asyncio.Lock()
        self._found: Access | None = None
        self._context: tuple[tuple[bytes | None, ...], ssl.SSLContext] | None = None
        self._found_at = self._due = self._good_until = clock()
        provider = (self._user.fields.get("auth-provider") or {}).get("name")
        if provider not in (None, "oidc"):
            raise NoAccess(
                f"{self._user.what}: kubectl has dropped the auth-provider {provider}: use its exec plugin instead"
            )
        self._oidc = OidcTokens(self._user) if provider else None

    async def access(self) -> Access:
        async with self._renewing:
            if self._found is None or self._clock() >= self._due:
                self._found = await self._renewed()
            return self._found

    def refuse(self, access: Access) -> None:
        if access is self._found:
            self._good_until = self._clock()
            self._due = max(self._clock(), self._found_at + _LEAST_SECONDS)

    async def _renewed(self) -> Access:
        try:
            found, lifetime = await self._obtain()
        except NoAccess as error:
            if self._found is None or self._clock() >= self._good_until:
                raise
            _LOG.warning("credentials were not renewed, the present ones are still good: %s", error)
            self._due = self._clock() + _LEAST_SECONDS
            return self._found
        self._found_at = self._clock()
        self._good_until = self._found_at + lifetime
        spare = min(_SPARE_SECONDS, lifetime * _SPARE_PART)
        self._due = self._found_at + max(lifetime - spare, _LEAST_SECONDS)
        return found

    async def _obtain(self) -> tuple[Access, float]:
        """A new access and for how many seconds it is good."""
        if self._user.fields.get("exec"):
            credential = await run_plugin(self._user, self._cluster)
            authorization = f"Bearer {credential.token}" if credential.token else ""
            return self._access(authorization, credential), self._lifetime(credential.expires)
        if self._oidc is not None:
            token = self._oidc.id_token
            if self._found is not None or not token or self._lifetime(token_expiry(token)) <= _LEAST_SECONDS:
                await self._oidc.refresh()
                token = self._oidc.id_token
            return self._access(f"Bearer {token}"), self._lifetime(token_expiry(token))
        return self._access(self._standing()), _LOOK_SECONDS

    def _lifetime(self, expires: datetime | None) -> float:
        return (expires - self._now()).total_seconds() if expires is not None else float("inf")

    def _standing(self) -> str:
        """The authorization that stands in the kubeconfig, or in a file that it names and somebody else renews."""
        path = self._user.path("tokenFile")
        token = self._user.text("token")
        if path is not None:
            try:
                token = path.read_text(encoding="ascii").strip()
            except (OSError, ValueError) as error:
                raise NoAccess(f"{self._user.what}: tokenFile: {error}") from error
        if token:
            return f"Bearer {token}"
        name, password = self._user.text("username"), self._user.text("password")
        return aiohttp.encode_basic_auth(name, password) if name and password else ""

    def _access(self, authorization: str, credential: PluginCredential | None = None) -> Access:
        server = (self._cluster.text("server") or "").rstrip("/")
        if not server.startswith(("https://", "http://")):
            raise NoAccess(f"{self._cluster.what}: server must begin with https:// or http://")
        return Access(
            server=server,
            authorization=authorization,
            tls=self._tls(credential) if server.startswith("https://") else None,
            server_name=self._cluster.text("tls-server-name"),
            proxy=self._cluster.text("proxy-url"),
        )

    def _tls(self, credential: PluginCredential | None) -> ssl.SSLContext:
        authority = self._cluster.content("certificate-authority")
        material: tuple[bytes | None, bytes | None, bytes | None]
        if credential is not None and credential.certificate:
            material = (authority, credential.certificate.encode(), credential.key.encode())
        else:
            material = (authority, self._user.content("client-certificate"), self._user.content("client-key"))
        _, certificate, key = material
        # The same context as long as nothing changes: connections are kept by it.
        if self._context is None or self._context[0] != material:
            insecure = self._cluster.fields.get("insecure-skip-tls-verify") is True
            with tempfile.TemporaryDirectory(prefix="cbbot-") as folder:
                # Python reads certificates and keys of clients from files only.
                shown, secret = Path(folder, "certificate"), Path(folder, "key")
                shown.write_bytes(certificate or b"")
                secret.write_bytes(key or b"")
                context = trusting(
                    authority, shown if certificate else None, secret if key else None, insecure=insecure
                )
            self._context = (material, context)
        return self._context[1]
