"""The exchange with what goes wrong at it: with one request, or with all of them until it is healed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from cbbot.soak.exchange_side import Fault, Happenings
from cbbot.venue.order_book import BookShape
from cbbot_bridge.coinbase.http_exchange import HttpAnswer
from cbbot_bridge.in_memory.in_memory_venue import InMemoryVenue
from cbbot_bridge.in_memory.venue_sites import fields_of
from cbbot_bridge.simulator.fault_changes import CHANGES
from cbbot_bridge.simulator.faults import parse_fault

__all__ = ["DisturbedVenue"]

Body = dict[str, Any]

_NOTHING_FILLED: Final = {
    "filled_size": "0",
    "filled_value": "0",
    "average_filled_price": "0",
    "number_of_fills": "0",
    "total_fees": "0",
    "total_value_after_fees": "0",
}
# Delays of an order's terms, by the kind of fault; the longest is what a bot waits for fills and for an order to show.
_DELAYS: Final = {
    "seen_late": (("order_visible_ms",), 25.0),
    "unseen": (("order_visible_ms",), 25.0),
    "pending": (("pending_ms",), 25.0),
    "fills_late": (("fills_ms",), 12.0),
    "balances_late": (("post_ms",), 30.0),
    "not_counted_yet": (("fills_ms",), 12.0),
}
_LISTINGS: Final = ("bridge>venue.list_orders", "bridge>venue.fills")


class DisturbedVenue:
    """Answers as the venue does, but for the faults."""

    def __init__(self, venue: InMemoryVenue, happenings: Happenings) -> None:
        self.venue = venue
        self.proof_wanted = False
        self.shown_ahead_seconds = 0.0
        self._note = happenings.note
        self._uncounted: dict[str, int] = {}
        self._accounts: HttpAnswer | None = None

    @property
    def context(self) -> Context:
        """What the venue's work runs in."""
        return self.venue.context

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.proof_wanted = False
        self.shown_ahead_seconds = 0.0
        self._uncounted.clear()
        self.venue.faults.clear()

    async def answer(
        self, method: str, url: str, content: bytes | None, site: str, fault: Fault | None
    ) -> HttpAnswer | None:
        """What the exchange says; None where the connection is cut."""
        if fault is not None:
            fields = fields_of(site, fault)
            if fields is not None:
                path = urlsplit(url).path
                self.venue.faults.faults.insert(0, parse_fault({"method": method, "path": path, **fields}))
                fault = fault if fault.kind in _DELAYS else None
        if site == "bridge>venue.create":
            return await self._create(method, url, content, fault)
        if fault is not None and fault.kind == "old_balances" and self._accounts is not None:
            return self._accounts
        answer = await self.venue.answer(method, url, content)
        if answer is None or answer.status != 200:
            return answer
        if site == "bridge>venue.accounts":
            self._accounts = answer
        return self._changed(site, answer, fault)

    async def _create(self, method: str, url: str, content: bytes | None, fault: Fault | None) -> HttpAnswer | None:
        with self._terms(content, fault):
            orders = len(self.venue.world.exchange.ledger.orders)
            answer = await self.venue.answer(method, url, content)
        taken = len(self.venue.world.exchange.ledger.orders) - orders
        self._note("venue.create", taken=taken, status=None if answer is None else answer.status)
        return answer

    @contextmanager
    def _terms(self, content: bytes | None, fault: Fault | None) -> Iterator[None]:
        """The exchange as it is to one order, which it takes in one step."""
        if fault is None:
            yield
            return
        world = self.venue.world
        exchange, before = world.exchange, world.exchange.terms
        wanted: Body = json.loads(content or b"{}")
        if fault.kind in _DELAYS:
            names, longest = _DELAYS[fault.kind]
            late_ms = int(min(fault.seconds or 5.0, longest) * 1000)
            exchange.terms = replace(before, delays=replace(before.delays, **dict.fromkeys(names, late_ms)))
            if fault.kind == "not_counted_yet":
                self._uncounted[str(wanted.get("client_order_id"))] = world.clock.now_ms() + late_ms
        elif fault.kind == "partial":
            exchange.terms = replace(before, shape=self._thin(wanted, fault.share))
        try:
            yield
        finally:
            exchange.terms = before

    def _thin(self, wanted: Body, share: float) -> BookShape:
        """A book that holds about that share of what is wanted."""
        world = self.venue.world
        instrument = world.main.instrument
        sizes: Body = next(iter(wanted.get("order_configuration", {}).values()), {})
        last = world.exchange.last_print(instrument.product_id)
        base = Decimal(str(sizes.get("base_size", 0)))
        if not base and last is not None:
            base = Decimal(str(sizes.get("quote_size", 0))) / (last.price * instrument.price_increment)
        return BookShape(levels=1, level_size=max(int(instrument.base_units(base) * share), 1))

    def _changed(self, site: str, answer: HttpAnswer, fault: Fault | None) -> HttpAnswer:
        changes: list[Callable[[Body], Body]] = []
        if self._uncounted and site in ("bridge>venue.get_order", "bridge>venue.list_orders"):
            changes.append(self._without_totals)
        if self.proof_wanted and site in _LISTINGS:
            changes.append(lambda body: CHANGES["proof_token_required"].make(body, 0.0)[1])
        if self.shown_ahead_seconds and site == "bridge>venue.time":
            changes.append(lambda body: CHANGES["clock"].make(body, self.shown_ahead_seconds)[1])
        if fault is not None:
            changes.append(lambda body: _odd(body, fault))
        if not changes:
            return answer
        body: Body = json.loads(answer.content)
        for change in changes:
            body = change(body)
        return HttpAnswer(answer.status, json.dumps(body).encode())

    def _without_totals(self, body: Body) -> Body:
        """Orders that are over, and of which nothing is counted yet."""
        now_ms = self.venue.clock.now_ms()
        for order in [body["order"]] if "order" in body else body["orders"]:
            if self._uncounted.get(order["client_order_id"], 0) > now_ms:
                order.update(_NOTHING_FILLED)
        return body


def _odd(body: Body, fault: Fault) -> Body:
    """An answer as only one request gets it."""
    if fault.kind == "bad_print" and body.get("trades"):
        trade = body["trades"][0]
        far = Decimal(1) + Decimal(round(fault.share * 40 - 20)) / 100
        price = (Decimal(trade["price"]) * far).quantize(Decimal(trade["price"]))
        body["trades"][0] = trade | {"price": str(price), "trade_id": f"{trade['trade_id']}-odd"}
    elif fault.kind == "holes" and body.get("candles"):
        step = 2 + int(fault.share * 20)
        body["candles"] = [row for place, row in enumerate(body["candles"]) if place % step]
    elif fault.kind == "newest_missing" and body.get("candles"):
        del body["candles"][: 1 + int(fault.share * 10)]
    return body
