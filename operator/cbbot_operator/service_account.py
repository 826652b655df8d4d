"""Access by the pod's service account, whose token kubelet replaces in its file while we run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cbbot_operator.api_access import Access, NoAccess, trusting

__all__ = ["SERVICE_ACCOUNT", "ServiceAccount", "in_cluster_address"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_LOOK_SECONDS = 60.0


def in_cluster_address(environment: Mapping[str, str]) -> str:
    """The API server as pods are told of it, else by its name in the cluster's DNS."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        return "https://kubernetes.default.svc"
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


class ServiceAccount:
    """Credentials from the files ``token`` and ``ca.crt`` of a folder, looked at every minute and after a refusal."""

    def __init__(self, folder: Path, server: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._server = server
        self._clock = clock
        self._due = clock()
        self._found: Access | None = None
        self._authority = b""

    async def access(self) -> Access:
        if self._found is None or self._clock() >= self._due:
            self._found = self._read()
            self._due = self._clock() + _LOOK_SECONDS
        return self._found

    def refuse(self, access: Access) -> None:
        if access is self._found:
            self._due = self._clock()

    def _read(self) -> Access:
        try:
            token = (self._folder / "token").read_text(encoding="ascii").strip()
            authority = (self._folder / "ca.crt").read_bytes()
        except (OSError, ValueError) as error:
            raise NoAccess(f"no way to the cluster: the service account's files cannot be read: {error}") from error
        if not token:
            raise NoAccess(f"no way to the cluster: {self._folder / 'token'} is empty")
        if self._found is not None and authority == self._authority:
            tls = self._found.tls
        else:
            tls, self._authority = trusting(authority), authority
        return Access(server=self._server, authorization=f"Bearer {token}", tls=tls)
