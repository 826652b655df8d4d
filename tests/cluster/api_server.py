"""The API server asked directly, with a kubeconfig's certificate: many requests on one connection."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

__all__ = ["ApiServer"]


class ApiServer:
    """``KUBECONFIG``'s cluster and user, which must have a client certificate."""

    def __init__(self) -> None:
        given = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"))
        self.server: str = given["clusters"][0]["cluster"]["server"]
        self.tls = _tls(given["clusters"][0]["cluster"], given["users"][0]["user"])
        address = urlsplit(self.server)
        self._connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, context=self.tls, timeout=30
        )

    def __call__(
        self, verb: str, path: str, body: Any = None, content: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """The answer's code and object."""
        payload = None if body is None else json.dumps(body)
        headers = {"Content-Type": content, "Accept": "application/json"}
        try:
            self._connection.request(verb, path, payload, headers)
            response = self._connection.getresponse()
        except (OSError, http.client.HTTPException):  # the server was started anew since: another connection
            self._connection.close()
            self._connection.request(verb, path, payload, headers)
            response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        return response.status, answer

    def close(self) -> None:
        self._connection.close()


def _tls(cluster: dict[str, str], user: dict[str, str]) -> ssl.SSLContext:
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    # Python 3.13 refuses authorities without a key usage extension, as many clusters have them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with tempfile.NamedTemporaryFile(suffix=".pem") as chain:
        for part in ("client-certificate-data", "client-key-data"):
            chain.write(base64.b64decode(user[part]) + b"\n")
        chain.flush()
        context.load_cert_chain(chain.name)
    return context
