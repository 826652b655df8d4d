"""A bridge asked over HTTP, whatever it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cbbot_operator.bridges import HttpBridges, bridge_address
from cbbot_operator.observed import KeyReport
from unit.operator.memory_bridges import upstream_with
from unit.operator.memory_cluster import KEY, Run

NOW = datetime(2026, 1, 2, tzinfo=UTC)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def asked(run: Run, answer: Answer) -> KeyReport:
    async def ask() -> KeyReport:
        app = web.Application()
        app.router.add_get("/upstream", answer)
        async with TestServer(app) as server, HttpBridges(lambda _: str(server.make_url("")).rstrip("/")) as bridges:
            return await bridges.upstream(KEY, "the-token", NOW)

    return run(ask())


def test_it_is_asked_by_its_service_with_the_token(run: Run) -> None:
    told = upstream_with({"can_transfer": True})

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer the-token"
        return web.json_response(told.model_dump(mode="json"))

    assert asked(run, answer) == KeyReport(NOW, told)
    assert bridge_address(KEY) == "http://btc-bridge.trading.svc:8787"


async def refused(_: web.Request) -> web.Response:
    return web.Response(status=401)


async def nonsense(_: web.Request) -> web.Response:
    return web.Response(text="[]")


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65536)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (refused, "the bridge answers /upstream with 401"),
        (nonsense, "the bridge's answer to /upstream cannot be read"),
        (endless, "the answer is longer than 262144 bytes"),
    ],
)
def test_what_cannot_be_used_is_a_report_with_the_reason(run: Run, answer: Answer, failure: str) -> None:
    report = asked(run, answer)
    assert report.upstream is None
    assert failure in report.failure


def test_no_bridge_is_a_report_too(run: Run) -> None:
    async def ask() -> KeyReport:
        async with HttpBridges(lambda _: "http://127.0.0.1:1") as bridges:
            return await bridges.upstream(KEY, "t", NOW)

    assert run(ask()).failure.startswith("the bridge does not answer")
