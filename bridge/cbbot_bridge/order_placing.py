"""Orders: sent once in effect, and never reported as something they may not be.

1.  One request at a time has a client order id. A repeat of an order that is known to exist is answered
    with it, whatever the product's gates say by now; another wish under its id is refused.
2.  An order is remembered before it leaves, as it leaves, until it is certain that it was not placed. A
    repeat of one whose fate is not known sends the remembered request and passes no gate.
3.  A no is certain. The refusal, here or at Coinbase, of an id that may have been sent before (by a try
    that was not answered, by the process before this one) waits for a look at Coinbase's listing.
4.  An order that must not leave any more does not (``not_after_ms``), however long its request has waited, here or
    in the socket of a process that was stopped.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, NamedTuple

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import OrderPlaced
from cbbot.errors import Refused, Retryable
from cbbot_bridge import translate
from cbbot_bridge.coinbase.rest import CoinbaseRest, Posted, as_unavailable
from cbbot_bridge.coinbase.rest_answers import Meaning
from cbbot_bridge.create_answer import Taken, read_create_answer
from cbbot_bridge.exchange_account import ExchangeAccount
from cbbot_bridge.http_errors import OrderUnknown, RequestRefused, UpstreamRefused, UpstreamUnavailable
from cbbot_bridge.market_data import Market
from cbbot_bridge.order_request import check_gates, create_body
from cbbot_bridge.order_search import OrderFinder
from cbbot_bridge.order_wish import AnyOrder, Wish, difference, wish_of
from cbbot_bridge.prices import Prices
from cbbot_bridge.sent_orders import SentOrder, SentOrders, id_in_use

__all__ = ["OrderPlacer"]

_LOG = logging.getLogger(__name__)

_NOT_FOUND: Final = 404


class _Bounds(NamedTuple):
    """Until when a request is answered and until when its order may leave, on the monotonic clock; the last check."""

    deadline: float
    leave_by: float
    before_send: Callable[[], None]


class OrderPlacer:
    """Places orders of every kind. ``contradicted`` is called when an id stands for another order at Coinbase.

    ``seconds_until`` tells how far away a moment on the venue's clock is, in seconds of ours.
    """

    def __init__(
        self,
        rest: CoinbaseRest,
        market: Market,
        prices: Prices,
        account: ExchangeAccount,
        sent_orders: SentOrders,
        search: OrderFinder,
        seconds_until: Callable[[int], float],
        contradicted: Callable[[], None],
    ) -> None:
        self._rest = rest
        self._market = market
        self._prices = prices
        self._account = account
        self._sent_orders = sent_orders
        self._search = search
        self._seconds_until = seconds_until
        self._contradicted = contradicted

    async def place(self, order: AnyOrder, before_send: Callable[[], None] = lambda: None) -> OrderPlaced:
        """Places ``order``, or returns the order that its client order id already stands for.

        ``before_send`` is the last check before the request leaves; it raises RequestRefused.

        Raises:
            RequestRefused, UpstreamRefused: this request placed nothing.
            UpstreamUnavailable: this request placed nothing and may be made again.
            OrderUnknown: it may or may not have been placed.
        """
        now, not_after = self._rest.monotonic(), order.not_after_ms
        leave_by = math.inf if not_after is None else now + self._seconds_until(not_after)
        bounds = _Bounds(now + self._rest.order_seconds, leave_by, before_send)
        async with self._sent_orders.claimed(order.client_order_id, wish_of(order), bounds.deadline) as sent:
            if sent.placed is None:
                sent.placed = await self._send(sent, bounds)
            return sent.placed

    async def _send(self, sent: SentOrder, bounds: _Bounds) -> OrderPlaced:
        repeated = sent.body is not None
        body = sent.body
        if body is None:
            body, refusal = await self._new_body(sent, bounds.deadline)
            if refusal is not None:
                return await self._existing_or(refusal, sent, body, bounds.deadline)
            if body is None:
                raise AssertionError("neither a body nor a refusal")
        sent_before = sent.last_sent
        sent.sending(body, self._rest.monotonic())
        try:
            posted = await self._rest.post(
                "/orders", body, bounds.before_send, deadline=bounds.deadline, leave_by=bounds.leave_by
            )
        except Refused:
            # By before_send: this request did not leave.
            self._undo(sent, sent_before, repeated=repeated)
            raise
        if posted.may_have_acted:
            sent.last_sent = self._rest.monotonic()
        return await self._conclude(sent, body, posted, sent_before, bounds, repeated=repeated)

    async def _conclude(
        self,
        sent: SentOrder,
        body: dict[str, Any],
        posted: Posted,
        sent_before: float,
        bounds: _Bounds,
        *,
        repeated: bool,
    ) -> OrderPlaced:
        if sent.placed is not None:
            return sent.placed  # found by another look meanwhile
        answer = posted.answer
        in_doubt = posted.may_have_acted or repeated
        if answer.meaning not in (Meaning.OK, Meaning.REFUSED):
            unavailable = as_unavailable(answer)
            if in_doubt:
                message = f"{unavailable}; the order may have been taken"
                raise OrderUnknown(unavailable.status, unavailable.code, message)
            self._undo(sent, sent_before, repeated=False)
            if self._rest.monotonic() >= bounds.leave_by:
                return await self._existing_or(_too_late(), sent, body, bounds.deadline)
            raise unavailable
        verdict = read_create_answer(sent.client_order_id, answer)
        match verdict:
            case OrderPlaced():
                detail = answer.body.get("success_response")
                self._check_same(sent, body, {**answer.body, **(detail if isinstance(detail, dict) else {})})
                return verdict
            case OrderUnknown():
                raise verdict
            case Taken(reason):
                return await self._taken(reason, sent, body, bounds.deadline)
        if not posted.may_have_acted:
            self._undo(sent, sent_before, repeated=repeated)
        return await self._existing_or(verdict, sent, body, bounds.deadline)

    def _undo(self, sent: SentOrder, sent_before: float, *, repeated: bool) -> None:
        """This request certainly placed nothing; what is known of earlier ones is as it was."""
        sent.last_sent = sent_before
        if not repeated:
            sent.not_placed()

    async def _existing_or(
        self, refusal: Refused, sent: SentOrder, body: dict[str, Any] | None, deadline: float
    ) -> OrderPlaced:
        """The order that the refused id stands for already; ``refusal`` is raised when it certainly stands for none."""
        in_doubt = sent.body is not None
        if not in_doubt and not self._search.needed(self._sent_orders.known_since):
            raise refusal
        # A listing of a product that Coinbase does not know would only be refused too.
        no_product = isinstance(refusal, UpstreamRefused) and refusal.status == _NOT_FOUND
        try:
            order = await self._find(sent, None if no_product else sent.wish.product_id, deadline)
        except (Refused, Retryable) as error:
            raise _maybe(refusal, f"{error}") from error
        if sent.placed is not None:
            return sent.placed  # found by another look meanwhile
        if order is not None:
            return self._existing(sent, body, order)
        sent_at = sent.last_sent if in_doubt else self._sent_orders.known_since
        if not self._search.absence_counts(sent_at):
            raise _maybe(refusal, "an earlier try may have been taken and not be visible yet")
        sent.not_placed()
        raise refusal

    async def _taken(self, reason: Refused, sent: SentOrder, body: dict[str, Any], deadline: float) -> OrderPlaced:
        """Coinbase says that it has an order with this id: that is no refusal, and which one it is has to be seen."""
        try:
            order = await self._find(sent, None, deadline)
        except (Refused, Retryable) as error:
            raise _maybe(reason, f"the id seems to be taken, and {error}") from error
        if order is None:
            raise _maybe(reason, "the id seems to be taken, and no order of that id is visible yet")
        return self._existing(sent, body, order)

    async def _find(self, sent: SentOrder, product_id: str | None, deadline: float) -> dict[str, Any] | None:
        within = max(deadline - self._rest.monotonic(), self._rest.least_seconds)
        since = sent.first_sent if sent.body is not None and product_id is not None else None
        return await self._search.find(sent.client_order_id, product_id, since, within)

    def _existing(self, sent: SentOrder, body: dict[str, Any] | None, order: dict[str, Any]) -> OrderPlaced:
        self._check_same(sent, body, order)
        with _unreadable_is_unknown():
            order_id = translate.text_of(order, "order_id")
        return OrderPlaced(order_id=order_id, client_order_id=sent.client_order_id)

    def _check_same(self, sent: SentOrder, body: dict[str, Any] | None, found: dict[str, Any]) -> None:
        """Whether ``found``, which has the id, is the order that was wished for.

        Raises:
            RequestRefused: it is another one.
            OrderUnknown: it cannot be read.
        """
        with _unreadable_is_unknown():
            wrong = difference(sent.wish, body, found)
        if wrong is None:
            return
        self._contradicted()
        fields = {"client_order_id": sent.client_order_id, "reason": wrong}
        _LOG.error("a client order id stands for another order", extra={"fields": fields})
        sent.not_placed()
        raise id_in_use(sent.client_order_id, f"another order at Coinbase: {wrong}")

    async def _new_body(self, sent: SentOrder, deadline: float) -> tuple[dict[str, Any] | None, Refused | None]:
        """The create request, as far as it could be made, and why it must not be sent."""
        body: dict[str, Any] | None = None
        wish = sent.wish
        try:
            async with asyncio.timeout(max(deadline - self._rest.least_seconds - self._rest.monotonic(), 0.0)):
                await self._account.require_trading()
                product = await self._market.product_for_order(wish.product_id)
                body = create_body(sent.client_order_id, wish, product, await self._bid(wish))
            check_gates(product, wish)
        except TimeoutError:
            message = "Coinbase: the product was not read in time; nothing was sent"
            raise UpstreamUnavailable(504, BridgeErrorCode.UPSTREAM_TIMEOUT, message) from None
        except Refused as refusal:
            return body, refusal
        return body, None

    async def _bid(self, wish: Wish) -> Decimal | None:
        if not wish.needs_bid:
            return None
        bbo = self._prices.fresh_bbo(wish.product_id) or await self._market.bbo(wish.product_id, for_order=True)
        bid = Decimal(bbo.bid)
        if bid <= 0:
            raise translate.malformed(f"the bid of {wish.product_id} is {bid}")
        return bid


@contextmanager
def _unreadable_is_unknown() -> Iterator[None]:
    """Around what reads an order that has our id: that it cannot be read does not make it an order never sent."""
    try:
        yield
    except UpstreamUnavailable as error:
        message = f"an order with this id exists, and what it is cannot be read: {error}; look it up with GET /order"
        raise OrderUnknown(error.status, error.code, message) from error


def _too_late() -> RequestRefused:
    message = "not_after_ms is over: the order has waited too long, here or on its way, and was not sent"
    return RequestRefused(400, BridgeErrorCode.TOO_LATE, message)


def _maybe(refusal: Refused, why_not: str) -> OrderUnknown:
    message = f"refused now ({refusal}), which proves nothing: {why_not}; look it up with GET /order"
    return OrderUnknown(502, refusal.code, message)
