"""An API server over TLS with a certificate of its own authority, that knows some tokens at a time."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority", "ScriptedApiServer", "kubeconfig", "serving"]

_FORM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Authority:
    """Signs certificates; its own is in ``ca`` and ``file``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self.ca = self._certificate(self._key, self._name, x509.BasicConstraints(ca=True, path_length=None))
        self.file = folder / "ca.crt"
        self.file.write_bytes(self.ca)

    def _certificate(
        self, key: ec.EllipticCurvePrivateKey, name: x509.Name, constraints: x509.BasicConstraints
    ) -> bytes:
        now = datetime.now(UTC)
        addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("kubernetes")]
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(constraints, critical=True)
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    def issue(self, name: str) -> tuple[str, str]:
        """A certificate for ``name`` and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(key, subject, x509.BasicConstraints(ca=False, path_length=None))
        return certificate.decode(), key.private_bytes(*_FORM).decode()

    def server_context(self) -> ssl.SSLContext:
        """For a server at 127.0.0.1 that asks clients for a certificate, and takes none as well."""
        certificate, key = self.issue("127.0.0.1")
        file = self._folder / "server.pem"
        file.write_text(key + certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.load_verify_locations(self.file)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


@dataclass
class ScriptedApiServer:
    """``known`` are the authorizations (or names in clients' certificates) it lets in; ``shown`` are those it saw."""

    known: set[str] = field(default_factory=set)
    shown: list[str] = field(default_factory=list)
    address: str = ""
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        certificate = request.transport.get_extra_info("peercert") if request.transport is not None else None
        names = [value for part in (certificate or {}).get("subject", ()) for _, value in part]
        who = request.headers.get("Authorization") or (names[0] if names else "")
        self.shown.append(who)
        if who not in self.known:
            return web.json_response({"message": "Unauthorized"}, status=401)
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response({"metadata": {"name": "default"}})


@contextlib.asynccontextmanager
async def serving(server: ScriptedApiServer, authority: Authority) -> AsyncIterator[str]:
    """The server's address while the block runs."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context()).start()
        server.address = f"https://127.0.0.1:{runner.addresses[0][1]}"
        yield server.address
    finally:
        await runner.cleanup()


def kubeconfig(path: Path, server: str, user: dict[str, Any], **cluster: Any) -> Path:
    """A kubeconfig of one context; paths in it are relative to its folder."""
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [
                    {"name": "c", "cluster": {"server": server, "certificate-authority": "ca.crt", **cluster}}
                ],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return path
