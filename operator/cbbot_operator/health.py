"""The operator's own HTTP endpoint: is it alive, is it ready, what has it counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cbbot.process.listening_socket import listening_socket

__all__ = ["serve"]


async def serve(port: int, alive: Callable[[], str], ready: Callable[[], str]) -> web.AppRunner:
    """Listen on ``port``. ``alive`` and ``ready`` say what is wrong, "" when nothing is.

    Call ``cleanup()`` on the result.

    Raises:
        BadInput: the port cannot be had.
    """
    listener = listening_socket("::", port, host_name="the address", port_name="PORT")

    def answer(check: Callable[[], str]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(_: web.Request) -> web.Response:
            wrong = check()
            return web.Response(text=wrong or "ok", status=503 if wrong else 200)

        return respond

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/healthz", answer(alive))
    app.router.add_get("/readyz", answer(ready))
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner
