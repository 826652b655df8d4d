"""A defect of the bridge is answered with a 500 that says nothing, and logged without what is secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import httpx
import pytest

from cbbot.process.json_logs import configure_logs
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app

pytestmark = pytest.mark.anyio

TOKEN = "a-token-for-tests-only"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("info", stream, secrets=[TOKEN])
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_a_defect_tells_no_secret(
    make_bridge: Callable[..., Bridge], logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = make_bridge()

    async def defective(*_: object, **__: object) -> None:
        authorization = {"Authorization": f"Bearer {TOKEN}"}
        raise RuntimeError(f"cannot go on with {authorization}")

    monkeypatch.setattr(bridge.market, "product", defective)
    transport = httpx.ASGITransport(create_app(bridge), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge", headers=headers) as client:
        for answer in (await client.get("/product/BTC-USD"), await client.get("/balance/base?product_id=BTC-USD")):
            assert answer.status_code == 500
            assert answer.json()["error"] == {"code": "internal", "message": "a defect of the bridge; see its log"}
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [line["event"] for line in lines].count("unexpected error") == 2
    assert any("RuntimeError: cannot go on" in line.get("exception", "") for line in lines)
    assert TOKEN not in logged.getvalue()
