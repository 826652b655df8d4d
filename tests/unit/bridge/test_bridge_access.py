"""Who may do what: token, epoch, keys."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio

GUARDED = ["/accounts", "/fees", "/balance/base?product_id=BTC-USD", "/order/o-1", "/upstream"]
OPEN = [
    "/health",
    "/ready",
    "/metrics",
    "/time",
    "/product/BTC-USD",
    "/price?product_id=BTC-USD",
    "/bbo?product_id=BTC-USD",
    "/exchange/filters?product_id=BTC-USD",
]
ORDER = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "25"}


def bot(epoch: int | str, name: str = "btc") -> dict[str, str]:
    return {"X-Bot-Id": name, "X-Bot-Epoch": str(epoch)}


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic a-token-for-tests-only", "a-token-for-tests-only", ""])
async def test_without_the_right_token_accounts_and_orders_are_closed(
    open_bridge: Any, coinbase: Any, path: str, header: str | None
) -> None:
    headers = {"Authorization": header} if header is not None else {}
    async with open_bridge(token=None) as client:
        got = await client.get(path, headers=headers)
        post = await client.post("/order/market", json=ORDER, headers=headers)
    assert (got.status_code, got.json()["error"]["code"]) == (401, "bad_token")
    assert got.headers["www-authenticate"] == "Bearer"
    assert post.status_code == 401
    assert coinbase.requests == []


@pytest.mark.parametrize("path", OPEN)
async def test_market_data_and_probes_need_no_token(open_bridge: Any, path: str) -> None:
    async with open_bridge(token=None) as client:
        assert (await client.get(path)).status_code == 200


async def test_the_token_opens(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/accounts", {"accounts": [], "has_next": False, "cursor": ""})
    async with open_bridge() as client:
        assert (await client.get("/accounts")).status_code == 200


async def test_without_a_configured_token_a_reachable_bridge_refuses_and_says_so(
    open_bridge: Any, coinbase: Any
) -> None:
    async with open_bridge(BRIDGE_TOKEN="", BRIDGE_HOST="0.0.0.0") as client:  # noqa: S104  that is the danger
        got = await client.post("/order/market", json=ORDER)
        assert (got.status_code, got.json()["error"]["code"]) == (403, "no_token_configured")
        assert (await client.get("/ready")).json()["orders"] == "no_token_configured"
        assert (await client.get("/time")).status_code == 200
    assert coinbase.bodies() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_without_a_configured_token_loopback_is_open(open_bridge: Any, coinbase: Any, host: str) -> None:
    coinbase.on("GET", "/accounts", {"accounts": [], "has_next": False, "cursor": ""})
    async with open_bridge(token=None, BRIDGE_TOKEN="", BRIDGE_HOST=host) as client:
        assert (await client.get("/accounts")).status_code == 200


@pytest.mark.parametrize("path", [p for p in GUARDED if p != "/upstream"])
async def test_without_keys_accounts_and_orders_say_no_credentials(open_bridge: Any, path: str) -> None:
    async with open_bridge(COINBASE_AUTH="jwt") as client:
        got = await client.get(path)
        assert (got.status_code, got.json()["error"]["code"]) == (503, "no_credentials")
        post = await client.post("/order/market", json=ORDER)
        assert (post.status_code, post.json()["outcome"]) == (503, "not_placed")
        assert (await client.get("/ready")).json() == {"ready": True, "orders": "no_credentials", "version": "0.1.0"}
        assert (await client.get("/bbo?product_id=BTC-USD")).status_code == 200


async def test_an_older_epoch_is_refused_everywhere_once_a_newer_one_was_seen(open_bridge: Any, coinbase: Any) -> None:
    async with open_bridge() as client:
        # A read teaches the epoch: after the bridge's own restart this may be the first it hears.
        assert (await client.get("/time", headers=bot(8))).status_code == 200
        for answer in (
            await client.get("/time", headers=bot(7)),
            await client.get("/price?product_id=BTC-USD", headers=bot(7)),
            await client.post("/order/market", json=ORDER, headers=bot(7)),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stale_epoch")
        assert (await client.get("/time", headers=bot(8))).status_code == 200
        assert (await client.get("/time", headers=bot(7, "eth"))).status_code == 200
    assert coinbase.bodies() == []


async def test_a_passer_by_cannot_lock_a_bot_out(open_bridge: Any) -> None:
    async with open_bridge() as client:
        nobody = {**bot(2**63 - 1), "Authorization": "Bearer wrong"}
        assert (await client.get("/time", headers=nobody)).status_code == 200
        assert (await client.get("/time", headers=bot(7))).status_code == 200


async def test_a_bridge_that_lets_nobody_in_learns_no_epoch(open_bridge: Any) -> None:
    async with open_bridge(token=None, BRIDGE_TOKEN="", BRIDGE_HOST="0.0.0.0") as client:  # noqa: S104  as above
        assert (await client.get("/time", headers=bot(9))).status_code == 200
        assert (await client.get("/time", headers=bot(7))).status_code == 200


async def test_an_epoch_that_grew_old_while_the_order_waited_is_refused_before_it_leaves(
    open_bridge: Any, coinbase: Any
) -> None:
    async with open_bridge() as client:
        product = (await client.get("/product/BTC-USD")).json()
    async with open_bridge() as client:

        async def the_successor_comes_up(_request: httpx.Request) -> httpx.Response:
            await client.get("/time", headers=bot(9))
            return httpx.Response(200, json=product)

        coinbase.on("GET", "/market/products/BTC-USD", the_successor_comes_up)
        got = await client.post("/order/market", json=ORDER, headers=bot(8))
    assert (got.status_code, got.json()["error"]["code"]) == (409, "stale_epoch")
    assert coinbase.bodies() == []


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"X-Bot-Id": "btc"}, "X-Bot-Epoch"),
        ({"X-Bot-Epoch": "7"}, "X-Bot-Id"),
        (bot("seven"), "X-Bot-Epoch"),
        (bot(-1), "X-Bot-Epoch"),
        (bot(2**63), "X-Bot-Epoch"),
        (bot(7, "a b"), "X-Bot-Id"),
    ],
)
async def test_half_or_malformed_identity_is_a_422_that_names_the_header(
    open_bridge: Any, headers: dict[str, str], named: str
) -> None:
    async with open_bridge() as client:
        got = await client.get("/time", headers=headers)
    assert got.status_code == 422
    assert named in got.json()["error"]["message"]
