"""Orders that rest are canceled and edited while Coinbase fails, or they fill: done, certainly not, or unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import httpx
import pytest

from simulation.faulted_bridge import FaultedVenue, FaultyBridge, until

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

EVER: Final = 1000
KINDS: Final = pytest.mark.parametrize("kind", ["limit", "stop_limit", "bracket"])
_AGAIN, _GAVE_UP = "asking Coinbase again", "gave up asking Coinbase"


@dataclass(frozen=True)
class Verb:
    """A change of an order: Coinbase's path for it, how it is asked for, and its words in metrics and log."""

    name: str
    path: str
    done: str
    ask: Callable[[FaultyBridge, str], Awaitable[httpx.Response]]

    def is_done(self, order: dict[str, Any]) -> bool:
        if self.name == "cancel":
            return bool(order["status"] == "CANCELLED")
        return any(edit["size"] == "0.02" for edit in order["edit_history"] or ())


async def _cancel(bridge: FaultyBridge, order_id: str) -> httpx.Response:
    return await bridge.client.delete(f"/order/{order_id}")


async def _edit(bridge: FaultyBridge, order_id: str) -> httpx.Response:
    return await bridge.client.patch(f"/order/{order_id}", json={"price": "49400", "size": "0.02"})


CANCEL: Final = Verb("cancel", "/orders/batch_cancel", "canceled", _cancel)
EDIT: Final = Verb("edit", "/orders/edit", "edited", _edit)
VERBS: Final = pytest.mark.parametrize("verb", [CANCEL, EDIT], ids=lambda verb: verb.name)


@dataclass(frozen=True)
class Trouble:
    """``outcome`` is the metric's ("" for the verb's own), ``done`` whether the books show the change afterwards."""

    name: str
    fault: dict[str, Any]
    status: int = 200
    code: str = ""
    outcome: str = ""
    events: tuple[str, ...] = ()
    done: bool = True


TROUBLES: Final = (
    *(
        Trouble(f"429 twice, {body}", {"status": 429, "body": body, "times": 2}, events=(_AGAIN, _AGAIN))
        for body in ("json", "html", "empty")
    ),
    Trouble("401 three times", {"status": 401, "times": 3}, events=(_AGAIN,) * 3),
    Trouble("502 before the effect", {"status": 502, "body": "html"}, events=(_AGAIN,)),
    Trouble("502 after the effect", {"status": 502, "body": "html", "after_effect": True}, events=(_AGAIN,)),
    Trouble("a page of HTML with 200", {"status": 200, "body": "html", "after_effect": True}, events=(_AGAIN,)),
    Trouble("half an answer", {"change": "truncated"}, events=(_AGAIN,)),
    Trouble("cut before the effect", {"cut": True}, events=(_AGAIN,)),
    Trouble("cut after the effect", {"cut": True, "after_effect": True}, events=(_AGAIN,)),
    Trouble("409 after the effect", {"status": 409, "after_effect": True}),
    Trouble("a timeout after the effect", {"answer_delay_seconds": 30, "times": EVER}, events=(_GAVE_UP,)),
    Trouble("5xx for good after the effect", {"status": 500, "after_effect": True, "times": EVER}),
    Trouble(
        "a timeout before the effect",
        {"delay_seconds": 30, "status": 504, "times": EVER},
        504,
        "still_pending",
        "unknown",
        (_GAVE_UP,),
        done=False,
    ),
    Trouble("5xx for good", {"status": 503, "times": EVER}, 504, "still_pending", "unknown", done=False),
    Trouble("429 for good", {"status": 429, "times": EVER}, 503, "rate_limited", "not_sent", done=False),
    Trouble("401 for good", {"status": 401, "times": EVER}, 503, "upstream_unauthorized", "not_sent", done=False),
)


@VERBS
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
async def test_a_change_in_trouble(
    exchange: FaultedVenue, troubled: FaultyBridge, verb: Verb, trouble: Trouble
) -> None:
    """And once it is over, the same request again is done."""
    client_order_id = f"{verb.name}-{trouble.name}".replace(" ", "-").replace(",", "")
    order_id = await troubled.placed("limit", client_order_id)
    exchange.fault(method="POST", path=verb.path, **trouble.fault)

    answer = await verb.ask(troubled, order_id)

    assert answer.status_code == trouble.status, answer.text
    if trouble.status != 200:
        assert answer.json()["error"]["code"] == trouble.code
        assert answer.json()["outcome"] == trouble.outcome
    outcome = trouble.outcome or verb.done
    assert await troubled.counted("bridge_orders_total", kind=verb.name, side="-", outcome=outcome) == 1
    if trouble.events:
        about = [line.event for line in troubled.lines if line.fields.get("request") == f"POST {verb.path}"]
        assert tuple(about) == trouble.events
    last = troubled.lines[-1]
    words = "outcome unknown" if outcome == "unknown" else outcome.replace("_", " ")
    assert (last.event, last.fields["order_id"]) == (f"{verb.name} {words}", order_id)
    (order,) = exchange.orders(client_order_id)
    assert verb.is_done(order) is trouble.done

    exchange.works_again()
    again = await verb.ask(troubled, order_id)
    assert again.status_code == 200, again.text
    (order,) = exchange.orders(client_order_id)
    assert verb.is_done(order)


