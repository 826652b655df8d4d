"""A proxy before the API server that a test can make fail: it answers, cuts or kills where the test says."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
import yaml
from aiohttp import web

from cluster.api_server import ApiServer

__all__ = ["ApiProxy", "Rule", "is_write", "too_many_requests"]

Rule = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Asked before a request is passed on: an answer of its own, or None to pass it on."""

_DROPPED: Final = frozenset({"connection", "content-length", "host", "transfer-encoding"})


def is_write(request: web.Request) -> bool:
    """Whether it changes anything but the operator's own Lease."""
    return request.method not in ("GET", "HEAD") and "/leases" not in request.path


def too_many_requests(retry_after: int) -> web.Response:
    """As an API server answers that has more to do than it takes on."""
    message = "Too many requests, please try again later."
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": 429}
    return web.json_response(status, status=429, headers={"Retry-After": str(retry_after)})


class ApiProxy:
    """Plain HTTP on a local port, the kubeconfig's certificate to the API server. Use as a context manager."""

    def __init__(self, api_server: ApiServer, folder: Path) -> None:
        self.rule: Rule | None = None
        self.writes: list[str] = []
        """Every request that changes something, as ``PATCH /path``."""
        self.kubeconfig = folder / "kubeconfig"
        self._api_server = api_server
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._away = False
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._session: aiohttp.ClientSession | None = None
        self._port: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        cluster = {"server": f"http://127.0.0.1:{self._port.result(timeout=10)}"}
        context = {"cluster": "proxy", "user": "proxy", "namespace": "default"}
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "proxy", "cluster": cluster}],
                    "users": [{"name": "proxy", "user": {}}],
                    "contexts": [{"name": "proxy", "context": context}],
                    "current-context": "proxy",
                }
            ),
            encoding="utf-8",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(timeout=20)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        connector = aiohttp.TCPConnector(ssl=self._api_server.tls, limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
            self._session = session
            app = web.Application(client_max_size=16 * 2**20)
            app.router.add_route("*", "/{path:.*}", self._handle)
            runner = web.AppRunner(app, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._port.set_result(runner.addresses[0][1])
            await self._ended.wait()
            await runner.cleanup()

    def cut(self) -> None:
        """From now on nobody is served; connections that are open are closed."""
        self._away = True
        if self._loop is None:
            return
        for transport in list(self._transports):
            self._loop.call_soon_threadsafe(transport.abort)

    def mend(self) -> None:
        self._away = False

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            self._transports.add(request.transport)
            if self._away:
                request.transport.abort()
        if is_write(request):
            self.writes.append(f"{request.method} {request.path}")
        if self.rule is not None:
            answer = await self.rule(request)
            if answer is not None:
                return answer
        return await self.passed_on(request)

    async def passed_on(self, request: web.Request) -> web.StreamResponse:
        """The API server's answer, a watch piece by piece."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
        if self._session is None:
            raise RuntimeError("the proxy does not serve")
        address = f"{self._api_server.server}{request.path_qs}"
        body = await request.read() or None
        try:
            async with self._session.request(request.method, address, headers=headers, data=body) as answer:
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in _DROPPED}
                response = web.StreamResponse(status=answer.status, headers=kept)
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, ConnectionError):  # one of the two is gone: so is the other's connection
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
