"""As much of an API server as an operator needs to lead, and to find that a TradingBot cannot be made.

It keeps objects by their paths, answers lists and discovery from the operator's own table of kinds, and holds watches
open in silence. It merges a patch's top level and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web

from cbbot_operator.kinds import KINDS, Kind

__all__ = ["NAMESPACE", "SmallApiServer"]

NAMESPACE: Final = "local"
_VERBS: Final = ["create", "delete", "get", "list", "patch", "update", "watch"]


class SmallApiServer:
    """Closed, nobody listens on ``port``."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._versions = itertools.count(1)
        self._objects: dict[str, dict[str, Any]] = {}
        self._store(KINDS["Namespace"].path(name=NAMESPACE), {"kind": "Namespace", "metadata": {"name": NAMESPACE}})

    def add(self, kind: str, name: str, **fields: Any) -> None:
        """An object of the namespace, as if somebody had applied it."""
        path = KINDS[kind].path(NAMESPACE, name)
        self._store(path, {**KINDS[kind].head(), "metadata": {"name": name, "namespace": NAMESPACE}, **fields})

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if request.method != "GET":
            return await self._change(request, path)
        if "watch" in request.query:
            return await self._silence(request)
        found = self._discovery(path) or self._listed(path) or self._objects.get(path)
        if found is None:
            return web.json_response({"message": f"{path} not found"}, status=404)
        return web.json_response(found)

    async def _silence(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return response

    async def _change(self, request: web.Request, path: str) -> web.Response:
        body = await request.json()
        if request.method == "POST":
            path = f"{path}/{body['metadata'].get('name') or next(self._versions)}"
        path = path.removesuffix("/status")
        return web.json_response(self._store(path, {**self._objects.get(path, {}), **body}))

    def _store(self, path: str, obj: dict[str, Any]) -> dict[str, Any]:
        number = str(next(self._versions))
        known = self._objects.get(path, {}).get(
            "metadata", {"uid": number, "creationTimestamp": "2026-01-01T00:00:00Z"}
        )
        self._objects[path] = {**obj, "metadata": {**known, **obj.get("metadata", {}), "resourceVersion": number}}
        return self._objects[path]

    def _discovery(self, path: str) -> dict[str, Any] | None:
        if path == "version":
            return {"major": "1", "minor": "31", "gitVersion": "v1.31.0"}
        if path == "api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "apis":
            groups = {kind.group: kind for kind in KINDS.values() if kind.group and not kind.optional}
            return {"kind": "APIGroupList", "groups": [_group(kind) for kind in groups.values()]}
        served = [kind for kind in KINDS.values() if kind.root == path and not kind.optional]
        return {"kind": "APIResourceList", "resources": [_resource(kind) for kind in served]} if served else None

    def _listed(self, path: str) -> dict[str, Any] | None:
        for kind in KINDS.values():
            if path in (kind.path(NAMESPACE), kind.path()):
                items = [obj for obj in self._objects.values() if obj["kind"] == kind.name]
                return {"kind": f"{kind.name}List", "metadata": {"resourceVersion": "1"}, "items": items}
        return None


def _group(kind: Kind) -> dict[str, Any]:
    version = {"groupVersion": kind.api_version, "version": kind.version}
    return {"name": kind.group, "versions": [version], "preferredVersion": version}


def _resource(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.plural, "singularName": kind.name.lower(), "kind": kind.name, "verbs": _VERBS,
        "namespaced": kind.name != "Namespace",
    }  # fmt: skip
