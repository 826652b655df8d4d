"""The API server: the only module that talks to it (kopf's own watches apart).

Few verbs, on objects as JSON. Authentication is kopf's: the pod's service account, or a
kubeconfig outside of a cluster. Errors are this project's: what may pass is ``Retryable``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp
import kopf

from cbbot.errors import CbbotError, Refused, Retryable
from cbbot_operator.connection import log_in, open_session
from cbbot_operator.keys import FIELD_MANAGER
from cbbot_operator.kinds import KINDS, Kind
from cbbot_operator.operator_metrics import API_REQUESTS

__all__ = ["Cluster", "HttpCluster", "connect", "served"]

_LOG = logging.getLogger(__name__)
_TIMEOUT = aiohttp.ClientTimeout(total=30)
_PASSING = frozenset({408, 409, 410, 429, 500, 502, 503, 504})


class Cluster(Protocol):
    """What the operator asks of a cluster, of kinds by their names. Tests have one in memory."""

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None: ...
    async def list(
        self, kind: str, namespace: str | None, labels: Mapping[str, str], *, fields: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]: ...
    async def namespace(self, name: str) -> dict[str, Any]: ...
    async def serves(self, kind: str) -> bool: ...
    async def version(self) -> tuple[int, int]: ...
    async def apply(self, obj: Mapping[str, Any]) -> dict[str, Any]: ...
    async def create(self, obj: Mapping[str, Any]) -> dict[str, Any]: ...
    async def replace(self, obj: Mapping[str, Any]) -> dict[str, Any]: ...
    async def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]: ...
    async def patch_status(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]: ...
    async def delete(self, kind: str, namespace: str, name: str, uid: str) -> None: ...


async def served(cluster: Cluster, kinds: Iterable[Kind]) -> list[Kind]:
    """Those of ``kinds`` that the cluster knows at this moment."""
    return [kind for kind in kinds if not kind.optional or await cluster.serves(kind.name)]


class HttpCluster:
    """A :class:`Cluster` over HTTPS. Use as an async context manager."""

    def __init__(self, connection: kopf.ConnectionInfo) -> None:
        self._server = connection.server.rstrip("/")
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(self._connection, _TIMEOUT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None when there is none of that name."""
        try:
            return await self._request("GET", KINDS[kind].path(namespace, name), kind)
        except Refused as error:
            if error.code == "404":
                return None
            raise

    async def list(
        self, kind: str, namespace: str | None, labels: Mapping[str, str], *, fields: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Every object with these labels and fields; of the whole cluster when ``namespace`` is None."""
        selectors = {"labelSelector": labels, "fieldSelector": fields or {}}
        query = {
            name: ",".join(f"{key}={value}" for key, value in wanted.items())
            for name, wanted in selectors.items()
            if wanted
        }
        answer = await self._request("GET", KINDS[kind].path(namespace), kind, query=query)
        items: list[dict[str, Any]] = answer.get("items", [])
        return items

    async def namespace(self, name: str) -> dict[str, Any]:
        return await self._request("GET", KINDS["Namespace"].path(name=name), "Namespace")

    async def serves(self, kind: str) -> bool:
        """Whether the API server knows the kind at this moment."""
        wanted = KINDS[kind]
        try:
            answer = await self._request("GET", wanted.root, "APIResourceList")
        except Refused as error:
            if error.code == "404":
                return False
            raise
        return any(resource.get("name") == wanted.plural for resource in answer.get("resources", ()))

    async def version(self) -> tuple[int, int]:
        """The API server's, such as (1, 30)."""
        answer = await self._request("GET", "version", "Version")
        try:
            # A provider's minor version may have a plus sign behind it.
            return int(answer["major"]), int(str(answer["minor"]).rstrip("+"))
        except (KeyError, ValueError) as error:
            raise Retryable(f"GET version: the API server's version cannot be read: {answer}") from error

    async def apply(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply with force: the fields sent become ours, whoever had them."""
        metadata = obj["metadata"]
        path = KINDS[obj["kind"]].path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._request("PATCH", path, obj["kind"], obj, "application/apply-patch+yaml", query)

    async def create(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        path = KINDS[obj["kind"]].path(obj["metadata"]["namespace"])
        return await self._request("POST", path, obj["kind"], obj, query={"fieldManager": FIELD_MANAGER})

    async def replace(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """PUT: refused with a conflict when the object has changed since it was read."""
        metadata = obj["metadata"]
        path = KINDS[obj["kind"]].path(metadata["namespace"], metadata["name"])
        return await self._request("PUT", path, obj["kind"], obj, query={"fieldManager": FIELD_MANAGER})

    async def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """JSON merge patch."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self._request(
            "PATCH", KINDS[kind].path(namespace, name), kind, patch, "application/merge-patch+json", query
        )

    async def patch_status(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """JSON merge patch of the status subresource."""
        path = KINDS[kind].path(namespace, name) + "/status"
        query = {"fieldManager": FIELD_MANAGER}
        return await self._request("PATCH", path, kind, patch, "application/merge-patch+json", query)

    async def delete(self, kind: str, namespace: str, name: str, uid: str) -> None:
        """Delete that very object; one that is gone already, or is another by now, is left alone."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._request("DELETE", KINDS[kind].path(namespace, name), kind, options)
        except (Refused, Retryable) as error:
            if getattr(error, "code", "") != "404" and "precondition" not in str(error).lower():
                raise

    async def _request(
        self,
        verb: str,
        path: str,
        kind: str,
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("HttpCluster is used outside of its context")
        headers = {"Accept": "application/json", "Content-Type": content, **self._connection.as_http_headers()}
        payload = json.dumps(body).encode() if body is not None else None
        try:
            async with self._session.request(
                verb, f"{self._server}/{path}", data=payload, headers=headers, params=query
            ) as response:
                API_REQUESTS.labels(verb, str(response.status)).inc()
                answer = await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            API_REQUESTS.labels(verb, "none").inc()
            raise Retryable(f"{verb} {path}: the API server did not answer: {error or type(error).__name__}") from error
        if response.status == 401:
            self._login_again()
        if response.status >= 400:
            raise _error(verb, kind, path, response.status, answer)
        try:
            decoded: dict[str, Any] = json.loads(answer)
        except ValueError as error:
            raise Retryable(f"{verb} {path}: the API server's answer is not JSON") from error
        return decoded

    def _login_again(self) -> None:
        """Service account tokens are rotated under a running pod."""
        try:
            self._connection = log_in()
        except CbbotError as error:
            _LOG.warning("cannot log in again: %s", error)


def _error(verb: str, kind: str, path: str, code: int, answer: str) -> CbbotError:
    try:
        detail = json.loads(answer).get("message", answer)
    except (ValueError, AttributeError):
        detail = answer
    name = path.rsplit("/", 1)[-1]
    message = f"{verb} {kind} {name}: the API server says {code}: {str(detail)[:500]}"
    return Retryable(message) if code in _PASSING or code == 401 else Refused(str(code), message)


async def connect() -> HttpCluster:
    """A cluster by the pod's service account or the kubeconfig.

    Raises:
        Retryable: neither was found.
    """
    return HttpCluster(await asyncio.to_thread(log_in))
