"""The bridge as a source of candles: what is asked again, for how long, and what is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import httpx
import pytest

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.domain.candle import Granularity
from cbbot.errors import BadInput, Refused, Retryable
from cbbot.research.backfill.grid import Window
from cbbot.research.backfill.rows import Row
from cbbot.research.backfill.source import CandleSource

CANDLE = {"start": "60", "open": "1", "high": "2", "low": "0.50", "close": "2", "volume": "0"}
PAGE = Window(0, 600)


def error(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "so it is"}})


class Asked:
    """A source whose bridge gives these answers, the last one for ever; waits take no time."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.messages: list[str] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def run(self, ask: Callable[[CandleSource], Any]) -> Any:
        async def main() -> Any:
            client = BridgeClient("http://bridge", "a-token", httpx.MockTransport(self._answer))
            try:
                return await ask(CandleSource(client, "BTC-USD", self.messages.append, self._sleep, Random(1)))
            finally:
                await client.aclose()

        return asyncio.run(main())

    def candles(self) -> Any:
        return self.run(lambda source: source.candles(Granularity.FIVE_MINUTE, PAGE))


def test_a_page_is_asked_for_by_its_own_ends_and_its_numbers_stay_text() -> None:
    asked = Asked(httpx.Response(200, json=[CANDLE]))
    assert asked.candles() == [Row(60, "1", "2", "0.50", "2", "0")]
    params = dict(asked.requests[0].url.params)
    assert params == {"product_id": "BTC-USD", "granularity": "FIVE_MINUTE", "start": "0", "end": "600"}
    assert asked.requests[0].headers["Authorization"] == "Bearer a-token"


@pytest.mark.parametrize(
    "passing",
    [
        error(503, "rate_limited"),
        error(504, "upstream_timeout"),
        error(429, "rate_limited"),
        httpx.Response(429),
        httpx.Response(502, html="<h1>Bad gateway</h1>"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("gone"),
        httpx.Response(200, text="no JSON"),
        httpx.Response(200, json={"candles": []}),
        httpx.Response(200, json=[{**CANDLE, "high": "NaN"}]),
    ],
    ids=str,
)
def test_what_may_pass_is_asked_again_after_a_pause(passing: httpx.Response | Exception) -> None:
    asked = Asked(passing, httpx.Response(200, json=[CANDLE]))
    assert len(asked.candles()) == 1
    assert len(asked.pauses) == len(asked.messages) == 1
    assert asked.messages[0].startswith("bridge: GET /candles")
    assert "asking again in" in asked.messages[0]


def test_an_address_where_nobody_answers_is_given_up_soon() -> None:
    asked = Asked(httpx.ConnectError("refused"))
    with pytest.raises(Retryable, match="GET /candles: ConnectError refused"):
        asked.candles()
    assert len(asked.requests) == 3
    assert sum(asked.pauses) < 2


def test_a_bridge_that_has_answered_is_waited_for_with_growing_pauses() -> None:
    asked = Asked(httpx.Response(200, json={"iso": "", "epoch_ms": 5, "offset_ms": 0}), error(503, "rate_limited"))

    async def both(source: CandleSource) -> None:
        assert await source.now_ms() == 5
        await source.candles(Granularity.ONE_DAY, PAGE)

    with pytest.raises(Retryable, match="so it is"):
        asked.run(both)
    assert 60 < sum(asked.pauses) < 240
    assert max(asked.pauses) <= 20
    assert min(asked.pauses) > 0.2
    assert asked.pauses[0] < asked.pauses[3] < asked.pauses[5]


def test_a_definite_no_is_not_asked_again() -> None:
    asked = Asked(error(401, "bad_token"))
    with pytest.raises(Refused, match="so it is"):
        asked.candles()
    assert len(asked.requests) == 1


@pytest.mark.parametrize("code", ["not_found", "NOT_FOUND", "HTTP_404"])
def test_a_product_that_the_venue_does_not_know_is_bad_input(code: str) -> None:
    asked = Asked(error(404, code))
    with pytest.raises(BadInput, match="--product BTC-USD: the venue has no such product"):
        asked.run(lambda source: source.check_product())
    assert asked.requests[0].url.path == "/product/BTC-USD"
