"""Orders placed while Coinbase fails: what is answered, counted and logged, and that one id is one order at most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from simulation.faulted_bridge import WISHES, FaultedVenue, FaultyBridge

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

EVER: Final = 1000


@dataclass(frozen=True)
class Trouble:
    """A fault of placing an order, and what the bridge makes of it.

    ``code`` and ``outcome`` are of an answer that is not 200; ``counted`` is the outcome in the metrics, and
    ``retried`` the label and number of tries after which the bridge asked again (None: not looked at). ``held``
    is how many orders the books hold after it.
    """

    name: str
    fault: dict[str, Any]
    status: int = 200
    code: str = ""
    outcome: str | None = None
    counted: str = "placed"
    retried: tuple[str, int] | None = None
    events: tuple[str, ...] = ()
    held: int = 1
    adjusted: dict[str, Any] = field(default_factory=dict)


_AGAIN, _GAVE_UP = "asking Coinbase again", "gave up asking Coinbase"
TROUBLES: Final = (
    # What passes while the bridge asks again.
    *(
        Trouble(
            f"429 twice, {body}",
            {"status": 429, "body": body, "times": 2},
            retried=("429", 2),
            events=(_AGAIN, _AGAIN, "order placed"),
        )
        for body in ("json", "html", "empty")
    ),
    Trouble(
        "401 three times",
        {"status": 401, "times": 3},
        retried=("401", 3),
        events=(_AGAIN, _AGAIN, _AGAIN, "order placed"),
    ),
    *(
        Trouble(
            f"{status} once before the effect, {body}",
            {"status": status, "body": body},
            retried=(str(status), 1),
            events=(_AGAIN, "order placed"),
        )
        for status, body in ((500, "json"), (502, "html"), (503, "empty"), (504, "html"))
    ),
    Trouble(
        "502 once after the effect",
        {"status": 502, "body": "html", "after_effect": True},
        retried=("502", 1),
        events=(_AGAIN, "order placed"),
    ),
    Trouble("a page of HTML with 200", {"status": 200, "body": "html", "after_effect": True}, retried=("200", 1)),
    Trouble("half an answer", {"change": "truncated"}, retried=("200", 1)),
    Trouble("cut before the effect", {"cut": True}, retried=("broken", 1), events=(_AGAIN, "order placed")),
    Trouble("cut after the effect", {"cut": True, "after_effect": True}, retried=("broken", 1)),
    # Refusals that are none: the order is looked for, and found.
    Trouble("DUPLICATE_CLIENT_ORDER_ID", {"change": "duplicate_client_order_id"}, events=("order placed",)),
    Trouble("409 ALREADY_EXISTS", {"change": "already_exists"}, events=("order placed",)),
    Trouble("success false with an order_id", {"change": "refused_with_order_id"}, events=("order placed",)),
    Trouble(
        "refused as a duplicate after a lost answer",
        {"cut": True, "after_effect": True},
        retried=("broken", 1),
        adjusted={"refuse_duplicates": True},
    ),
    Trouble(
        "DUPLICATE_CLIENT_ORDER_ID of an order that is not visible yet",
        {"change": "duplicate_client_order_id"},
        502,
        "DUPLICATE_CLIENT_ORDER_ID",
        "unknown",
        "unknown",
        events=("order outcome unknown",),
        adjusted={"order_visible_delay_ms": 10_000},
    ),
    # What stays for longer than an order may take.
    Trouble(
        "a timeout before the effect",
        {"delay_seconds": 30, "status": 504, "times": EVER},
        504,
        "upstream_timeout",
        "unknown",
        "unknown",
        events=(_GAVE_UP, "order outcome unknown"),
        held=0,
    ),
    Trouble(
        "a timeout after the effect",
        {"answer_delay_seconds": 30, "times": EVER},
        504,
        "upstream_timeout",
        "unknown",
        "unknown",
        events=(_GAVE_UP, "order outcome unknown"),
    ),
    Trouble(
        "5xx for good",
        {"status": 503, "body": "html", "times": EVER},
        502,
        "upstream_error",
        "unknown",
        "unknown",
        retried=("503", 3),
        events=(_AGAIN, _AGAIN, _AGAIN, _GAVE_UP, "order outcome unknown"),
        held=0,
    ),
    Trouble(
        "5xx for good after the effect",
        {"status": 500, "after_effect": True, "times": EVER},
        502,
        "upstream_error",
        "unknown",
        "unknown",
        retried=("500", 3),
    ),
    Trouble(
        "429 for good",
        {"status": 429, "body": "empty", "times": EVER},
        503,
        "rate_limited",
        "not_placed",
        "not_placed",
        events=(*[_AGAIN] * 6, _GAVE_UP, "order not placed"),
        held=0,
    ),
    Trouble(
        "401 for good",
        {"status": 401, "times": EVER},
        503,
        "upstream_unauthorized",
        "not_placed",
        "not_placed",
        events=(*[_AGAIN] * 6, _GAVE_UP, "order not placed"),
        held=0,
    ),
)


# A stop and a bracket go the same way as a limit order: of them, what may have left an order behind.
CASES: Final = [
    pytest.param(trouble, kind, id=f"{trouble.name}-{kind}")
    for trouble in TROUBLES
    for kind in WISHES
    if kind in ("market", "limit") or trouble.outcome == "unknown" or trouble.fault.get("cut")
]


@pytest.mark.parametrize(("trouble", "kind"), CASES)
async def test_an_order_in_trouble(exchange: FaultedVenue, troubled: FaultyBridge, kind: str, trouble: Trouble) -> None:
    """And once it is over, the same request again is answered with the one order."""
    client_order_id = f"{kind}-{trouble.name}".replace(" ", "-").replace(",", "")
    side = WISHES[kind][1]["side"]
    exchange.adjust(**trouble.adjusted)
    exchange.fault(method="POST", path="/orders", **trouble.fault)

    answer = await troubled.place(kind, client_order_id)

    assert answer.status_code == trouble.status, answer.text
    if trouble.status != 200:
        assert (answer.json()["error"]["code"], answer.json().get("outcome")) == (trouble.code, trouble.outcome)
    assert await troubled.counted("bridge_orders_total", kind=kind, side=side, outcome=trouble.counted) == 1
    if trouble.retried is not None:
        reason, times = trouble.retried
        assert await troubled.counted("bridge_upstream_retries_total", verb="POST", reason=reason) == times
    if trouble.events:
        events = [line for line in troubled.lines if line.fields.get("request", "POST /orders") == "POST /orders"]
        assert tuple(line.event for line in events) == trouble.events
    last = troubled.lines[-1]
    assert last.fields["client_order_id"] == client_order_id
    assert (last.fields["kind"], last.fields["side"]) == (kind, side)
    assert ("order_id" in last.fields) is (trouble.status == 200)

    exchange.works_again()
    exchange.seconds(10)
    held = exchange.orders(client_order_id)
    assert len(held) == trouble.held
    again = await troubled.place(kind, client_order_id)
    assert again.status_code == 200, again.text
    assert [order["order_id"] for order in exchange.orders(client_order_id)] == [again.json()["order_id"]]
    assert not held or held[0]["order_id"] == again.json()["order_id"]
    if trouble.status == 200:
        assert answer.json()["order_id"] == again.json()["order_id"]
