"""Bodies of bytes that are no text, or of text that has no bytes, at every endpoint of the bridge that reads one."""

from __future__ import annotations

from typing import Final

import httpx
import pytest

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import load_settings

pytestmark = pytest.mark.anyio

APP: Final = create_app(
    Bridge(
        load_settings({"BRIDGE_HOST": "127.0.0.1", "COINBASE_AUTH": "none", "COINBASE_API_BASE": "http://127.0.0.1:9"})
    )
)
READING: Final = [
    (method.upper(), path)
    for path, methods in APP.openapi()["paths"].items()
    for method, operation in methods.items()
    if "requestBody" in operation
]


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
@pytest.mark.parametrize("body", [b'{"product_id":"\xff"}', b"\xff\xfe", b'{"\\ud800":1}', b'{"product_id":"\\ud800"}'])
async def test_it_is_refused_and_never_a_defect(body: bytes, kind: str) -> None:
    assert READING
    transport = httpx.ASGITransport(APP, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for method, path in READING:
            answer = await client.request(method, path, content=body, headers={"Content-Type": kind})
            assert answer.status_code in (400, 422), (method, path, answer.text)
            assert answer.json()["error"]["code"] == "invalid_input"
