"""Orders through the bridge: sent once under one id, followed to their end, looked up when in doubt.

A BUY entry spends ``quote_size``; everything else is sized in base. Nothing here decides about
money: whatever is not certain is reported as unknown, and the trader asks again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Final

import httpx
from pydantic import ValidationError

from cbbot.brokers.bridge_client import LISTING_LIMIT, BridgeClient, NotPlaced, OrderOutcome, Unknown
from cbbot.brokers.broker import Listing, OrderEvent
from cbbot.brokers.listed_orders import listed_orders
from cbbot.brokers.order_answers import CLOCK_MARGIN_MS, by_quote, contradiction, execution_of, is_final, may_be_final
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import OrderNotFound, OrderState, OwnOrders
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput, Refused, Retryable
from cbbot.trader.events import (
    OrderAbsent,
    OrderAccepted,
    OrderContradicts,
    OrderFilled,
    OrderRefused,
    OrdersListed,
    OrdersNotListed,
    OrderUnknown,
)
from cbbot.trader.intent import Intent, Progress

__all__ = ["BridgeBroker"]

_SEND_DELAYS: Final = (0.2, 0.5, 1.0)
_FIRST_POLL_SECONDS: Final = 0.05
_SLOWEST_POLL_SECONDS: Final = 2.0
_FOLLOW_SECONDS: Final = 60.0
_FILLS_LAG_SECONDS: Final = 15.0


class BridgeBroker:
    """A :class:`~cbbot.brokers.broker.Broker` on the bridge. ``now_ms`` is the venue's clock, ``rate`` its rate."""

    immediate = False

    def __init__(
        self,
        client: BridgeClient,
        instrument: Instrument,
        now_ms: Callable[[], int],
        rate: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._client = client
        self._instrument = instrument
        self._now_ms = now_ms
        self._rate = rate

    async def place(self, intent: Intent, price: int, now_ms: int, until: float) -> AsyncIterator[OrderEvent]:  # noqa: ARG002  a Broker is given the price
        outcome = await self._sent(intent, until)
        name = intent.client_order_id
        match outcome:
            case Refused(code=BridgeErrorCode.ID_IN_USE):
                # Not "nothing is there": somebody's order stands under the id that we wrote down as ours.
                yield OrderContradicts(self._now_ms(), name, str(outcome))
            case NotPlaced(code, message):
                yield self._not_placed(intent, code, message)
            case Refused():
                yield self._not_placed(intent, outcome.code, str(outcome))
            case Unknown(reason):
                yield OrderUnknown(self._now_ms(), name, reason)
            case placed:
                yield OrderAccepted(self._now_ms(), name, placed.order_id)
                async for event in self._follow(intent, placed.order_id):
                    yield event

    async def _sent(self, intent: Intent, until: float) -> OrderOutcome:
        """The outcome of the first try that left, or of the last one."""
        loop, body = asyncio.get_running_loop(), self._body(intent)
        outcome: OrderOutcome = NotPlaced(
            BridgeErrorCode.TOO_LATE, "the order waited too long: the market has moved on"
        )
        for delay in (0.0, *_SEND_DELAYS):
            await asyncio.sleep(delay)
            if loop.time() > until:
                break
            outcome = await self._client.post_order({**body, **self._not_after(until - loop.time())})
            if not isinstance(outcome, NotPlaced):
                break
        return outcome

    def _not_after(self, seconds: float) -> dict[str, int]:
        """The bridge is told too: a request may lie in the socket of a bridge that is stopped, and be read later."""
        if seconds == math.inf:
            return {}
        return {"not_after_ms": self._now_ms() + int(seconds * 1000 * max(self._rate(), 1.0))}

    def _not_placed(self, intent: Intent, code: str, message: str) -> OrderEvent:
        """No request of this call placed it. Of an order in doubt that says nothing about the requests before."""
        if intent.progress is Progress.SENT:
            return OrderRefused(self._now_ms(), intent.client_order_id, code, message)
        return OrderUnknown(self._now_ms(), intent.client_order_id, f"{code}: {message}", may_have_left=False)

    async def look_up(self, intent: Intent, now_ms: int) -> AsyncIterator[OrderEvent]:  # noqa: ARG002  the answer's time counts
        name = intent.client_order_id
        try:
            found = await self._find(intent)
        except (Retryable, Refused) as error:
            # "Could not ask" is never "does not exist".
            yield OrderUnknown(self._now_ms(), name, str(error), may_have_left=False)
            return
        if isinstance(found, bool):
            yield OrderAbsent(self._now_ms(), name, complete=found)
            return
        event = self._judged(intent, found)
        if event is not None and not isinstance(event, OrderFilled):
            yield event
            return
        yield OrderAccepted(self._now_ms(), name, found.order_id)
        if event is not None:
            yield event
            return
        async for later in self._follow(intent, found.order_id):
            yield later

    async def list_orders(self, prefix: str, since_ms: int) -> Listing:
        asked_ms = self._now_ms()
        params = {
            "client_order_id_prefix": prefix,
            "product_id": self._instrument.product_id,
            "since": str(since_ms // 1000),
        }
        try:
            answer = OwnOrders.model_validate(await self._client.get("/orders", params, LISTING_LIMIT))
            found = listed_orders(self._instrument, prefix, answer)
            return OrdersListed(asked_ms, found, all_visible=answer.all_visible)
        except ValidationError:
            return OrdersNotListed(asked_ms, "bridge: GET /orders: an answer that is no list of orders")
        except (Retryable, Refused) as error:
            return OrdersNotListed(asked_ms, str(error))

    def _body(self, intent: Intent) -> dict[str, str]:
        instrument = self._instrument
        body = {
            "client_order_id": intent.client_order_id,
            "product_id": instrument.product_id,
            "side": intent.side.value,
        }
        if by_quote(intent):
            return body | {"quote_size": instrument.quote_text(intent.quote_units)}
        return body | {"base_size": instrument.base_text(intent.base)}

    async def _follow(self, intent: Intent, order_id: str) -> AsyncIterator[OrderEvent]:
        """Ask until the order is over. A new order may stay unseen for seconds: 404 is no answer here."""
        loop = asyncio.get_running_loop()
        started, delay = loop.time(), _FIRST_POLL_SECONDS
        over_since: float | None = None
        reason = "the venue has the order but does not tell its end"
        while loop.time() - started < _FOLLOW_SECONDS:
            order = None
            try:
                order = _order(await self._client.get(f"/order/{order_id}"))
            except (Retryable, Refused) as error:
                reason = str(error)
            if order is not None:
                if order.status.terminal and over_since is None:
                    over_since = loop.time()
                lagging = over_since is not None and loop.time() - over_since < _FILLS_LAG_SECONDS
                event = self._judged(intent, order, patient=lagging)
                if event is not None:
                    yield event
                    return
            await asyncio.sleep(delay)
            delay = min(delay * 2, _SLOWEST_POLL_SECONDS)
        yield OrderUnknown(self._now_ms(), intent.client_order_id, reason, may_have_left=False)

    def _judged(self, intent: Intent, order: OrderState, *, patient: bool = True) -> OrderEvent | None:
        """What an order's state means; None while it goes on. ``patient``: wait for fills that lag behind."""
        name, now_ms = intent.client_order_id, self._now_ms()
        try:
            wrong = contradiction(self._instrument, intent, order)
            if wrong is not None:
                return OrderContradicts(now_ms, name, wrong)
            if not (is_final(order) or (not patient and may_be_final(order))):
                return None
            return OrderFilled(now_ms, name, execution_of(self._instrument, order))
        except BadInput as error:
            return OrderUnknown(now_ms, name, str(error), may_have_left=False)

    async def _find(self, intent: Intent) -> OrderState | bool:
        """The order; or, when it was not found, whether the look was complete."""
        if intent.order_id:
            try:
                return _order(await self._client.get(f"/order/{intent.order_id}"))
            except Refused as error:
                if error.code != BridgeErrorCode.NOT_FOUND:
                    raise
        params = {
            "client_order_id": intent.client_order_id,
            "product_id": self._instrument.product_id,
            # The venue may have written the order down under another time than the one that we wished for it at.
            "since": str(max(intent.created_ms - CLOCK_MARGIN_MS, 0) // 1000),
        }
        response = await self._client.look("/order", params)
        if response.status_code == HTTPStatus.OK:
            return _order(_parsed(response))
        if response.status_code == HTTPStatus.NOT_FOUND:
            try:
                complete = OrderNotFound.model_validate_json(response.content).search.complete
            except ValidationError as error:
                raise Retryable("bridge: GET /order: a 404 that does not say how far it looked") from error
            # A clock that was set back further than the look reaches says nothing of when the order was written down.
            return complete and self._now_ms() >= intent.created_ms - CLOCK_MARGIN_MS
        raise Retryable(f"bridge: GET /order: {response.status_code}")


def _parsed(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError as error:
        raise Retryable("bridge: an answer that is no JSON") from error


def _order(answer: object) -> OrderState:
    try:
        return OrderState.model_validate(answer)
    except ValidationError as error:
        raise Retryable("bridge: an answer that is no order") from error