@KINDS
async def test_orders_of_every_kind_are_canceled_though_the_answer_is_lost(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    order_id = await troubled.placed(kind, f"lost-{kind}")
    exchange.fault(method="POST", path=CANCEL.path, cut=True, after_effect=True)
    answer = await CANCEL.ask(troubled, order_id)
    assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
    assert exchange.orders(f"lost-{kind}")[0]["status"] == "CANCELLED"


async def under_way(exchange: FaultedVenue, client_order_id: str, status: str) -> None:
    async def seen() -> bool:
        order = exchange.orders(client_order_id)[0]
        return bool(order["status"] == status or order["pending_cancel"])

    await until(seen)


@KINDS
async def test_a_fill_that_overtakes_a_cancel_is_told_with_the_certain_no(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    exchange.adjust(cancel_delay_ms=300_000)
    order_id = await troubled.placed(kind, f"crossed-{kind}")
    cancel = asyncio.ensure_future(CANCEL.ask(troubled, order_id))
    await under_way(exchange, f"crossed-{kind}", "CANCEL_QUEUED")
    exchange.minute()
    answer = await cancel
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_canceled")
    assert answer.json()["order"]["status"] == "FILLED"
    assert answer.json()["order"]["filled_size"] == "0.01"
    assert await troubled.counted("bridge_orders_total", kind="cancel", side="-", outcome="refused") == 1
    (line,) = troubled.logged("cancel refused")
    assert (line["order_id"], line["code"]) == (order_id, "not_canceled")
    assert exchange.orders(f"crossed-{kind}")[0]["status"] == "FILLED"


@KINDS
async def test_a_cancel_that_takes_its_time_is_unknown_and_done_when_it_is_asked_for_again(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    exchange.adjust(cancel_delay_ms=5_000)
    order_id = await troubled.placed(kind, f"slow-{kind}")
    answer = await CANCEL.ask(troubled, order_id)
    assert (answer.status_code, answer.json()["outcome"]) == (504, "unknown")
    assert answer.json()["error"]["code"] == "still_pending"
    (line,) = troubled.logged("cancel outcome unknown")
    assert line["order_id"] == order_id
    cancel = asyncio.ensure_future(CANCEL.ask(troubled, order_id))
    exchange.seconds(5)
    assert (await cancel).json()["status"] == "CANCELLED"


async def test_a_fill_that_overtakes_an_edit_is_told(exchange: FaultedVenue, troubled: FaultyBridge) -> None:
    exchange.adjust(edit_delay_ms=300_000)
    order_id = await troubled.placed("limit", "crossed-edit")
    edit = asyncio.ensure_future(EDIT.ask(troubled, order_id))
    await under_way(exchange, "crossed-edit", "EDIT_QUEUED")
    exchange.minute()
    answer = await edit
    # Whether the edit came before the fill is not to be seen.
    assert (answer.status_code, answer.json()["outcome"]) == (502, "unknown")
    (order,) = exchange.orders("crossed-edit")
    assert (order["status"], order["filled_size"]) == ("FILLED", "0.01")
    state = await troubled.read(f"/order/{order_id}")
    assert (state["status"], state["filled_size"]) == ("FILLED", "0.01")
    assert Decimal(state["base_size"]) == Decimal("0.01")


@VERBS
async def test_an_order_that_is_filled_is_certainly_not_changed(
    exchange: FaultedVenue, troubled: FaultyBridge, verb: Verb
) -> None:
    order_id = await troubled.placed("limit", f"over-{verb.name}")
    exchange.minute()
    answer = await verb.ask(troubled, order_id)
    assert answer.status_code == 409
    assert answer.json()["order"]["status"] == "FILLED"
    assert [line["order_id"] for line in troubled.logged(f"{verb.name} refused")] == [order_id]


@VERBS
async def test_a_change_of_an_order_that_is_not_visible_yet(
    exchange: FaultedVenue, troubled: FaultyBridge, verb: Verb
) -> None:
    exchange.adjust(order_visible_delay_ms=3_000)
    order_id = await troubled.placed("limit", f"unseen-{verb.name}")
    answer = await verb.ask(troubled, order_id)
    # An edit looks first, so that nothing has left; a cancel that Coinbase has taken may be done yet.
    wanted = (504, "unknown") if verb is CANCEL else (404, None)
    assert (answer.status_code, answer.json().get("outcome")) == wanted
    exchange.seconds(4)
    assert (await verb.ask(troubled, order_id)).status_code == 200
    (order,) = exchange.orders(f"unseen-{verb.name}")
    assert verb.is_done(order)


@VERBS
async def test_a_halted_product_lets_itself_be_left(exchange: FaultedVenue, troubled: FaultyBridge, verb: Verb) -> None:
    """Canceling goes on when nothing else does; an edit is Coinbase's to refuse."""
    order_id = await troubled.placed("limit", f"halted-{verb.name}")
    exchange.adjust(gates={"BTC-USD": ["cancel_only"]})
    answer = await verb.ask(troubled, order_id)
    (order,) = exchange.orders(f"halted-{verb.name}")
    assert verb.is_done(order) is (answer.status_code == 200) is (verb is CANCEL)
    if verb is EDIT:
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "NOT_ALLOWED_BY_MARKET_STATE")
