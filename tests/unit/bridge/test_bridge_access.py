"""Who may do what: token, epoch, keys."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from coinbase_answers import placed

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


def bot(epoch: int | str, name: str = "btc", instance: str = "") -> dict[str, str]:
    identity = {"X-Bot-Id": name, "X-Bot-Epoch": str(epoch)}
    return {**identity, "X-Bot-Instance": instance} if instance else identity


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


async def test_an_epoch_belongs_to_the_process_that_showed_it_first(open_bridge: Any, coinbase: Any) -> None:
    async with open_bridge() as client:
        # A person who asks in the bot's name has no instance, and takes nothing from it.
        assert (await client.get("/time", headers=bot(8))).status_code == 200
        assert (await client.get("/time", headers=bot(8, instance="one"))).status_code == 200
        for answer in (
            await client.get("/time", headers=bot(8, instance="two")),
            await client.post("/order/market", json=ORDER, headers=bot(8, instance="two")),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stale_epoch")
        assert (await client.get("/time", headers=bot(8, instance="one"))).status_code == 200
        assert (await client.get("/time", headers=bot(9, instance="two"))).status_code == 200
        assert (await client.get("/time", headers=bot(9, instance="one"))).status_code == 409
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
        (bot(7, instance="a b"), "X-Bot-Instance"),
    ],
)
async def test_half_or_malformed_identity_is_a_422_that_names_the_header(
    open_bridge: Any, headers: dict[str, str], named: str
) -> None:
    async with open_bridge() as client:
        got = await client.get("/time", headers=headers)
    assert got.status_code == 422
    assert named in got.json()["error"]["message"]


@pytest.mark.parametrize("epoch", ["5_0", "+50", " 50x", "50.0", "5e1", "٥٠", "9" * 5_000, "0x32", "-1", ""])
async def test_an_epoch_is_digits_and_nothing_else(open_bridge: Any, coinbase: Any, epoch: str) -> None:
    headers = [(b"X-Bot-Id", b"btc"), (b"X-Bot-Epoch", epoch.encode("utf-8"))]
    async with open_bridge() as client:
        got = await client.post("/order/market", json=ORDER, headers=headers)
        assert (got.status_code, got.json()["error"]["code"]) == (422, "invalid_input")
        assert "x-bot-epoch" in got.json()["error"]["message"].lower()
        # Nothing was learnt from it.
        assert (await client.get("/time", headers=bot(0))).status_code == 200
    assert coinbase.bodies() == []


@pytest.mark.parametrize("field", ["limit", "start", "end"])
@pytest.mark.parametrize("number", ["1_0", "+10", "10.0", " 10", "9" * 5_000, ""])
async def test_a_number_in_a_query_is_digits_and_nothing_else(open_bridge: Any, field: str, number: str) -> None:
    paths = ["/candles?product_id=BTC-USD", *(["/accounts?"] if field == "limit" else [])]
    async with open_bridge() as client:
        for path in paths:
            got = await client.get(f"{path}&{field}=" + number.replace("+", "%2B").replace(" ", "%20"))
            assert got.status_code == 422
            assert field in got.json()["error"]["message"]


@pytest.mark.parametrize("since", ["1_795_368_000", "+1795368000", "1795368000.0", "9" * 5_000, " 1", ""])
async def test_a_time_of_a_look_is_digits_and_nothing_else(open_bridge: Any, since: str) -> None:
    params = {"client_order_id": "c-1", "product_id": "BTC-USD", "since": since}
    async with open_bridge() as client:
        got = await client.get("/order", params=params)
    assert got.status_code == 422
    assert "since" in got.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/order/market", ORDER),
        ("/order/limit", {"client_order_id": "c", "product_id": "BTC-USD", "side": "BUY", "base_size": "1",
                          "limit_price": "9"}),
        ("/order/o-1", {"price": "9", "size": "1"}),
        ("/order/o-1", None),
    ],
)  # fmt: skip
async def test_a_key_that_may_not_trade_is_refused_for_orders_and_says_what_to_do(
    open_bridge: Any, coinbase: Any, path: str, body: dict[str, str] | None
) -> None:
    coinbase.on("GET", "/key_permissions", {"can_view": True, "can_trade": False, "can_transfer": False})
    method = "POST" if path != "/order/o-1" else "DELETE" if body is None else "PATCH"
    async with open_bridge() as client:
        await client.get("/upstream")
        got = await client.request(method, path, json=body)
        assert (got.status_code, got.json()["error"]["code"]) == (403, "key_may_not_trade")
        assert "permission to trade" in got.json()["error"]["message"]
        # A look needs no such permission.
        assert (await client.get("/order/o-1")).status_code == 404
    assert [request for request in coinbase.requests if request.method == "POST"] == []


async def test_a_permission_that_was_given_since_is_noticed(
    open_bridge: Any, coinbase: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    coinbase.on("GET", "/key_permissions", {"can_trade": False}, {"can_trade": True})
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        await client.get("/upstream")
        assert (await client.post("/order/market", json=ORDER)).status_code == 403
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 61)
        assert (await client.post("/order/market", json=ORDER)).status_code == 200


async def test_permissions_that_are_not_known_refuse_nothing(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/key_permissions", {"can_trade": "false"})
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        await client.get("/upstream")
        assert (await client.post("/order/market", json=ORDER)).status_code == 200
