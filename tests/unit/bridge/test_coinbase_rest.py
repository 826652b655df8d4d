"""Reads are retried with a fresh signature; refusals are not; outages are told apart."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.types import Options

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot_bridge.coinbase.budget import TokenBucket
from cbbot_bridge.coinbase.http_exchange import Pool
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.coinbase.rest_answers import Meaning, read_answer
from cbbot_bridge.coinbase.retry import RetryPolicy
from cbbot_bridge.coinbase.signing import Signer
from cbbot_bridge.http_errors import UpstreamRefused, UpstreamUnavailable
from handled_exchange import HandledExchange

pytestmark = pytest.mark.anyio

HTML = httpx.Response(429, content=b"<html><body>slow down</body></html>")
EMPTY = httpx.Response(429)
JSON_429 = httpx.Response(429, json={"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]})
UNAUTHORIZED = httpx.Response(401, text="Unauthorized")
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def rest(coinbase: Any, quick_retry: RetryPolicy) -> Callable[..., CoinbaseRest]:
    def make(**options: Any) -> CoinbaseRest:
        return CoinbaseRest(
            options.pop("base", "https://api.coinbase.com"),
            options.pop("exchange", None) or HandledExchange(coinbase.handle),
            signer=options.pop("signer", None),
            private_budget=options.pop("budget", TokenBucket(10_000, 10_000)),
            public_budget=TokenBucket(10_000, 10_000),
            retry=quick_retry,
            dice=random.Random(1),
            **options,
        )

    return make


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(EMPTY, id="429 empty"),
        pytest.param(JSON_429, id="429 JSON"),
        pytest.param(HTML, id="429 HTML"),
        pytest.param(httpx.Response(500, json={"error": "INTERNAL"}), id="500"),
        pytest.param(httpx.Response(503, content=b"<html>"), id="503 HTML"),
        pytest.param(httpx.Response(200, content=b"<html>"), id="200 that is no JSON"),
        pytest.param(httpx.Response(200, content=b"[1]"), id="200 that is no object"),
        pytest.param(httpx.Response(200, content=b'{"a": NaN}'), id="200 with NaN"),
        pytest.param(httpx.ConnectError("refused"), id="connection refused"),
        pytest.param(httpx.ReadTimeout("slow"), id="read timeout"),
        pytest.param(httpx.RemoteProtocolError("cut"), id="connection cut"),
    ],
)
async def test_a_read_survives_two_passing_troubles(rest: Any, coinbase: Any, trouble: Any) -> None:
    coinbase.on("GET", "/x", trouble, trouble, {"fine": True})
    assert await rest().get("/x", private=False) == {"fine": True}
    assert len(coinbase.asked("GET", "/x")) == 3


@pytest.mark.parametrize(
    ("trouble", "status", "code", "tries"),
    [
        (EMPTY, 503, BridgeErrorCode.RATE_LIMITED, 7),
        (UNAUTHORIZED, 503, BridgeErrorCode.UPSTREAM_UNAUTHORIZED, 7),
        (httpx.Response(500), 502, BridgeErrorCode.UPSTREAM_ERROR, 4),
        (httpx.ConnectError("refused"), 503, BridgeErrorCode.UPSTREAM_UNREACHABLE, 4),
        (httpx.ReadTimeout("slow"), 504, BridgeErrorCode.UPSTREAM_TIMEOUT, 4),
    ],
)
async def test_a_trouble_that_stays_is_reported_by_its_kind(
    rest: Any, coinbase: Any, trouble: Any, status: int, code: BridgeErrorCode, tries: int
) -> None:
    coinbase.on("GET", "/x", trouble)
    with pytest.raises(UpstreamUnavailable) as caught:
        await rest().get("/x", private=True)
    assert (caught.value.status, caught.value.code) == (status, code.value)
    assert len(coinbase.asked("GET", "/x")) == tries


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_refusal_is_not_retried(rest: Any, coinbase: Any, status: int) -> None:
    coinbase.on("GET", "/x", httpx.Response(status, json={"error": "INVALID_ARGUMENT", "message": "no"}))
    with pytest.raises(UpstreamRefused) as caught:
        await rest().get("/x", private=True)
    assert (caught.value.status, caught.value.code, str(caught.value)) == (status, "INVALID_ARGUMENT", "no")
    assert len(coinbase.asked("GET", "/x")) == 1


async def test_every_try_is_signed_afresh_for_host_and_path_without_query(rest: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/x", EMPTY, {"fine": True})
    await rest(signer=Signer("k", KEY)).get("/x", [("a", "1"), ("a", "2")], private=True)
    first, second = coinbase.asked("GET", "/x")
    assert first.headers["authorization"] != second.headers["authorization"]
    assert second.url.query == b"a=1&a=2"
    token = second.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, KEY.public_key(), algorithms=["ES256"], issuer="cdp")
    assert claims["uri"] == "GET api.coinbase.com/api/v3/brokerage/x"


@pytest.mark.parametrize(
    ("base", "host"),
    [
        ("https://api.coinbase.com:443", "api.coinbase.com"),
        ("http://simulator:80", "simulator"),
        ("http://simulator:8788", "simulator:8788"),
        ("http://[::1]:8788", "[::1]:8788"),
        ("https://[fd00::1]", "[fd00::1]"),
    ],
)
async def test_the_signed_host_is_the_one_that_the_request_names(
    rest: Any, coinbase: Any, base: str, host: str
) -> None:
    coinbase.on("GET", "/x", {})
    await rest(base=base, signer=Signer("k", KEY)).get("/x", private=True)
    token = coinbase.requests[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, KEY.public_key(), algorithms=["ES256"], issuer="cdp")
    assert claims["uri"] == f"GET {host}/api/v3/brokerage/x"
    assert coinbase.requests[0].headers["host"] == host


async def test_orders_account_and_market_have_connections_of_their_own(rest: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/x", {})
    coinbase.on("POST", "/orders", {})
    exchange = HandledExchange(coinbase.handle)
    client = rest(exchange=exchange)
    await client.get("/x", private=False)
    await client.get("/x", private=True)
    await client.get("/x", private=False, for_order=True)
    await client.post("/orders", {})
    assert exchange.pools == [Pool.MARKET, Pool.ACCOUNT, Pool.ORDERS, Pool.ORDERS]


async def test_public_reads_carry_no_signature(rest: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/x", {})
    await rest(signer=Signer("k", KEY)).get("/x", private=False)
    assert "authorization" not in coinbase.requests[0].headers
    assert coinbase.requests[0].headers["cache-control"] == "no-cache"


async def test_after_a_401_the_clock_is_set_right_before_the_next_try(rest: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/x", UNAUTHORIZED, {"fine": True})
    now = [1_795_368_120.0]

    async def set_right() -> None:
        now[0] += 60

    client = rest(signer=Signer("k", KEY), signing_time=lambda: now[0], on_unauthorized=set_right)
    assert await client.get("/x", private=True) == {"fine": True}
    options: Options = {"verify_exp": False, "verify_nbf": False}
    tokens = [r.headers["authorization"].removeprefix("Bearer ") for r in coinbase.requests]
    issued = [jwt.decode(t, KEY.public_key(), algorithms=["ES256"], options=options)["nbf"] for t in tokens]
    assert issued[1] - issued[0] == 60


async def test_an_exhausted_allowance_is_answered_without_asking_coinbase(rest: Any, coinbase: Any) -> None:
    empty = TokenBucket(rate=0.001, burst=1.0)
    await empty.take(0.0)
    with pytest.raises(UpstreamUnavailable, match="allowance") as caught:
        await rest(budget=empty).get("/x", private=True)
    assert caught.value.code == "rate_limited"
    assert coinbase.requests == []


async def test_reads_leave_the_last_of_the_allowance_to_orders(rest: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/x", {})
    coinbase.on("POST", "/orders", {})
    client = rest(budget=TokenBucket(rate=0.001, burst=4.0))
    await client.get("/x", private=True)
    with pytest.raises(UpstreamUnavailable, match="allowance"):
        await client.get("/x", private=True)
    assert await client.get("/x", private=True, for_order=True) == {}
    for _ in range(2):
        assert (await client.post("/orders", {})).answer.meaning is Meaning.OK


async def test_every_try_is_counted(rest: Any, coinbase: Any) -> None:
    seen: list[tuple[str, str]] = []
    coinbase.on("GET", "/x", EMPTY, httpx.ConnectError("refused"), {})
    await rest(observe=lambda verb, code, _seconds: seen.append((verb, code))).get("/x", private=False)
    assert seen == [("GET", "429"), ("GET", "unreachable"), ("GET", "200")]


async def test_redirects_are_not_followed(rest: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/x", httpx.Response(302, headers={"location": "https://elsewhere.example/"}))
    with pytest.raises(UpstreamUnavailable):
        await rest().get("/x", private=True)
    assert {request.url.host for request in coinbase.requests} == {"api.coinbase.com"}


def test_delays_grow_with_jitter_and_never_vanish() -> None:
    policy, dice = RetryPolicy(), random.Random(7)
    for tries in range(1, 12):
        ceiling = min(5.0, 0.25 * 2 ** (tries - 1))
        delays = {policy.delay(tries, dice) for _ in range(50)}
        assert len(delays) > 40
        assert all(ceiling / 4 <= delay <= ceiling for delay in delays)


@pytest.mark.parametrize(
    ("status", "content", "code", "message"),
    [
        (400, b'{"error":"unknown","error_details":"d","message":"m"}', "HTTP_400", "m"),
        (400, b'{"error":"INVALID_ARGUMENT","error_details":"d","message":""}', "INVALID_ARGUMENT", "d"),
        (403, b'{"errors":[{"id":"scope","message":"m"}]}', "scope", "m"),
        (404, b"", "HTTP_404", "Coinbase answered HTTP 404"),
        (404, b"<html>", "HTTP_404", "Coinbase answered HTTP 404 with a page, not JSON"),
        (400, b"[" * 100_000, "HTTP_400", "Coinbase answered HTTP 400 with a page, not JSON"),
    ],
)
def test_error_bodies_of_every_shape_give_code_and_message(
    status: int, content: bytes, code: str, message: str
) -> None:
    answer = read_answer(status, content)
    assert answer.meaning is Meaning.REFUSED
    assert (answer.code, answer.message) == (code, message)
