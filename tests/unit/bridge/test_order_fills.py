"""One fill counts once, a reversal is taken back, and fills never say more than an order can have filled."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from coinbase_answers import fill, filled_order

pytestmark = pytest.mark.anyio

FILLS = "/orders/historical/fills"
OPEN: dict[str, Any] = {
    "status": "OPEN",
    "filled_size": "0",
    "average_filled_price": "0",
    "filled_value": "0",
    "settled": False,
}
BASE: dict[str, Any] = {"order_configuration": {"limit_limit_gtc": {"base_size": "0.3", "limit_price": "100"}}}
QUOTE: dict[str, Any] = {"order_configuration": {"market_market_ioc": {"quote_size": "30"}}}


async def state(open_bridge: Any, coinbase: Any, order: dict[str, Any], *pages: list[dict[str, Any]]) -> httpx.Response:
    """``GET /order/o-1`` of ``order`` with fills on so many pages."""
    coinbase.on("GET", "/orders/historical/o-1", {"order": order})
    cursors = [*(f"p{number}" for number in range(1, len(pages))), ""]
    answers = [{"fills": rows, "cursor": cursor} for rows, cursor in zip(pages, cursors, strict=True)]
    coinbase.on("GET", FILLS, *answers)
    async with open_bridge() as client:
        answer: httpx.Response = await client.get("/order/o-1")
    return answer


@pytest.mark.parametrize(
    ("once", "again"),
    [
        (fill("e", "0.3"), fill("e", "0.3")),
        (fill("", "0.3", trade_id="t"), fill("", "0.3", trade_id="t")),
        (fill("", "0.3", trade_id="t", trade_type="FILL"), fill("", "0.3", trade_id="t")),
        (fill("e", "0.3", trade_id="t"), fill("", "0.3", trade_id="t")),
        (fill("", "0.3", trade_id="t"), fill("e", "0.3", trade_id="t")),
        (fill("", "0.3", trade_time="2026-11-22T17:20:00Z"), fill("", "0.3", trade_time="2026-11-22T17:20:00Z")),
    ],
    ids=["entry_id", "trade_id", "type left out", "then without entry_id", "then with entry_id", "without any name"],
)
@pytest.mark.parametrize("goes_on", [False, True], ids=["over", "goes on"])
async def test_a_fill_on_two_pages_counts_once(
    open_bridge: Any, coinbase: Any, once: dict[str, Any], again: dict[str, Any], *, goes_on: bool
) -> None:
    order = filled_order(**BASE, **(OPEN if goes_on else {}))
    got = (await state(open_bridge, coinbase, order, [once], [again])).json()
    assert got["filled_size"] == "0.3"
    assert got["fills_agree"] is not goes_on
    assert got["commission_total_usd"] == ("0.27" if goes_on else "0.09")


async def test_two_fills_of_one_trade_with_names_of_their_own_are_two(open_bridge: Any, coinbase: Any) -> None:
    rows = [fill("a", "0.1", trade_id="t"), fill("b", "0.2", trade_id="t")]
    got = (await state(open_bridge, coinbase, filled_order(), rows)).json()
    assert (got["filled_size"], got["fills_agree"]) == ("0.3", True)


async def test_two_fills_without_entry_ids_are_two_by_their_trades(open_bridge: Any, coinbase: Any) -> None:
    rows = [fill("", "0.15", trade_id="t"), fill("", "0.15", trade_id="u")]
    got = (await state(open_bridge, coinbase, filled_order(), rows)).json()
    assert (got["filled_size"], got["fills_agree"]) == ("0.3", True)


async def test_a_fill_that_says_two_things_is_a_contradiction(open_bridge: Any, coinbase: Any) -> None:
    got = await state(open_bridge, coinbase, filled_order(), [fill("e", "0.1")], [fill("e", "0.2")])
    assert (got.status_code, got.json()["error"]["code"], got.json()["outcome"]) == (
        502,
        "order_contradicts",
        "unknown",
    )


async def test_a_reversal_is_taken_back(open_bridge: Any, coinbase: Any) -> None:
    rows = [fill("a", "0.3"), fill("b", "0.1"), fill("c", "0.1", trade_type="REVERSAL")]
    got = (await state(open_bridge, coinbase, filled_order(), rows)).json()
    assert (got["filled_size"], got["fills_agree"], got["commission_total_usd"]) == ("0.3", True, "0.09")


async def test_a_reversal_that_the_order_does_not_show_yet_is_taken_back_all_the_same(
    open_bridge: Any, coinbase: Any
) -> None:
    rows = [fill("a", "0.2"), fill("b", "0.1"), fill("c", "0.1", trade_type="REVERSAL")]
    got = (await state(open_bridge, coinbase, filled_order(), rows)).json()
    assert (got["filled_size"], got["filled_value"], got["average_filled_price"]) == ("0.2", "20.0", "100")
    assert got["fills_agree"] is False


async def test_reversals_of_one_trade_are_told_apart_by_their_time(open_bridge: Any, coinbase: Any) -> None:
    twice = [fill("", "0.1", trade_id="t", trade_type="REVERSAL", sequence_timestamp=at) for at in ("1", "2", "2")]
    rows = [fill("", "0.5", trade_id="t"), *twice]
    got = (await state(open_bridge, coinbase, filled_order(), rows)).json()
    assert (got["filled_size"], got["fills_agree"]) == ("0.3", True)


@pytest.mark.parametrize("kind", ["CORRECTION", "SYNTHETIC", "OF_TOMORROW"])
@pytest.mark.parametrize("order", [filled_order(), filled_order(**OPEN)], ids=["over", "goes on"])
async def test_rows_whose_meaning_is_not_known_leave_the_order_its_own_totals(
    open_bridge: Any, coinbase: Any, order: dict[str, Any], kind: str
) -> None:
    rows = [fill("a", "0.3"), fill("b", "0.1", trade_type=kind)]
    got = (await state(open_bridge, coinbase, order, rows)).json()
    assert (got["filled_size"], got["fills_agree"]) == (order["filled_size"], False)


async def test_fills_beyond_an_order_that_is_over_are_a_contradiction_and_said_once(
    open_bridge: Any, coinbase: Any, caplog: pytest.LogCaptureFixture
) -> None:
    coinbase.on("GET", "/orders/historical/o-1", {"order": filled_order()})
    coinbase.on("GET", FILLS, {"fills": [fill("a", "0.3"), fill("b", "0.3")], "cursor": ""})
    async with open_bridge() as client:
        got = await client.get("/order/o-1")
        metrics = (await client.get("/metrics")).text
        assert (await client.get("/order/o-1")).status_code == got.status_code
    assert (got.status_code, got.json()["error"]["code"], got.json()["outcome"]) == (
        502,
        "order_contradicts",
        "unknown",
    )
    assert 'bridge_order_contradictions_total{what="fills"} 1.0' in metrics
    (line,) = [record for record in caplog.records if record.message == "order contradicts itself"]
    assert (line.__dict__["fields"]["order_id"], line.__dict__["fields"]["client_order_id"]) == ("o-1", "c-1")


@pytest.mark.parametrize(
    ("asked", "size"),
    [(BASE, "0.31"), (QUOTE, "0.31"), (QUOTE, "5")],
    ids=["base", "quote", "quote taken for base"],
)
async def test_fills_ahead_of_an_order_may_not_be_more_than_it_asks_for(
    open_bridge: Any, coinbase: Any, asked: dict[str, Any], size: str
) -> None:
    got = await state(open_bridge, coinbase, filled_order(**OPEN, **asked), [fill("a", size)])
    assert (got.status_code, got.json()["error"]["code"]) == (502, "order_contradicts")


def unsaid(entry: str, size: str) -> dict[str, Any]:
    row = fill(entry, size)
    del row["size_in_quote"]
    return row


@pytest.mark.parametrize(
    ("rows", "agree"),
    [
        ([unsaid("a", "30")], True),
        ([unsaid("a", "0.3")], True),
        ([fill("a", "0.1"), unsaid("b", "20")], True),
        ([fill("a", "10", size_in_quote=True), unsaid("b", "0.2")], True),
        ([fill("a", "0.3", size_in_quote="false")], True),
        ([fill("a", "0.1"), unsaid("b", "7")], False),
        ([unsaid("a", "0.1")], False),
    ],
)
async def test_a_fill_that_does_not_say_its_currency_is_read_as_the_order_bears_it_out(
    open_bridge: Any, coinbase: Any, rows: list[dict[str, Any]], agree: bool
) -> None:
    got = (await state(open_bridge, coinbase, filled_order(**QUOTE), rows)).json()
    assert (got["filled_size"], got["fills_agree"]) == ("0.3", agree)


async def test_of_an_order_that_goes_on_a_fill_without_currency_counts_only_where_one_reading_is_possible(
    open_bridge: Any, coinbase: Any
) -> None:
    order = filled_order(**OPEN, **QUOTE)
    only_quote = (await state(open_bridge, coinbase, order, [unsaid("a", "10")])).json()
    assert only_quote["filled_size"] == "0.1"
    either = (await state(open_bridge, coinbase, order, [unsaid("a", "0.2")])).json()
    assert either["filled_size"] == "0"


@pytest.mark.parametrize("field", ["filled_size", "average_filled_price", "filled_value"])
async def test_a_negative_total_is_malformed(open_bridge: Any, coinbase: Any, field: str) -> None:
    got = await state(open_bridge, coinbase, {**filled_order(), field: "-0.001"}, [])
    assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_malformed")


async def test_an_answer_about_another_order_is_malformed(open_bridge: Any, coinbase: Any) -> None:
    got = await state(open_bridge, coinbase, filled_order(2), [])
    assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_malformed")


async def test_a_canceled_order_with_a_part_filled_is_never_settled_and_its_fills_agree(
    open_bridge: Any, coinbase: Any
) -> None:
    order = filled_order(status="CANCELLED", settled=False, **QUOTE)
    got = (await state(open_bridge, coinbase, order, [fill("a", "0.1"), fill("b", "0.2")])).json()
    assert (got["status"], got["filled_size"], got["settled"], got["fills_agree"]) == ("CANCELLED", "0.3", False, True)
