"""What may not be traded now, or not so, is refused for certain: nothing is placed, counted and logged as refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from simulation.faulted_bridge import WISHES, FaultedVenue, FaultyBridge, bridge_before

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

KINDS: Final = pytest.mark.parametrize("kind", WISHES)


@dataclass(frozen=True)
class Refusal:
    """``late``: the bridge has read the product before, and Coinbase's own no is what it hears."""

    name: str
    adjusted: dict[str, Any]
    code: str
    kinds: tuple[str, ...] = tuple(WISHES)
    late: bool = False
    other: dict[str, str] = field(default_factory=dict)


def gate(name: str) -> dict[str, Any]:
    return {"gates": {"BTC-USD": [name]}}


def status(name: str) -> dict[str, Any]:
    return {"status": {"BTC-USD": name}}


EMPTY: Final = {"balances": {"USD": "0", "BTC": "0"}}
REFUSALS: Final = (
    Refusal("halted", gate("trading_disabled"), "trading_disabled"),
    Refusal("halted after the bridge looked", gate("trading_disabled"), "TRADING_DISABLED", late=True),
    Refusal("cancel only", gate("cancel_only"), "cancel_only"),
    Refusal("limit only", gate("limit_only"), "limit_only", kinds=("market",)),
    Refusal("delisted", status("delisted"), "trading_disabled"),
    Refusal("offline", status("offline"), "trading_disabled"),
    Refusal("no balance", EMPTY, "INSUFFICIENT_FUND"),
    Refusal("less than an increment", {}, "size_too_small", kinds=("limit",), other={"base_size": "0.000000001"}),
    Refusal("less than a cent", {}, "size_too_small", kinds=("market",), other={"quote_size": "0.001"}),
    Refusal("a price of less than a cent", {}, "price_too_small", kinds=("limit",), other={"limit_price": "0.001"}),
    Refusal("less than Coinbase takes", {}, "INVALID_QUOTE_SIZE_TOO_SMALL", ("market",), other={"quote_size": "0.5"}),
)
CASES: Final = [
    pytest.param(refusal, kind, id=f"{refusal.name}-{kind}") for refusal in REFUSALS for kind in refusal.kinds
]


@pytest.mark.parametrize(("refusal", "kind"), CASES)
async def test_a_refusal_is_certain(
    exchange: FaultedVenue, troubled: FaultyBridge, refusal: Refusal, kind: str
) -> None:
    """And when the reason is gone, the same request places its order."""
    client_order_id = f"{kind}-{refusal.name}".replace(" ", "-")
    if refusal.late:
        await troubled.read("/product/BTC-USD")
        await troubled.placed(kind, f"{client_order_id}-before")
    exchange.adjust(**refusal.adjusted)

    answer = await troubled.place(kind, client_order_id, **refusal.other)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, refusal.code)
    assert "outcome" not in answer.json()
    assert exchange.orders(client_order_id) == []
    side = WISHES[kind][1]["side"]
    assert await troubled.counted("bridge_orders_total", kind=kind, side=side, outcome="refused") == 1
    (line,) = troubled.logged("order refused")
    assert (line["client_order_id"], line["code"], line["kind"]) == (client_order_id, refusal.code, kind)
    assert line["reason"] == answer.json()["error"]["message"]

    if refusal.other:
        return
    exchange.calm()
    async with bridge_before(exchange.address) as later:
        placed = await later.placed(kind, client_order_id)
    assert [order["order_id"] for order in exchange.orders(client_order_id)] == [placed]


async def test_limit_orders_are_taken_where_only_those_are(exchange: FaultedVenue, troubled: FaultyBridge) -> None:
    exchange.adjust(**gate("limit_only"))
    order_id = await troubled.placed("limit", "limit-only")
    assert [order["order_id"] for order in exchange.orders("limit-only")] == [order_id]


async def test_a_precision_too_fine_is_rounded_in_the_customers_favour(
    exchange: FaultedVenue, troubled: FaultyBridge
) -> None:
    """Coinbase refuses digits beyond an increment; nothing it may refuse for that leaves the bridge."""
    await troubled.placed("market", "fine-market", quote_size="100.0199")
    await troubled.placed("limit", "fine-limit", base_size="0.0123456789", limit_price="49500.129")
    await troubled.placed("stop_limit", "fine-stop", stop_price="49200.001", limit_price="49100.001")
    configurations = {
        name: next(iter(exchange.orders(name)[0]["order_configuration"].values()))
        for name in ("fine-market", "fine-limit", "fine-stop")
    }
    assert configurations["fine-market"]["quote_size"] == "100.01"
    assert configurations["fine-limit"]["base_size"] == "0.01234567"
    assert configurations["fine-limit"]["limit_price"] == "49500.12"
    assert configurations["fine-stop"]["stop_price"] == "49200.01"
    assert configurations["fine-stop"]["limit_price"] == "49100.01"


@KINDS
async def test_an_order_that_exists_is_not_refused_by_what_happened_since(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    """Neither by a gate, nor because it holds the money; to this bridge nor to the one after it."""
    order_id = await troubled.placed(kind, f"exists-{kind}")
    exchange.adjust(**gate("trading_disabled"), **EMPTY)
    assert await troubled.placed(kind, f"exists-{kind}") == order_id
    async with bridge_before(exchange.address) as after:
        assert await after.placed(kind, f"exists-{kind}") == order_id
        assert after.logged("order refused") == []
    assert len(exchange.orders(f"exists-{kind}")) == 1


@KINDS
async def test_a_bridge_that_has_just_started_says_unknown_where_an_order_may_not_be_visible_yet(
    exchange: FaultedVenue, kind: str
) -> None:
    exchange.adjust(**gate("trading_disabled"))
    async with bridge_before(exchange.address) as fresh:
        fresh.bridge.orders.sent.known_since += 60
        answer = await fresh.place(kind, f"fresh-{kind}")
        assert (answer.status_code, answer.json()["outcome"]) == (502, "unknown")
        assert answer.json()["error"]["code"] == "trading_disabled"
        (line,) = fresh.logged("order outcome unknown")
        assert line["client_order_id"] == f"fresh-{kind}"
    assert exchange.orders(f"fresh-{kind}") == []


@KINDS
async def test_one_id_for_two_wishes_is_refused_and_nothing_sent(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    other = {"quote_size": "200"} if kind == "market" else {"base_size": "0.02"}
    order_id = await troubled.placed(kind, f"twice-{kind}")
    answer = await troubled.place(kind, f"twice-{kind}", **other)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "id_in_use")
    assert [line["code"] for line in troubled.logged("order refused")] == ["id_in_use"]
    async with bridge_before(exchange.address) as after:
        answer = await after.place(kind, f"twice-{kind}", **other)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "id_in_use")
        assert await after.counted("bridge_order_contradictions_total", what="id") == 1
        assert after.logged("a client order id stands for another order")[0]["client_order_id"] == f"twice-{kind}"
    assert [order["order_id"] for order in exchange.orders(f"twice-{kind}")] == [order_id]
