"""The API server: the only module that talks to it (kopf's own watches apart).

Few verbs, on objects as JSON. Answers are bounded in size and time. Errors are this project's: what may
pass is ``Retryable``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp

from cbbot.errors import CbbotError, Refused, Retryable
from cbbot_operator.api_access import Credentials
from cbbot_operator.bounded_answers import AnswerTooLarge, read_bounded
from cbbot_operator.cluster_pages import each_page
from cbbot_operator.connection import find_credentials, open_session
from cbbot_operator.keys import FIELD_MANAGER
from cbbot_operator.kinds import KINDS, Kind
from cbbot_operator.operator_metrics import API_REQUESTS

__all__ = ["Cluster", "Conflict", "HttpCluster", "connect", "served"]

_TIMEOUT = aiohttp.ClientTimeout(total=30)
# An object has 1.5 MB at most (etcd's bound). Of a list a page at a time is in memory, whoever filled it.
_MOST_BYTES = 16_000_000
_PAGE = 250
# A busy API server is given the time that it asks for, in the place of the request: it is no failure of the object's.
_PAUSES = 3
_LONGEST_PAUSE = 10.0
_PASSING = frozenset({408, 410, 429, 500, 502, 503, 504})


Page = tuple[list[dict[str, Any]], str]
"""Objects of a listing and the token of the next page, "" after the last."""


class Conflict(Retryable):
    """The object is not, or is no longer, the one that the request was made for."""


class Cluster(Protocol):
    """What the operator asks of a cluster, of kinds by their names. Tests have one in memory."""

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None: ...
    async def list(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> list[dict[str, Any]]: ...
    async def page(
        self, kind: str, namespace: str | None, selector: str, limit: int, token: str, *, fields: str = ""
    ) -> Page: ...
    async def namespace(self, name: str) -> dict[str, Any]: ...
    async def serves(self, kind: str) -> bool: ...
    async def version(self) -> tuple[int, int]: ...
    async def apply(self, obj: Mapping[str, Any]) -> dict[str, Any]: ...
    async def create(self, obj: Mapping[str, Any]) -> dict[str, Any]: ...
    async def replace(self, obj: Mapping[str, Any]) -> dict[str, Any]: ...
    async def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]: ...
    async def patch_status(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]: ...
    async def delete(self, kind: str, namespace: str, name: str, uid: str, *, foreground: bool = False) -> None: ...


async def served(cluster: Cluster, kinds: Iterable[Kind]) -> list[Kind]:
    """Those of ``kinds`` that the cluster knows at this moment."""
    return [kind for kind in kinds if not kind.optional or await cluster.serves(kind.name)]


class HttpCluster:
    """A :class:`Cluster` over HTTPS. Use as an async context manager."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.may_write: Callable[[], bool] = lambda: True
        """Asked before each request that changes anything but a Lease."""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(self.credentials, await self.credentials.access(), timeout=_TIMEOUT)
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

    async def list(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Every object with these labels; of the whole cluster when ``namespace`` is None."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return [item async for page in each_page(self, kind, namespace, selector, _PAGE) for item in page]

    async def page(
        self, kind: str, namespace: str | None, selector: str, limit: int, token: str, *, fields: str = ""
    ) -> Page:
        """At most ``limit`` objects, whole, with their bookkeeping; ``fields`` is a field selector."""
        query = {"limit": str(limit), "continue": token, "labelSelector": selector, "fieldSelector": fields}
        given = {name: value for name, value in query.items() if value}
        answer = await self._request("GET", KINDS[kind].path(namespace), kind, query=given)
        return answer.get("items") or [], (answer.get("metadata") or {}).get("continue") or ""

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

    async def delete(self, kind: str, namespace: str, name: str, uid: str, *, foreground: bool = False) -> None:
        """Delete that very object; one that is gone already, or is another by now, is left alone.

        ``foreground``: the object stays until what it owns is gone.
        """
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Foreground" if foreground else "Background"}
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
        headers = {"Accept": "application/json", "Content-Type": content}
        payload = json.dumps(body).encode() if body is not None else None
        for pauses_left in reversed(range(_PAUSES + 1)):
            access = await self.credentials.access()
            tls = access.tls if access.tls is not None else True
            if verb != "GET" and kind != "Lease" and not self.may_write():
                raise Retryable(f"{verb} {path}: not sent, for another operator may lead by now")
            try:
                async with self._session.request(
                    verb,
                    f"{access.server}/{path}",
                    data=payload,
                    headers=headers,
                    params=query,
                    ssl=tls,
                    allow_redirects=False,  # each request shows who we are
                ) as response:
                    API_REQUESTS.labels(verb, str(response.status)).inc()
                    answer = await read_bounded(response, _MOST_BYTES)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                API_REQUESTS.labels(verb, "none").inc()
                why = error or type(error).__name__
                raise Retryable(f"{verb} {path}: the API server did not answer: {why}") from error
            except AnswerTooLarge as error:
                raise AnswerTooLarge(f"{verb} {path}: {error}") from error
            pause = _asked_pause(response)
            if pause is None or not pauses_left:
                break
            await asyncio.sleep(pause)
        if response.status >= 300:  # also those that lead elsewhere
            raise _error(verb, kind, path, response.status, answer)
        try:
            decoded = json.loads(answer)
        except ValueError as error:
            raise Retryable(f"{verb} {path}: the API server's answer is not JSON") from error
        if not isinstance(decoded, dict):
            raise Retryable(f"{verb} {path}: the API server's answer is not an object")
        return decoded


def _asked_pause(response: aiohttp.ClientResponse) -> float | None:
    """For how long the API server, which is busy and did nothing, asks us to wait; None when it does not."""
    after = response.headers.get("Retry-After", "")
    return min(float(after), _LONGEST_PAUSE) if response.status in (429, 503) and after.isdecimal() else None


def _error(verb: str, kind: str, path: str, code: int, answer: bytes) -> CbbotError:
    words = answer.decode(errors="replace")
    try:
        detail = json.loads(words).get("message", words)
    except (ValueError, AttributeError):
        detail = words
    name = path.rsplit("/", 1)[-1]
    message = f"{verb} {kind} {name}: the API server says {code}: {str(detail)[:500]}"
    if code == 409:
        return Conflict(message)
    passing = code in _PASSING or code == 401 or code < 400  # the last: something in front of it is in the way
    return Retryable(message) if passing else Refused(str(code), message)


async def connect() -> HttpCluster:
    """A cluster by the pod's service account or the kubeconfig.

    Raises:
        NoAccess: neither was found.
    """
    return HttpCluster(find_credentials())
