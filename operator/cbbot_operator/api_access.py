"""What a request to the API server needs: an address, trust, and a proof of who asks, which is renewed now and then."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cbbot.errors import Retryable

__all__ = ["Access", "Credentials", "FixedCredentials", "NoAccess", "trusting"]


class NoAccess(Retryable):
    """There is no way to the cluster at this moment: nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """``authorization`` is the header's value, empty for none. ``server_name`` is the name in the server's certificate
    where that is not its address."""

    server: str
    authorization: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.authorization} if self.authorization else {}


class Credentials(Protocol):
    """Who we are. Watches and requests share one, so that a renewed token serves both."""

    async def access(self) -> Access:
        """What to ask with at this moment.

        Raises:
            NoAccess: it cannot be had.
        """
        ...

    def refuse(self, access: Access) -> None:
        """The API server did not know ``access``: the next one is to be a new one."""
        ...


class FixedCredentials:
    """An access that stays as it is."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def access(self) -> Access:
        return self._access

    def refuse(self, access: Access) -> None:
        """There is no other."""


def trusting(
    ca: Path | bytes | None, certificate: Path | None = None, key: Path | None = None, *, insecure: bool = False
) -> ssl.SSLContext:
    """A TLS context that trusts ``ca`` (the system's authorities when None) and shows the client's certificate.

    Raises:
        NoAccess: a certificate or key cannot be read.
    """
    try:
        context = ssl.create_default_context(
            cafile=str(ca) if isinstance(ca, Path) else None, cadata=ca.decode() if isinstance(ca, bytes) else None
        )
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise NoAccess(f"no way to the cluster: {ca if isinstance(ca, Path) else 'a certificate'}: {error}") from error
    # Python 3.13 refuses authorities without a key usage extension, as many clusters have them; chain and host name
    # are verified all the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
