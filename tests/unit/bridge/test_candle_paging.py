"""Wide windows are paged without holes or repeats, whatever Coinbase means by `end`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbbot.contract.bridge_api import CandleRow
from cbbot_bridge.candle_pages import MOST_CANDLES, merge, pages, window_of
from cbbot_bridge.http_errors import RequestRefused

NOW = 1_795_368_125


def row(start: int, close: str = "1") -> CandleRow:
    return CandleRow(start=str(start), open="1", high="1", low="1", close=close, volume="0")


def coinbase_candles(start: int, end: int, seconds: int, *, inclusive: bool) -> list[int]:
    """What Coinbase holds between start and end; refuses what is too much."""
    first = -(-start // seconds) * seconds
    last = end if inclusive else end - 1
    found = list(range(first, last + 1, seconds))
    assert (end - start) / seconds <= 300, "Coinbase might refuse this page"
    return found[::-1]


@given(
    seconds=st.sampled_from([60, 300, 900, 3600, 86400]),
    start=st.integers(1_000_000_000, 1_100_000_000),
    buckets=st.integers(0, 2000),
    rest=st.integers(0, 59),
    inclusive=st.booleans(),
)
def test_pages_together_hold_every_candle_of_the_window_once(
    seconds: int, start: int, buckets: int, rest: int, inclusive: bool
) -> None:
    window = window_of(seconds, 1, start, start + buckets * seconds + rest, NOW)
    rows = [
        row(at)
        for page_start, page_end in pages(window, seconds)
        for at in coinbase_candles(page_start, page_end, seconds, inclusive=inclusive)
    ]
    got = [int(candle.start) for candle in merge(rows, window)]
    assert got == list(range(-(-start // seconds) * seconds, window.end + 1, seconds))


@given(limit=st.integers(1, 350), seconds=st.sampled_from([60, 300, 86400]))
def test_without_a_start_there_are_limit_candles_and_the_newest_is_in_progress(limit: int, seconds: int) -> None:
    window = window_of(seconds, limit, None, None, NOW)
    rows = [
        row(at)
        for page_start, page_end in pages(window, seconds)
        for at in coinbase_candles(page_start, min(page_end, NOW), seconds, inclusive=True)
    ]
    got = [int(candle.start) for candle in merge(rows, window)]
    assert len(got) == limit
    assert got[-1] == NOW // seconds * seconds
    assert got == list(range(got[0], got[-1] + 1, seconds))


def test_without_a_start_the_end_is_honoured() -> None:
    window = window_of(60, 3, None, 1_000_000_020, NOW)
    rows = [row(at) for at in coinbase_candles(*next(pages(window, 60)), 60, inclusive=True)]
    assert [int(candle.start) for candle in merge(rows, window)] == [999_999_900, 999_999_960, 1_000_000_020]


def test_a_later_reading_of_a_candle_replaces_an_earlier_one() -> None:
    window = window_of(60, 1, 0, 600, NOW)
    assert [candle.close for candle in merge([row(60, "1"), row(60, "2")], window)] == ["2"]


@pytest.mark.parametrize(("start", "end"), [(100, 99), (0, MOST_CANDLES * 60)])
def test_an_empty_or_endless_window_is_refused_by_field(start: int, end: int) -> None:
    with pytest.raises(RequestRefused, match=r"^start: ") as caught:
        window_of(60, 1, start, end, NOW)
    assert caught.value.status == 422


@pytest.mark.anyio
async def test_the_endpoint_answers_oldest_first_with_each_page_at_most_300_wide(
    open_bridge: Any, coinbase: Any
) -> None:
    def candles(request: httpx.Request) -> httpx.Response:
        query = request.url.params
        starts = coinbase_candles(int(query["start"]), int(query["end"]), 60, inclusive=True)
        return httpx.Response(200, json={"candles": [row(at).model_dump() for at in starts]})

    coinbase.on("GET", "/market/products/BTC-USD/candles", candles)
    async with open_bridge() as client:
        answer = await client.get("/candles?product_id=BTC-USD&start=1712192400&end=1712252400&limit=300")
    starts = [int(candle["start"]) for candle in answer.json()]
    assert starts == list(range(1712192400, 1712252401, 60))
    asked = coinbase.asked("GET", "/market/products/BTC-USD/candles")
    assert len(asked) == 4
    assert {request.url.params["limit"] for request in asked} == {"350"}


@pytest.mark.anyio
async def test_a_page_that_cannot_be_read_fails_the_whole_window(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on(
        "GET", "/market/products/BTC-USD/candles", {"candles": [row(1712192400).model_dump()]}, httpx.Response(500)
    )
    async with open_bridge() as client:
        answer = await client.get("/candles?product_id=BTC-USD&start=1712192400&end=1712252400")
    assert answer.status_code == 502
    assert "outcome" not in answer.json()
